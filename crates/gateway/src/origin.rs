//! Web pages that post leads: which may, and what their browsers are told (the Fetch standard's CORS).

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{ApiKey, KeyKind, Timestamp};

use crate::state::State;
use crate::{problem::Refused, refusal::Refusal};

const ALLOWED_HEADERS: &str =
    "Authorization, X-API-Key, Authentication, Content-Type, Idempotency-Key, Prefer, Traceparent";
const EXPOSED_HEADERS: &str = "Location, Retry-After, Preference-Applied, RateLimit, RateLimit-Policy, \
                               X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset";

/// For how long a browser may remember a preflight's answer, in seconds: as long as it may take for a change.
const REMEMBERED_SECONDS: u32 = 600;

/// The origin whose page may read the answer. Kept with the request until the answer goes out.
pub(crate) struct AllowedOrigin(HeaderValue);

impl AllowedOrigin {
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// Whether the page that a request comes from may use this key. A secret key belongs into no page: it is not
/// asked, and no browser is told that its page may read the answer.
pub(crate) fn check(request: &HttpRequest, key: &ApiKey) -> Result<(), Refusal> {
    let origin = origin(request.headers());
    let allowed = match (key.kind, origin) {
        (KeyKind::Secret, _) => return Ok(()),
        (KeyKind::Token, _) if key.origins.is_empty() => true,
        (KeyKind::Token | KeyKind::Publishable, origin) => {
            origin.is_some_and(|origin| names(&key.origins, origin))
        }
    };
    if !allowed {
        return Err(Refusal::OriginNotAllowed);
    }
    remember(request);
    Ok(())
}

/// Answers a browser that asks whether its page may post. The preflight carries no key in a header, so there the
/// origin only has to be some key's; a token in the path is known.
pub(crate) async fn preflight(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let Some(origin) = origin(request.headers()) else {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, "POST, OPTIONS")).finish());
    };
    let allowed = match PresentedKey::parse(request.match_info().query("token")) {
        Some(presented) => {
            let key = state.keys.get(&presented.id)?.map(|caller| caller.key);
            key.is_some_and(|key| {
                let known = presented.matches(&key, &state.keys.pepper) && key.is_good_at(Timestamp::now());
                known && (key.origins.is_empty() || names(&key.origins, origin))
            })
        }
        None => state.keys.directory.origin_is_allowed(origin),
    };
    if !allowed {
        return Err(Refusal::OriginNotAllowed.into());
    }
    remember(&request);
    Ok(HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "POST"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS))
        .finish())
}

fn remember(request: &HttpRequest) {
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        request.extensions_mut().insert(AllowedOrigin(origin.clone()));
    }
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
