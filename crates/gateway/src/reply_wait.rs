//! The header `Prefer`: whether and how long a response waits for the outcome (RFC 7240).

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use leadgate_dialect::{DialectResponse, protocol};
use leadgate_domain::{Dialect, SubmissionId};

use crate::route_response::RouteResponse;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long a response waits for the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyWait {
    /// The maximum wait for the worker's result. With `None` the response is sent when the lead is durable.
    pub(crate) wait: Option<Duration>,
    applied: Option<AppliedPreference>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AppliedPreference {
    Wait(u64),
    RespondAsync,
}

impl ReplyWait {
    /// No wait, regardless of the header.
    pub(crate) const NONE: Self = Self { wait: None, applied: None };

    /// Reads `Prefer: wait=N`, limited to `max_wait`. Without it the dialect decides whether to wait for
    /// `default_wait`, unless the client sends `respond-async`. With both, the response waits and is then
    /// sent without the outcome (RFC 7240, section 4.3).
    pub(crate) fn from_headers(
        headers: &HeaderMap,
        dialect: Dialect,
        default_wait: Duration,
        max_wait: Duration,
    ) -> Self {
        let preferences = headers.get_all(PREFER).filter_map(|value| value.to_str().ok());
        let mut preferences = preferences.flat_map(|text| text.split(',')).map(preference);
        // If a preference is repeated, the first one counts (RFC 7240, section 2).
        let wait = preferences
            .clone()
            .find_map(|(name, value)| name.eq_ignore_ascii_case("wait").then(|| seconds(value)));
        let respond_async = preferences.any(|(name, _)| name.eq_ignore_ascii_case("respond-async"));
        match (wait.flatten(), respond_async) {
            (Some(seconds), _) => {
                let seconds = seconds.min(max_wait.as_secs());
                let wait = (seconds > 0).then_some(Duration::from_secs(seconds));
                Self { wait, applied: Some(AppliedPreference::Wait(seconds)) }
            }
            (None, true) => Self { wait: None, applied: Some(AppliedPreference::RespondAsync) },
            (None, false) => {
                Self { wait: protocol(dialect).waits_for_outcome.then_some(default_wait), applied: None }
            }
        }
    }

    /// The response to a lead that is durable.
    pub(crate) fn response(self, answer: DialectResponse, id: SubmissionId) -> HttpResponse {
        let has_location = answer.has_location;
        let mut response = answer.into_response();
        let headers = response.headers_mut();
        if let Some(location) =
            has_location.then(|| HeaderValue::try_from(format!("/v1/leads/{id}")).ok()).flatten()
        {
            headers.insert(header::LOCATION, location);
        }
        if let Some(applied) = self.applied() {
            headers.insert(PREFERENCE_APPLIED, applied);
        }
        response
    }

    /// The value of the header `Preference-Applied`.
    fn applied(self) -> Option<HeaderValue> {
        match self.applied? {
            AppliedPreference::Wait(seconds) => HeaderValue::try_from(format!("wait={seconds}")).ok(),
            AppliedPreference::RespondAsync => Some(HeaderValue::from_static("respond-async")),
        }
    }
}

/// Parses a number of seconds. A number above `u64::MAX` is valid and is read as `u64::MAX`.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Splits a preference into name and value, and drops its parameters.
fn preference(text: &str) -> (&str, &str) {
    let text = text.split(';').next().unwrap_or_default();
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.trim(), value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: Dialect, values: &[&str]) -> (Option<u64>, Option<String>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_str(value).unwrap());
        }
        let reply_wait =
            ReplyWait::from_headers(&headers, dialect, Duration::from_secs(2), Duration::from_secs(10));
        let applied = reply_wait.applied().map(|value| value.to_str().unwrap().to_owned());
        (reply_wait.wait.map(|wait| wait.as_secs()), applied)
    }

    #[test]
    fn the_header_and_the_dialect_decide_how_long_to_wait() {
        let applied = |seconds: Option<u64>, preference: &str| (seconds, Some(preference.to_owned()));
        assert_eq!(read(Dialect::Native, &[]), (None, None));
        assert_eq!(read(Dialect::KickoffLabs, &[]), (Some(2), None));
        assert_eq!(read(Dialect::KickoffLabs, &["respond-async"]), applied(None, "respond-async"));
        assert_eq!(read(Dialect::Native, &["wait=3"]), applied(Some(3), "wait=3"));
        assert_eq!(read(Dialect::Native, &["handling=lenient; x, Wait = \"5\""]), applied(Some(5), "wait=5"));
        assert_eq!(read(Dialect::Native, &["wait=86400"]), applied(Some(10), "wait=10"));
        assert_eq!(read(Dialect::Native, &["wait=99999999999999999999999"]), applied(Some(10), "wait=10"));
        for invalid in ["wait=", "wait=-1", "wait=+1", "wait=1.5"] {
            assert_eq!(read(Dialect::Native, &[invalid]), (None, None), "{invalid}");
        }
        assert_eq!(read(Dialect::AskAd, &["respond-async", "wait=1"]), applied(Some(1), "wait=1"));
        assert_eq!(read(Dialect::AskAd, &["wait=0"]), applied(None, "wait=0"));
        assert_eq!(read(Dialect::Native, &["wait=soon"]), (None, None));
    }
}
