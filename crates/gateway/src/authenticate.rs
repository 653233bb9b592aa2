//! Who is calling.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{ApiKey, Scope, Source, Timestamp};

use crate::limit;
use crate::problem::Refusal;
use crate::state::State;

/// A key that was proven, and the source it is bound to.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: Arc<ApiKey>,
    pub(crate) source: Arc<Source>,
}

impl Caller {
    pub(crate) fn may(&self, scope: Scope) -> Result<(), Refusal> {
        if self.key.may(scope) { Ok(()) } else { Err(Refusal::InsufficientScope(scope)) }
    }

    fn proven_by(self, presented: &PresentedKey, state: &State) -> Result<Self, Refusal> {
        if !presented.matches(&self.key, &state.keys.pepper) {
            return Err(Refusal::InvalidKey);
        }
        if !self.key.is_good_at(Timestamp::now()) {
            return Err(Refusal::RevokedKey);
        }
        Ok(self)
    }
}

/// Finds out who is calling. Whoever cannot be named counts as a stranger from where they call.
pub(crate) async fn caller(
    state: &State,
    request: &HttpRequest,
    address: Option<IpAddr>,
) -> Result<Caller, Refusal> {
    match identify(state, request, address).await {
        Ok(caller) => Ok(caller),
        // The look-up took the permit already.
        Err(Turned::Counted(refusal)) => Err(refusal),
        Err(Turned::Uncounted(refusal)) => {
            limit::stranger(state, request, address, cost(&refusal)).await?;
            Err(refusal)
        }
    }
}

/// Why nobody could be named, and whether that took a stranger's permit yet.
enum Turned {
    Counted(Refusal),
    Uncounted(Refusal),
}

/// It is not the caller's fault when keys cannot be checked.
fn cost(refusal: &Refusal) -> u32 {
    u32::from(!matches!(refusal, Refusal::KeysUnavailable))
}

async fn identify(state: &State, request: &HttpRequest, address: Option<IpAddr>) -> Result<Caller, Turned> {
    let presented = credentials(request.headers()).map_err(Turned::Uncounted)?;
    if let Some(caller) = state.keys.get(&presented.id).map_err(Turned::Uncounted)? {
        return caller.proven_by(&presented, state).map_err(Turned::Uncounted);
    }
    limit::stranger(state, request, address, 1).await.map_err(Turned::Counted)?;
    let found = state.keys.look_up(&presented.id, address).await.map_err(Turned::Counted)?;
    let caller = found.ok_or(Turned::Counted(Refusal::InvalidKey))?;
    caller.proven_by(&presented, state).map_err(Turned::Counted)
}

/// The one key that a request presents, well-formed and with the right checksum (RFC 6750, section 2.1).
fn credentials(headers: &HeaderMap) -> Result<PresentedKey, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next().ok_or(Refusal::MissingCredentials)?;
    if values.next().is_some() {
        return Err(Refusal::SeveralCredentials);
    }
    let text = value.to_str().map_err(|_| Refusal::MalformedKey)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::UnsupportedScheme);
    }
    PresentedKey::parse(token.trim_start_matches(' ')).ok_or(Refusal::MalformedKey)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use secrecy::ExposeSecret;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        credentials(&headers).map(|key| key.id.to_string()).map_err(|refusal| refusal.code())
    }

    #[test]
    fn every_slip_has_its_own_name() {
        let (key, text) = PresentedKey::generate(leadgate_domain::KeyKind::Secret);
        let text = text.expose_secret();
        let bearer = format!("Bearer {text}");
        let good = bearer.as_bytes();
        assert_eq!(read(&[good]), Ok(key.id.to_string()));
        assert_eq!(read(&[format!("bEARER  {text}").as_bytes()]), Ok(key.id.to_string()));
        assert_eq!(read(&[]), Err("missing_credentials"));
        assert_eq!(read(&[good, good]), Err("several_credentials"));
        for wrong in ["Basic dTpw", text, "Token x", ""] {
            assert_eq!(read(&[wrong.as_bytes()]), Err("unsupported_scheme"), "{wrong}");
        }
        let mistyped = bearer.replace("lg_live", "lg_life");
        let long = format!("Bearer {}", "k".repeat(8_000));
        for wrong in ["Bearer", "Bearer ", &mistyped, &format!("{bearer} "), &format!("{bearer} x"), &long] {
            assert_eq!(read(&[wrong.as_bytes()]), Err("malformed_key"), "{wrong}");
        }
        assert_eq!(read(&["Bearer ключ".as_bytes()]), Err("malformed_key"));
    }
}
