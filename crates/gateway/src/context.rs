//! What becomes known about a request while it is handled, and is needed to answer it.

use std::fmt;
use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use leadgate_dialect::protocol;
use leadgate_domain::{Dialect, Rate, Timestamp};
use leadgate_limiter::LimitDecision;

use crate::caller::Caller;
use crate::client_address::client_address;
use crate::refusal_log::CallerLabel;
use crate::state::GatewayState;

#[derive(Clone)]
pub(crate) struct RequestContext {
    /// The client's address; `None` if the connection has none.
    pub(crate) address: Option<IpAddr>,
    /// The dialect of the answer.
    pub(crate) dialect: Dialect,
    /// Whether several dialects share the path: then the caller's source decides the dialect of the answer.
    pub(crate) shares_path: bool,
    /// How the rate limit stands, once a permit was asked for.
    pub(crate) limit: Option<LimitDecision>,
    /// The key that sent it and its source, once the key is proven.
    pub(crate) caller: Option<CallerLabel>,
    /// Whether a person sees the answer in a browser.
    pub(crate) is_page: bool,
}

/// Without the client's address, which is personal data.
impl fmt::Debug for RequestContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestContext").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl RequestContext {
    pub(crate) fn new(request: &HttpRequest, state: &GatewayState, dialect: Dialect) -> Self {
        let address = client_address(request, &state.config.trusted_proxies);
        Self { address, ..Self::unknown(dialect) }
    }

    /// From here on the request is answered as this caller expects it.
    pub(crate) fn authenticated(&mut self, caller: &Caller) {
        if self.shares_path {
            self.dialect = caller.source.dialect;
        }
    }

    /// Of a request that no route serves.
    pub(crate) fn unknown(dialect: Dialect) -> Self {
        Self { address: None, dialect, shares_path: false, limit: None, caller: None, is_page: false }
    }

    /// Adds what the answer says about the rate limit: `X-RateLimit-*` as most APIs send them, with Reset as a Unix time,
    /// and the fields of draft-ietf-httpapi-ratelimit-headers-10, whose `t` is in seconds from now.
    pub(crate) fn add_limit_headers(&self, headers: &mut HeaderMap) {
        let Some(decision) = &self.limit else { return };
        let Rate { permits, window } = decision.rate();
        let (remaining, reset) = (decision.remaining, decision.reset_seconds());
        let mut set = |name: &'static str, value: HeaderValue| {
            headers.insert(HeaderName::from_static(name), value);
        };
        set("x-ratelimit-limit", permits.into());
        set("x-ratelimit-remaining", remaining.into());
        if protocol(self.dialect).sends_reset {
            let at = Timestamp::now().plus(decision.reset).as_milliseconds() / 1_000 + 1;
            set("x-ratelimit-reset", at.into());
        }
        let policy = format!("\"default\";q={permits};w={}", window.as_secs());
        let standing = format!("\"default\";r={remaining};t={reset}");
        for (name, text) in [("ratelimit-policy", policy), ("ratelimit", standing)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                set(name, value);
            }
        }
    }
}
