//! Web pages that post leads: the check of their origin, and the CORS headers (Fetch standard).

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::{ApiKey, KeyKind};

use crate::refusal::Refusal;
use crate::single_header::valid_single_header;

const ALLOWED_HEADERS: &str = "Authorization, X-API-Key, Authentication, Content-Type, Idempotency-Key, Prefer, Traceparent, X-Request-Id";
const EXPOSED_HEADERS: &str = "Location, Retry-After, Preference-Applied, RateLimit, RateLimit-Policy, \
                               X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id";

/// How long a browser may cache the response to a preflight, in seconds.
const PREFLIGHT_MAX_AGE_SECONDS: u32 = 600;

/// Allows the page that sent the request to read the response, including refusals. The key decides what a
/// page may do. Routes for operators, which need no key, do not respond to pages ([`crate::operator`]).
pub(crate) fn add_cors_headers(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// Checks that the page that sent the request may use this key. A secret key is accepted only from pages of
/// this server.
pub(crate) fn check(request: &HttpRequest, key: &ApiKey) -> Result<(), Refusal> {
    let origin = origin(request.headers());
    match key.kind {
        KeyKind::Secret if is_cross_site(request) => Err(Refusal::SecretKeyInPage),
        KeyKind::Secret => Ok(()),
        KeyKind::Token if key.origins.is_empty() => Ok(()),
        KeyKind::Token | KeyKind::Publishable => {
            let is_allowed = origin.is_some_and(|origin| contains_origin(&key.origins, origin));
            if is_allowed { Ok(()) } else { Err(Refusal::OriginNotAllowed) }
        }
    }
}

/// Whether the request comes from a page of another server: its origin has another host or port.
fn is_cross_site(request: &HttpRequest) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return false };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let origin_host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin_host.is_none()
        || origin_host.zip(host).is_none_or(|(origin_host, host)| !origin_host.eq_ignore_ascii_case(host))
}

/// Responds to a CORS preflight. A preflight contains no key, so every page gets the same response. The key
/// and the origin are checked in the request that follows.
pub(crate) fn preflight(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::ALLOW, allowed));
    if request.headers().contains_key(header::ORIGIN) {
        response
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, allowed))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_SECONDS));
    }
    response.finish()
}

/// The origin of the page. `null`, which is sent by pages without an origin, counts as absent.
fn origin(headers: &HeaderMap) -> Option<&str> {
    valid_single_header(headers, header::ORIGIN).filter(|origin| *origin != "null")
}

/// Whether scheme, host and port are the same. A subdomain is a different origin.
fn contains_origin(origins: &[String], origin: &str) -> bool {
    origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}
