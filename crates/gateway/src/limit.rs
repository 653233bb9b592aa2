//! Rate limits: which counters a request uses.

use std::net::IpAddr;
use std::time::Duration;

use leadgate_dialect::{DefaultLimit, LimitScope, protocol};
use leadgate_domain::{Dialect, KeyKind, Rate, Trust};
use leadgate_limiter::{Counter, LimitDecision, LimitRequest, LimitVerdict};

use crate::caller::Caller;
use crate::client_address::rate_limit_key;
use crate::context::RequestContext;
use crate::refusal::Refusal;
use crate::state::GatewayState;

/// The limit of a publishable key for each client address. A client that copies the key cannot use up the
/// limit of other clients.
const PUBLIC_RATE: Rate = Rate::per_minute(30);

/// Takes the permit for a posted lead. It is counted in the scope of the dialect, and for the key and the
/// source if they have their own rates. Public credentials and secret ones are counted separately.
pub(crate) async fn post(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
) -> Result<(), Refusal> {
    let Caller { key, source, .. } = caller;
    let (trust, from) = (caller.trust(), || from(context.address));
    let source_counter = source.rate.map(|rate| Counter::new(format!("source:{}:{trust}", source.id), rate));
    let key_counter = key.rate.map(|rate| Counter::new(format!("key:{}", key.id), rate));
    let default_limit = protocol(source.dialect).default_limit;
    let dialect_scope = match default_limit.counted_by {
        LimitScope::SourceAddress => Some(format!("source:{}:{trust}:{}", source.id, from())),
        // The rate of the key or the source replaces the rate of the dialect.
        _ if trust == Trust::Public && (key_counter.is_some() || source_counter.is_some()) => None,
        // A public credential is visible to every visitor, so it is counted by address and apart from
        // servers.
        _ if trust == Trust::Public => Some(format!("source:{}:{trust}:{}", source.id, from())),
        LimitScope::Key => key_counter.is_none().then(|| format!("key:{}:{}", key.id, source.dialect)),
        // The rate of the source replaces the rate of the dialect.
        _ if source_counter.is_some() => None,
        LimitScope::Organization => Some(format!("dialect:{}", source.dialect)),
        LimitScope::Source => Some(format!("source:{}:default", source.id)),
    };
    let dialect_counter = dialect_scope.map(|scope| Counter::new(scope, default_limit.rate));
    let public = match key.kind {
        KeyKind::Secret => false,
        KeyKind::Publishable => true,
        KeyKind::Token => !key.origins.is_empty(),
    };
    let page_counter = public.then(|| Counter::new(format!("key:{}:{}", key.id, from()), PUBLIC_RATE));
    let mut counters = [dialect_counter, key_counter, source_counter, page_counter].into_iter().flatten();
    let Some(first) = counters.next() else { return Ok(()) };
    let request = counters.fold(LimitRequest::new(caller.organization(), first), LimitRequest::with_counter);
    admit(state.limiter.acquire(request).await, context)
}

/// Takes the permit for a read. It is counted for the key, like a lead.
pub(crate) async fn read(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
) -> Result<(), Refusal> {
    let request = LimitRequest::new(caller.organization(), read_counter(caller));
    admit(state.limiter.acquire(request).await, context)
}

fn read_counter(caller: &Caller) -> Counter {
    let Caller { key, source, .. } = caller;
    match (key.rate, protocol(source.dialect).default_limit) {
        (Some(rate), _) => Counter::new(format!("key:{}", key.id), rate),
        (None, DefaultLimit { counted_by: LimitScope::Key, rate }) => {
            Counter::new(format!("key:{}:{}", key.id, source.dialect), rate)
        }
        // No vendor documents a limit for reads.
        (None, _) => Counter::new(format!("key:{}", key.id), protocol(Dialect::Native).default_limit.rate),
    }
}

/// Takes the permit for the creation of a webhook URL: 60 per hour and source, because each URL is stored
/// until it is revoked.
pub(crate) async fn webhook(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
) -> Result<(), Refusal> {
    let rate = Rate { permits: 60, window: Duration::from_secs(60 * 60) };
    let counter = Counter::new(format!("webhooks:{}", caller.source.id), rate);
    admit(state.limiter.acquire(LimitRequest::new(caller.organization(), counter)).await, context)
}

/// Takes a permit for an authenticated request that only reads or is refused. A public credential is counted
/// by client address, like an unauthenticated request, so that one client cannot use up the limit of others.
pub(crate) async fn authenticated(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
) -> Result<(), Refusal> {
    match caller.key.kind {
        KeyKind::Secret => read(state, context, caller).await,
        KeyKind::Publishable | KeyKind::Token => unauthenticated(state, context, 1).await,
    }
}

/// Takes the further permits for a request with many leads. The request itself has taken the first one.
pub(crate) async fn additional(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
    leads: u32,
) -> Result<(), Refusal> {
    let Some(further) = leads.checked_sub(1).filter(|further| *further > 0) else { return Ok(()) };
    let request = LimitRequest::new(caller.organization(), read_counter(caller)).cost(further);
    admit(state.limiter.acquire(request).await, context)
}

/// Takes the permit for reading a body before authentication. It is counted by client address.
pub(crate) async fn body_read(state: &GatewayState, context: &mut RequestContext) -> Result<(), Refusal> {
    let from = from(context.address);
    let counter = Counter::new(format!("body:{from}"), state.config.body_read_rate);
    admit(state.limiter.acquire(LimitRequest::without_organization(counter)).await, context)
}

/// Takes `cost` permits (0 or 1) for an unauthenticated request. They are counted by client address.
pub(crate) async fn unauthenticated(
    state: &GatewayState,
    context: &mut RequestContext,
    cost: u32,
) -> Result<(), Refusal> {
    let from = from(context.address);
    let counter = Counter::new(format!("address:{from}"), state.config.unauthenticated_rate);
    admit(state.limiter.acquire(LimitRequest::without_organization(counter).cost(cost)).await, context)
}

/// Stores the decision in the context, so that every response has the rate limit headers.
fn admit(decision: LimitDecision, context: &mut RequestContext) -> Result<(), Refusal> {
    let verdict = match decision.verdict {
        LimitVerdict::Allowed => Ok(()),
        LimitVerdict::Limited => {
            Err(Refusal::RateLimited { retry_after_seconds: decision.retry_after_seconds().unwrap_or(1) })
        }
        LimitVerdict::LargerThanLimit => Err(Refusal::LargerThanLimit),
    };
    context.limit = Some(decision);
    verdict
}

/// The key under which an address is counted.
fn from(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "unknown".to_owned(), rate_limit_key)
}
