//! Who may send how much.

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

/// Limit of a publishable key for each client address, so that a copied key cannot be used up for all.
const PUBLIC_RATE: Rate = Rate::per_minute(30);

/// Takes the permit for a lead: of what its dialect counts by, and of the key and the source where those have
/// limits of their own. What public credentials take counts apart from what secret ones take.
pub(crate) async fn post(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
) -> Result<(), Refusal> {
    let Caller { key, source, .. } = caller;
    let (trust, from) = (caller.trust(), || from(context.address));
    let of_source = source.rate.map(|rate| Counter::new(format!("source:{}:{trust}", source.id), rate));
    let of_key = key.rate.map(|rate| Counter::new(format!("key:{}", key.id), rate));
    let usual = protocol(source.dialect).limit;
    let of_dialect = match usual.counted_by {
        LimitScope::SourceAddress => Some(format!("source:{}:{trust}:{}", source.id, from())),
        // A limit of its own takes the place of the system's.
        _ if trust == Trust::Public && (of_key.is_some() || of_source.is_some()) => None,
        // Everyone may use a public credential: each address by itself, and none at the expense of the servers.
        _ if trust == Trust::Public => Some(format!("source:{}:{trust}:{}", source.id, from())),
        LimitScope::Key => of_key.is_none().then(|| format!("key:{}:{}", key.id, source.dialect)),
        // What was said of the source itself takes the place of the system's limit.
        _ if of_source.is_some() => None,
        LimitScope::Organization => Some(format!("dialect:{}", source.dialect)),
        LimitScope::Source => Some(format!("source:{}:usual", source.id)),
    };
    let of_dialect = of_dialect.map(|scope| Counter::new(scope, usual.rate));
    let public = match key.kind {
        KeyKind::Secret => false,
        KeyKind::Publishable => true,
        KeyKind::Token => !key.origins.is_empty(),
    };
    let of_page = public.then(|| Counter::new(format!("key:{}:{}", key.id, from()), PUBLIC_RATE));
    let mut counters = [of_dialect, of_key, of_source, of_page].into_iter().flatten();
    let Some(first) = counters.next() else { return Ok(()) };
    let ask = counters.fold(LimitRequest::of(caller.organization(), first), LimitRequest::with_counter);
    admit(state.limiter.acquire(ask).await, context)
}

/// Takes the permit for a read, which counts on the key like a lead.
pub(crate) async fn read(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
) -> Result<(), Refusal> {
    let ask = LimitRequest::of(caller.organization(), reading(caller));
    admit(state.limiter.acquire(ask).await, context)
}

fn reading(caller: &Caller) -> Counter {
    let Caller { key, source, .. } = caller;
    match (key.rate, protocol(source.dialect).limit) {
        (Some(rate), _) => Counter::new(format!("key:{}", key.id), rate),
        (None, DefaultLimit { counted_by: LimitScope::Key, rate }) => {
            Counter::new(format!("key:{}:{}", key.id, source.dialect), rate)
        }
        // No system says how often its leads may be read.
        (None, _) => Counter::new(format!("key:{}", key.id), protocol(Dialect::Native).limit.rate),
    }
}

/// Takes the permit for making a URL that takes leads: each is kept until it is revoked.
pub(crate) async fn webhook(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
) -> Result<(), Refusal> {
    let rate = Rate { permits: 60, window: Duration::from_secs(60 * 60) };
    let counter = Counter::new(format!("webhooks:{}", caller.source.id), rate);
    admit(state.limiter.acquire(LimitRequest::of(caller.organization(), counter)).await, context)
}

/// Takes a permit for an authenticated caller whose request only reads or is refused. A public credential is counted by
/// client address, like an unauthenticated request, so that one client cannot use it up for others.
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

/// Takes a permit for each of many leads, of the key, beyond the one that the request took.
pub(crate) async fn additional(
    state: &GatewayState,
    context: &mut RequestContext,
    caller: &Caller,
    leads: u32,
) -> Result<(), Refusal> {
    let Some(more) = leads.checked_sub(1).filter(|more| *more > 0) else { return Ok(()) };
    let ask = LimitRequest::of(caller.organization(), reading(caller)).cost(more);
    admit(state.limiter.acquire(ask).await, context)
}

/// Takes the permit for reading a body before its sender is known.
pub(crate) async fn body_read(state: &GatewayState, context: &mut RequestContext) -> Result<(), Refusal> {
    let from = from(context.address);
    let counter = Counter::new(format!("unread:{from}"), state.config.unread_rate);
    admit(state.limiter.acquire(LimitRequest::unknown(counter)).await, context)
}

/// Takes `cost` permits, one or none, for an unauthenticated request; counted by client address.
pub(crate) async fn unauthenticated(
    state: &GatewayState,
    context: &mut RequestContext,
    cost: u32,
) -> Result<(), Refusal> {
    let from = from(context.address);
    let counter = Counter::new(format!("address:{from}"), state.config.stranger_rate);
    admit(state.limiter.acquire(LimitRequest::unknown(counter).cost(cost)).await, context)
}

/// Keeps the decision: whatever the answer will be, it says how the limit stands.
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

/// The address as it is counted by.
fn from(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "unknown".to_owned(), rate_limit_key)
}
