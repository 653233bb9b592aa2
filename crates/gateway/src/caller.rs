//! The authenticated caller.

use std::sync::Arc;

use leadgate_dialect::Disclosure;
use leadgate_domain::{Actor, ApiKey, KeyKind, Lead, OrganizationId, Scope, Source, SourceId, Trust};

use crate::refusal::Refusal;

/// An authenticated key, and the source that the request uses.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: Arc<ApiKey>,
    /// The source of the key, unless the path selects another source of the organization.
    pub(crate) source: Arc<Source>,
    pub(crate) source_access: SourceAccess,
}

/// Which sources of its organization a key may use. Its [`Scope`]s say what it may do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceAccess {
    /// All sources.
    Organization,
    /// Only the named source that the key is bound to.
    Source(SourceId),
}

impl SourceAccess {
    /// The only source whose leads may be read, or `None` for all sources.
    pub(crate) fn source(self) -> Option<SourceId> {
        match self {
            Self::Organization => None,
            Self::Source(source) => Some(source),
        }
    }

    pub(crate) fn covers(self, source: SourceId) -> bool {
        match self {
            Self::Organization => true,
            Self::Source(own) => own == source,
        }
    }
}

impl Caller {
    /// `source` is the one that the key is bound to.
    pub(crate) fn new(key: Arc<ApiKey>, source: Arc<Source>) -> Self {
        let source_access =
            if key.organization_wide { SourceAccess::Organization } else { SourceAccess::Source(source.id) };
        Self { key, source, source_access }
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.key.organization
    }

    /// The actor for the audit log.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Key(self.key.id.clone())
    }

    /// # Errors
    /// [`Refusal::InsufficientScope`].
    pub(crate) fn check_scope(&self, scope: Scope) -> Result<(), Refusal> {
        // A public credential can post leads and do nothing else, even if more scopes are stored with it.
        let is_possible = self.key.kind == KeyKind::Secret || scope == Scope::Write;
        if is_possible && self.key.has_scope(scope) { Ok(()) } else { Err(Refusal::InsufficientScope(scope)) }
    }

    /// Whether the key may post to every source of its organization and administer it.
    pub(crate) fn is_organization_key(&self) -> bool {
        self.key.kind == KeyKind::Secret && self.source_access == SourceAccess::Organization
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::for_credential(self.key.kind, &self.source)
    }

    /// What a response may contain about a lead that this caller posted with a secret key.
    pub(crate) fn disclosure(&self, lead: &Lead) -> Disclosure {
        let may_read = self.check_scope(Scope::Read).is_ok() && self.source_access.covers(lead.source);
        if may_read { Disclosure::Lead } else { Disclosure::Outcome }
    }
}
