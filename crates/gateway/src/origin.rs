//! Web pages that post leads: which are allowed, and the CORS headers for their browsers (the Fetch standard).

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_domain::{ApiKey, KeyKind};

use crate::refusal::Refusal;

const ALLOWED_HEADERS: &str = "Authorization, X-API-Key, Authentication, Content-Type, Idempotency-Key, Prefer, Traceparent, X-Request-Id";
const EXPOSED_HEADERS: &str = "Location, Retry-After, Preference-Applied, RateLimit, RateLimit-Policy, \
                               X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id";

/// For how long a browser may remember a preflight's answer, in seconds.
const REMEMBERED_SECONDS: u32 = 600;

/// Lets the page that a request comes from read the answer, refusals too. What a page may do is decided by its key;
/// what operators read by their address alone is not answered to pages ([`crate::operator`]).
pub(crate) fn add_cors_headers(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// Whether the page that a request comes from may use this key. A secret key belongs in no page but our own.
pub(crate) fn check(request: &HttpRequest, key: &ApiKey) -> Result<(), Refusal> {
    let origin = origin(request.headers());
    match key.kind {
        KeyKind::Secret if is_of_another_site(request) => Err(Refusal::SecretKeyInPage),
        KeyKind::Secret => Ok(()),
        KeyKind::Token if key.origins.is_empty() => Ok(()),
        KeyKind::Token | KeyKind::Publishable => {
            let named = origin.is_some_and(|origin| names(&key.origins, origin));
            if named { Ok(()) } else { Err(Refusal::OriginNotAllowed) }
        }
    }
}

/// Whether a page sent the request that this server did not serve: its origin names another host or port.
fn is_of_another_site(request: &HttpRequest) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return false };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    own.is_none() || own.zip(host).is_none_or(|(own, host)| !own.eq_ignore_ascii_case(host))
}

/// Answers a browser that asks what a page may send. It carries no key, so every page gets the same answer; whether the
/// page may use its key is checked when it sends the request itself.
pub(crate) fn preflight(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::ALLOW, allowed));
    if request.headers().contains_key(header::ORIGIN) {
        response
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, allowed))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS));
    }
    response.finish()
}

/// What a page without an address of its own sends, `null`, is no origin.
fn origin(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::ORIGIN);
    let first = values.next()?.to_str().ok()?;
    (values.next().is_none() && first != "null").then_some(first)
}

/// Scheme, host and port have to be the same; a subdomain or a look-alike is another.
fn names(origins: &[String], origin: &str) -> bool {
    origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}
