//! The access that a route requires.

use leadgate_domain::{KeyKind, Scope};

use crate::caller::{Caller, SourceAccess};
use crate::refusal::Refusal;

/// The access that a route requires of its caller.
pub(crate) trait Access: 'static {
    const SCOPE: Scope;

    /// Checks further conditions.
    fn check(_caller: &Caller) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Read access, limited to the sources of the key.
pub(crate) struct ReadAccess;

/// Read access to data of the whole organization.
pub(crate) struct OrganizationReadAccess;

/// Administration of the organization.
pub(crate) struct AdminAccess;

/// Changes of leads, with a secret key.
pub(crate) struct WriteAccess;

impl Access for ReadAccess {
    const SCOPE: Scope = Scope::Read;
}

impl Access for OrganizationReadAccess {
    const SCOPE: Scope = Scope::Read;

    fn check(caller: &Caller) -> Result<(), Refusal> {
        if caller.source_access == SourceAccess::Organization { Ok(()) } else { Err(Refusal::WrongSource) }
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
