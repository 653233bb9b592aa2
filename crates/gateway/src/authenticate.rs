//! Authenticates callers.

use actix_web::HttpRequest;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{KeyKind, Timestamp};

use crate::caller::Caller;
use crate::context::RequestContext;
use crate::refusal::Refusal;
use crate::refusal_log::CallerLabel;
use crate::state::GatewayState;
use crate::{limit, origin};

/// Authenticates the presented credentials. A caller that cannot be authenticated is rate-limited by its
/// address.
pub(crate) async fn caller(
    state: &GatewayState,
    request: &HttpRequest,
    context: &mut RequestContext,
    presented: Result<PresentedKey, Refusal>,
) -> Result<Caller, Refusal> {
    match identify(state, request, context, presented).await {
        Ok(caller) => Ok(caller),
        // The look-up has already taken the permit.
        Err(AuthenticationFailure::AlreadyCounted(refusal)) => Err(refusal),
        Err(AuthenticationFailure::NotCounted(refusal)) => {
            limit::unauthenticated(state, context, cost(&refusal)).await?;
            Err(refusal)
        }
    }
}

/// Why authentication failed, and whether the failure was already counted for the address.
enum AuthenticationFailure {
    AlreadyCounted(Refusal),
    NotCounted(Refusal),
}

/// The permits for a failure. If keys cannot be checked, the failure costs none.
fn cost(refusal: &Refusal) -> u32 {
    u32::from(!matches!(refusal, Refusal::KeysUnavailable))
}

async fn identify(
    state: &GatewayState,
    request: &HttpRequest,
    context: &mut RequestContext,
    presented: Result<PresentedKey, Refusal>,
) -> Result<Caller, AuthenticationFailure> {
    let presented = presented.map_err(AuthenticationFailure::NotCounted)?;
    let verify = |context: &mut RequestContext, caller: Caller| {
        if !presented.matches(&caller.key, &state.keys.pepper) {
            return Err(Refusal::InvalidKey.for_key_kind(presented.kind));
        }
        context.caller = Some(CallerLabel::from_caller(&caller));
        let is_closed = state.keys.is_disabled(caller.organization()) || caller.source.deleted_at.is_some();
        if !caller.key.is_valid_at(Timestamp::now()) || is_closed {
            return Err(Refusal::RevokedKey.for_key_kind(presented.kind));
        }
        context.authenticated(&caller);
        // Checked before the rate limit, so that requests of visitors of the page do not use up the limit of
        // the server.
        if caller.key.kind == KeyKind::Secret {
            origin::check(request, &caller.key)?;
        }
        Ok(caller)
    };
    if let Some(caller) = state.keys.get(&presented.id).map_err(AuthenticationFailure::NotCounted)? {
        return verify(context, caller).map_err(AuthenticationFailure::NotCounted);
    }
    limit::unauthenticated(state, context, 1).await.map_err(AuthenticationFailure::AlreadyCounted)?;
    let found = state
        .keys
        .look_up(&presented.id, context.address)
        .await
        .map_err(AuthenticationFailure::AlreadyCounted)?;
    let caller = found.ok_or_else(|| {
        AuthenticationFailure::AlreadyCounted(Refusal::InvalidKey.for_key_kind(presented.kind))
    })?;
    verify(context, caller).map_err(AuthenticationFailure::AlreadyCounted)
}
