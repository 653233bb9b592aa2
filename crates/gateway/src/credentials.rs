//! Reads the credential of a request.

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use leadgate_dialect::Document;
use leadgate_domain::KeyKind;
use leadgate_domain::key::PresentedKey;
use serde_json::Value;
use url::form_urlencoded;

use crate::refusal::Refusal;
use crate::single_header::{HeaderFault, single_header};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const AUTHENTICATION: HeaderName = HeaderName::from_static("authentication");

/// The parameter that clients of KickoffLabs send.
const API_KEY: &str = "api_key";

/// The key in `Authorization: Bearer` (RFC 6750, section 2.1) or `X-API-Key`.
pub(crate) fn in_headers(headers: &HeaderMap) -> Result<PresentedKey, Refusal> {
    let bearer = credential_header(headers, AUTHORIZATION)?.map(bearer).transpose()?;
    let texts = [bearer, credential_header(headers, X_API_KEY)?];
    parse(single_value(texts)?.ok_or(Refusal::MissingCredentials)?)
}

/// The key as clients of KickoffLabs send it: the last word of `Authorization` or `Authentication`, or a
/// query parameter. `None` if only the body can contain it.
pub(crate) fn in_headers_or_query(request: &HttpRequest) -> Result<Option<PresentedKey>, Refusal> {
    let headers = request.headers();
    let last_word = |text: &'_ str| text.split_ascii_whitespace().next_back().map(str::to_owned);
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    let mut keys = query.filter(|(name, _)| name == API_KEY).map(|(_, value)| value.into_owned());
    let in_query = keys.next();
    if keys.next().is_some() {
        return Err(Refusal::SeveralCredentials);
    }
    let texts = [
        credential_header(headers, AUTHORIZATION)?.and_then(last_word),
        credential_header(headers, AUTHENTICATION)?.and_then(last_word),
        credential_header(headers, X_API_KEY)?.map(str::to_owned),
        in_query,
    ];
    single_value(texts)?.map(|text| parse(&text)).transpose()
}

/// The key in the body.
pub(crate) fn in_document(document: &Document) -> Result<PresentedKey, Refusal> {
    match document.members.get(API_KEY) {
        Some(Value::String(text)) => parse(text.trim()),
        Some(_) => Err(Refusal::MalformedKey),
        None => Err(Refusal::MissingCredentials),
    }
}

/// The token in the path.
pub(crate) fn in_path(request: &HttpRequest) -> Result<PresentedKey, Refusal> {
    let presented = PresentedKey::parse(request.match_info().query("token"));
    presented.filter(|key| key.kind == KeyKind::Token).ok_or(Refusal::UnknownToken)
}

fn bearer(text: &str) -> Result<&str, Refusal> {
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::UnsupportedScheme);
    }
    Ok(token.trim_start_matches(' '))
}

fn credential_header(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    single_header(headers, name).map_err(|fault| match fault {
        HeaderFault::Repeated => Refusal::SeveralCredentials,
        HeaderFault::NotText => Refusal::MalformedKey,
    })
}

/// A credential may be sent in several places if all of them have the same value.
fn single_value<T: PartialEq>(texts: impl IntoIterator<Item = Option<T>>) -> Result<Option<T>, Refusal> {
    let mut present = texts.into_iter().flatten();
    let first = present.next();
    match first {
        Some(first) if present.all(|other| other == first) => Ok(Some(first)),
        Some(_) => Err(Refusal::SeveralCredentials),
        None => Ok(None),
    }
}

fn parse(text: &str) -> Result<PresentedKey, Refusal> {
    PresentedKey::parse(text).ok_or(Refusal::MalformedKey)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;
    use secrecy::ExposeSecret;

    use super::*;

    fn read(values: &[(&HeaderName, &[u8])]) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append((*name).clone(), HeaderValue::from_bytes(value).unwrap());
        }
        in_headers(&headers).map(|key| key.id.to_string()).map_err(|refusal| refusal.code())
    }

    #[test]
    fn every_mistake_has_its_own_code() {
        let (key, text) = PresentedKey::generate(KeyKind::Secret);
        let text = text.expose_secret();
        let bearer = format!("Bearer {text}");
        let good = bearer.as_bytes();
        let authorization =
            |values: &[&[u8]]| read(&values.iter().map(|value| (&AUTHORIZATION, *value)).collect::<Vec<_>>());
        assert_eq!(authorization(&[good]), Ok(key.id.to_string()));
        assert_eq!(authorization(&[format!("bEARER  {text}").as_bytes()]), Ok(key.id.to_string()));
        assert_eq!(authorization(&[]), Err("missing_credentials"));
        assert_eq!(authorization(&[good, good]), Err("several_credentials"));
        for wrong in ["Basic dTpw", text, "Token x", ""] {
            assert_eq!(authorization(&[wrong.as_bytes()]), Err("unsupported_scheme"), "{wrong}");
        }
        let mistyped = bearer.replace("lg_live", "lg_life");
        let long = format!("Bearer {}", "k".repeat(8_000));
        for wrong in ["Bearer", "Bearer ", &mistyped, &format!("{bearer} "), &format!("{bearer} x"), &long] {
            assert_eq!(authorization(&[wrong.as_bytes()]), Err("malformed_key"), "{wrong}");
        }
        assert_eq!(authorization(&["Bearer ключ".as_bytes()]), Err("malformed_key"));
    }

    #[test]
    fn two_headers_must_have_the_same_key() {
        let ((key, one), (_, other)) =
            (PresentedKey::generate(KeyKind::Secret), PresentedKey::generate(KeyKind::Secret));
        let (one, other) = (one.expose_secret(), other.expose_secret());
        let bearer = format!("Bearer {one}");
        let both =
            |second: &str| read(&[(&AUTHORIZATION, bearer.as_bytes()), (&X_API_KEY, second.as_bytes())]);
        assert_eq!(read(&[(&X_API_KEY, one.as_bytes())]), Ok(key.id.to_string()));
        assert_eq!(both(one), Ok(key.id.to_string()));
        assert_eq!(both(other), Err("several_credentials"));
    }

    #[test]
    fn the_last_word_of_a_header_is_the_key() {
        let (key, text) = PresentedKey::generate(KeyKind::Secret);
        let text = text.expose_secret();
        let found = |request: TestRequest| {
            in_headers_or_query(&request.to_http_request())
                .map(|key| key.map(|key| key.id))
                .map_err(|e| e.code())
        };
        let with = |name: &'static str, value: String| TestRequest::default().insert_header((name, value));
        for value in [text.to_owned(), format!("Token {text}"), format!("Bearer  a b\t{text} ")] {
            assert_eq!(found(with("authentication", value.clone())), Ok(Some(key.id.clone())), "{value}");
            assert_eq!(found(with("authorization", value.clone())), Ok(Some(key.id.clone())), "{value}");
        }
        let in_query = format!("/?name=x&api_key={text}");
        assert_eq!(found(TestRequest::with_uri(&in_query)), Ok(Some(key.id.clone())));
        assert_eq!(
            found(TestRequest::with_uri(&format!("{in_query}&api_key=x"))),
            Err("several_credentials")
        );
        assert_eq!(found(TestRequest::default()), Ok(None));
        assert_eq!(found(with("authorization", "Token nonsense".to_owned())), Err("malformed_key"));
    }
}
