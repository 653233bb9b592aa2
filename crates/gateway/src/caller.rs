//! Who is calling, once the key is proven.

use std::sync::Arc;

use leadgate_dialect::Disclosure;
use leadgate_domain::{Actor, ApiKey, KeyKind, Lead, OrganizationId, Scope, Source, SourceId, Trust};

use crate::refusal::Refusal;

/// A key that was proven, and the source through which it comes in.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: Arc<ApiKey>,
    /// The one that the key is bound to, unless a path chose another of the organization's.
    pub(crate) source: Arc<Source>,
    pub(crate) reach: SourceAccess,
}

/// Which sources of its organization a key may use. What it may do there is its [`Scope`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceAccess {
    /// Everything: the key is bound to a default source.
    Organization,
    /// The named source that the key is bound to, and nothing else.
    Source(SourceId),
}

impl SourceAccess {
    /// The only source whose leads may be read; `None` for those of all.
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
        let reach =
            if key.of_organization { SourceAccess::Organization } else { SourceAccess::Source(source.id) };
        Self { key, source, reach }
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.key.organization
    }

    /// Who the audit log says it is.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Key(self.key.id.clone())
    }

    pub(crate) fn check_scope(&self, scope: Scope) -> Result<(), Refusal> {
        // What stands in a web page or a URL takes leads in and does nothing else, whatever it was given.
        let bounded = self.key.kind == KeyKind::Secret || scope == Scope::Write;
        if bounded && self.key.has_scope(scope) { Ok(()) } else { Err(Refusal::InsufficientScope(scope)) }
    }

    /// Whether the key may post to every source of its organization and administer it.
    pub(crate) fn is_organization_key(&self) -> bool {
        self.key.kind == KeyKind::Secret && self.reach == SourceAccess::Organization
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::of(self.key.kind, &self.source)
    }

    /// What a response to this caller, who has a secret key, may contain about a lead that it posted.
    pub(crate) fn disclosure(&self, lead: &Lead) -> Disclosure {
        let reads = self.check_scope(Scope::Read).is_ok() && self.reach.covers(lead.source);
        if reads { Disclosure::Lead } else { Disclosure::Outcome }
    }
}
