//! Who may send how much, and the headers that say how much is left.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use leadgate_domain::{Rate, Timestamp};
use leadgate_limiter::{Counter, Decision, Request, Verdict};

use crate::authenticate::Caller;
use crate::client_address::counted;
use crate::problem::Refusal;
use crate::state::State;

/// Takes the permit for a lead: of the key, and of its source where that has a limit of its own.
pub(crate) async fn post(state: &State, request: &HttpRequest, caller: &Caller) -> Result<(), Refusal> {
    let ask = of_key(caller);
    let ask = match caller.source.rate {
        Some(rate) => ask.and(Counter::new(format!("source:{}", caller.source.id), rate)),
        None => ask,
    };
    admit(state.limiter.acquire(ask).await, request)
}

/// Takes the permit for a read, which counts on the key like a lead.
pub(crate) async fn read(state: &State, request: &HttpRequest, caller: &Caller) -> Result<(), Refusal> {
    admit(state.limiter.acquire(of_key(caller)).await, request)
}

/// Takes `cost` permits, one or none, for a request that nobody could be named for; counted by where it
/// came from.
pub(crate) async fn stranger(
    state: &State,
    request: &HttpRequest,
    address: Option<IpAddr>,
    cost: u32,
) -> Result<(), Refusal> {
    let from = address.map_or_else(|| "unknown".to_owned(), counted);
    let counter = Counter::new(format!("address:{from}"), state.config.stranger_rate);
    admit(state.limiter.acquire(Request::unknown(counter).cost(cost)).await, request)
}

fn of_key(caller: &Caller) -> Request {
    let rate = caller.key.rate.unwrap_or_else(|| caller.source.dialect.default_limit().rate);
    Request::of(caller.key.organization, Counter::new(format!("key:{}", caller.key.id), rate))
}

/// The decision stays with the request: whatever the answer will be, it says how the limit stands.
fn admit(decision: Decision, request: &HttpRequest) -> Result<(), Refusal> {
    let verdict = match decision.verdict {
        Verdict::Allowed => Ok(()),
        Verdict::Limited => {
            Err(Refusal::RateLimited { retry_after_seconds: decision.retry_after_seconds().unwrap_or(1) })
        }
        Verdict::LargerThanLimit => Err(Refusal::LargerThanLimit),
    };
    request.extensions_mut().insert(decision);
    verdict
}

/// `X-RateLimit-*` as most APIs send them, with Reset as a Unix time, and the fields of
/// draft-ietf-httpapi-ratelimit-headers-10, whose `t` are seconds from now.
pub(crate) fn headers(decision: &Decision, headers: &mut HeaderMap) {
    let Rate { permits, window } = decision.rate();
    let (remaining, reset) = (decision.remaining, decision.reset_seconds());
    let mut set = |name: &'static str, value: HeaderValue| {
        headers.insert(HeaderName::from_static(name), value);
    };
    set("x-ratelimit-limit", permits.into());
    set("x-ratelimit-remaining", remaining.into());
    set("x-ratelimit-reset", (Timestamp::now().plus(decision.reset).as_milliseconds() / 1_000 + 1).into());
    let policy = format!("\"default\";q={permits};w={}", window.as_secs());
    let standing = format!("\"default\";r={remaining};t={reset}");
    for (name, text) in [("ratelimit-policy", policy), ("ratelimit", standing)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            set(name, value);
        }
    }
}
