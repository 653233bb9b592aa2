//! Who is calling.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use leadgate_dialect::Disclosure;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{
    Actor, ApiKey, KeyKind, Lead, OrganizationId, Scope, Source, SourceId, Timestamp, Trust,
};

use crate::refusal::Refusal;
use crate::refusal_log::CallerLabel;
use crate::state::State;
use crate::{limit, origin};

/// A key that was proven, and the source through which it comes in.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: Arc<ApiKey>,
    /// The one that the key is bound to, unless a path chose another of the organization's.
    pub(crate) source: Arc<Source>,
    pub(crate) reach: Reach,
}

/// Which sources of its organization a key may use. What it may do there is its [`Scope`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everything: the key is bound to a default source.
    Organization,
    /// The named source that the key is bound to, and nothing else.
    Source(SourceId),
}

impl Reach {
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
        let reach = if key.of_organization { Reach::Organization } else { Reach::Source(source.id) };
        Self { key, source, reach }
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.key.organization
    }

    /// Who the audit log says it is.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Key(self.key.id.clone())
    }

    pub(crate) fn may(&self, scope: Scope) -> Result<(), Refusal> {
        // What stands in a web page or a URL takes leads in and does nothing else, whatever it was given.
        let bounded = self.key.kind == KeyKind::Secret || scope == Scope::Write;
        if bounded && self.key.may(scope) { Ok(()) } else { Err(Refusal::InsufficientScope(scope)) }
    }

    /// Whether the key may post to every source of its organization and administer it.
    pub(crate) fn is_organization_key(&self) -> bool {
        self.key.kind == KeyKind::Secret && self.reach == Reach::Organization
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::of(self.key.kind, &self.source)
    }

    /// What a response to this caller, who has a secret key, may contain about a lead that it posted.
    pub(crate) fn disclosure(&self, lead: &Lead) -> Disclosure {
        let reads = self.may(Scope::Read).is_ok() && self.reach.covers(lead.source);
        if reads { Disclosure::Lead } else { Disclosure::Outcome }
    }
}

/// Authenticates the presented credentials. A caller that cannot be authenticated is rate-limited by its address.
pub(crate) async fn caller(
    state: &State,
    request: &HttpRequest,
    address: Option<IpAddr>,
    presented: Result<PresentedKey, Refusal>,
) -> Result<Caller, Refusal> {
    match identify(state, request, address, presented).await {
        Ok(caller) => Ok(caller),
        // The look-up took the permit already.
        Err(Turned::Counted(refusal)) => Err(refusal),
        Err(Turned::Uncounted(refusal)) => {
            limit::stranger(state, request, address, cost(&refusal)).await?;
            Err(refusal)
        }
    }
}

/// Why authentication failed, and whether the failure was already counted for the address.
enum Turned {
    Counted(Refusal),
    Uncounted(Refusal),
}

/// It is not the caller's fault when keys cannot be checked.
fn cost(refusal: &Refusal) -> u32 {
    u32::from(!matches!(refusal, Refusal::KeysUnavailable))
}

async fn identify(
    state: &State,
    request: &HttpRequest,
    address: Option<IpAddr>,
    presented: Result<PresentedKey, Refusal>,
) -> Result<Caller, Turned> {
    let presented = presented.map_err(Turned::Uncounted)?;
    let proven = |caller: Caller| {
        if !presented.matches(&caller.key, &state.keys.pepper) {
            return Err(Refusal::InvalidKey.about(presented.kind));
        }
        CallerLabel::note(request, &caller);
        let is_closed = state.keys.is_disabled(caller.organization()) || caller.source.deleted_at.is_some();
        if !caller.key.is_good_at(Timestamp::now()) || is_closed {
            return Err(Refusal::RevokedKey.about(presented.kind));
        }
        // Checked first: nothing that a visitor of that page sends counts against the server.
        if caller.key.kind == KeyKind::Secret {
            origin::check(request, &caller.key)?;
        }
        Ok(caller)
    };
    if let Some(caller) = state.keys.get(&presented.id).map_err(Turned::Uncounted)? {
        return proven(caller).map_err(Turned::Uncounted);
    }
    limit::stranger(state, request, address, 1).await.map_err(Turned::Counted)?;
    let found = state.keys.look_up(&presented.id, address).await.map_err(Turned::Counted)?;
    let caller = found.ok_or_else(|| Turned::Counted(Refusal::InvalidKey.about(presented.kind)))?;
    proven(caller).map_err(Turned::Counted)
}
