//! What a route demands of its callers.

use leadgate_domain::{KeyKind, Scope};

use crate::caller::{Caller, SourceAccess};
use crate::refusal::Refusal;

/// What a route demands of its callers.
pub(crate) trait Access: 'static {
    const SCOPE: Scope;

    /// Beyond the scope.
    fn check(_caller: &Caller) -> Result<(), Refusal> {
        Ok(())
    }
}

/// To read what the key may read.
pub(crate) struct ReadAccess;

/// To read what belongs to no single source.
pub(crate) struct OrganizationReadAccess;

/// To administer the organization.
pub(crate) struct AdminAccess;

/// To change leads, with a secret key.
pub(crate) struct WriteAccess;

impl Access for ReadAccess {
    const SCOPE: Scope = Scope::Read;
}

impl Access for OrganizationReadAccess {
    const SCOPE: Scope = Scope::Read;

    fn check(caller: &Caller) -> Result<(), Refusal> {
        if caller.reach == SourceAccess::Organization { Ok(()) } else { Err(Refusal::WrongSource) }
    }
}

impl Access for AdminAccess {
    const SCOPE: Scope = Scope::Admin;

    fn check(caller: &Caller) -> Result<(), Refusal> {
        if caller.is_organization_key() { Ok(()) } else { Err(Refusal::WrongSource) }
    }
}

impl Access for WriteAccess {
    const SCOPE: Scope = Scope::Write;

    fn check(caller: &Caller) -> Result<(), Refusal> {
        if caller.key.kind == KeyKind::Secret {
            Ok(())
        } else {
            Err(Refusal::InsufficientScope(Scope::Write))
        }
    }
}
