//! What is known about a request and needed for its response.

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
    /// Whether several dialects share the path. If so, the source of the caller decides the dialect of the answer.
    pub(crate) shares_path: bool,
    /// The state of the rate limit, after a permit was requested.
    pub(crate) limit: Option<LimitDecision>,
    /// The key and the source, after authentication.
    pub(crate) caller: Option<CallerLabel>,
    /// Whether the response is shown to a person in a browser.
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

    /// Sets the dialect of the answer after authentication: on a shared path it is the dialect of the caller's
    /// source.
    pub(crate) fn authenticated(&mut self, caller: &Caller) {
        if self.shares_path {
            self.dialect = caller.source.dialect;
        }
    }

    /// For a request that matches no route.
    pub(crate) fn unknown(dialect: Dialect) -> Self {
        Self { address: None, dialect, shares_path: false, limit: None, caller: None, is_page: false }
    }

    /// Adds the headers about the rate limit: `X-RateLimit-*` as most APIs send them, with Reset as a Unix
    /// time, and the fields of draft-ietf-httpapi-ratelimit-headers-10, where `t` is in seconds from now.
    pub(crate) fn add_limit_headers(&self, headers: &mut HeaderMap) {
        let Some(decision) = &self.limit else { return };
        let Rate { permits, window } = decision.rate();
        let (remaining, reset) = (decision.remaining, decision.resets_in_seconds());
        let mut set = |name: &'static str, value: HeaderValue| {
            headers.insert(HeaderName::from_static(name), value);
        };
        set("x-ratelimit-limit", permits.into());
        set("x-ratelimit-remaining", remaining.into());
        if protocol(self.dialect).sends_rate_limit_reset {
            let at = Timestamp::now().plus(decision.resets_in).as_milliseconds() / 1_000 + 1;
            set("x-ratelimit-reset", at.into());
        }
        let policy = format!("\"default\";q={permits};w={}", window.as_secs());
        let state_text = format!("\"default\";r={remaining};t={reset}");
        for (name, text) in [("ratelimit-policy", policy), ("ratelimit", state_text)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                set(name, value);
            }
        }
    }
}
