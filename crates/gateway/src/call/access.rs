//! What a route demands of its callers.

use leadgate_domain::{KeyKind, Scope};

use crate::caller::{Caller, Reach};
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
pub(crate) struct Read;

/// To read what belongs to no single source.
pub(crate) struct ReadOrganization;

/// To administer the organization.
pub(crate) struct Administer;

/// To change leads, with a secret key.
pub(crate) struct Write;

impl Access for Read {
    const SCOPE: Scope = Scope::Read;
}

impl Access for ReadOrganization {
    const SCOPE: Scope = Scope::Read;

    fn check(caller: &Caller) -> Result<(), Refusal> {
        if caller.reach == Reach::Organization { Ok(()) } else { Err(Refusal::OtherSource) }
    }
}

impl Access for Administer {
    const SCOPE: Scope = Scope::Admin;

    fn check(caller: &Caller) -> Result<(), Refusal> {
        if caller.is_organization_key() { Ok(()) } else { Err(Refusal::OtherSource) }
    }
}

impl Access for Write {
    const SCOPE: Scope = Scope::Write;

    fn check(caller: &Caller) -> Result<(), Refusal> {
        if caller.key.kind == KeyKind::Secret {
            Ok(())
        } else {
            Err(Refusal::InsufficientScope(Scope::Write))
        }
    }
}
