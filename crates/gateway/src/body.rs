//! Reading a body: its type and coding first, then not a byte or a second more than allowed.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::problem::Refusal;

/// Room made for a body before any of it has arrived.
const FIRST_ROOM: usize = 8 * 1024;

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// In bytes.
    pub(crate) limit: usize,
    pub(crate) timeout: Duration,
}

/// Refuses by the head alone what need not be read.
pub(crate) fn check_head(headers: &HeaderMap, limits: BodyLimits) -> Result<(), Refusal> {
    if !is_json(headers) {
        return Err(Refusal::UnsupportedMediaType);
    }
    if !is_plain(headers) {
        return Err(Refusal::UnsupportedEncoding);
    }
    match declared(headers) {
        Some(length) if limits.limit < length => Err(Refusal::BodyTooLarge { limit: limits.limit }),
        _ => Ok(()),
    }
}

/// Reads the whole body. What did not declare its length is cut off where the limit is.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
    limits: BodyLimits,
) -> Result<Bytes, Refusal> {
    let expected = declared(request.headers()).unwrap_or_default();
    let reading = collect(payload, expected, limits.limit);
    timeout(limits.timeout, reading).await.unwrap_or(Err(Refusal::BodyTimeout))
}

async fn collect(mut payload: Payload, expected: usize, limit: usize) -> Result<Bytes, Refusal> {
    let mut body = BytesMut::with_capacity(expected.min(limit).min(FIRST_ROOM));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| match error {
            PayloadError::Overflow => Refusal::BodyTooLarge { limit },
            _ => Refusal::BodyBroken,
        })?;
        if limit - body.len() < chunk.len() {
            return Err(Refusal::BodyTooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `application/json` or a type with the suffix `+json` (RFC 6839), in UTF-8, said once.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = only(headers, &header::CONTENT_TYPE) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let known = match essence.split_once('/') {
        Some(("application", subtype)) => {
            subtype == "json" || subtype.strip_suffix("+json").is_some_and(|tree| !tree.is_empty())
        }
        _ => false,
    };
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    known && parts.all(utf8)
}

/// Nothing here decompresses: a small body that unpacks to a large one is nobody's lead.
fn is_plain(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::CONTENT_ENCODING);
    codings.into_iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// A header that may be sent once, as text.
fn only<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name);
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { limit: 100, timeout: Duration::from_secs(1) };

    fn check(headers: &[(HeaderName, &str)]) -> &'static str {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        check_head(&map, LIMITS).map_or_else(|refusal| refusal.code(), |()| "")
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/vnd.x+json",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"; profile=x",
        ] {
            assert_eq!(check(&[(header::CONTENT_TYPE, good)]), "", "{good}");
        }
        for bad in [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/json; charset=utf-16",
            "application/+json",
            "application",
            "",
        ] {
            assert_eq!(check(&[(header::CONTENT_TYPE, bad)]), "unsupported_media_type", "{bad}");
        }
        assert_eq!(check(&[]), "unsupported_media_type");
        let json = (header::CONTENT_TYPE, "application/json");
        assert_eq!(check(&[json.clone(), json]), "unsupported_media_type");
    }

    #[test]
    fn codings_are_refused() {
        let with =
            |coding| check(&[(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, coding)]);
        assert_eq!(with("identity"), "");
        for coding in ["gzip", "br", "gzip, gzip", "identity, gzip", ""] {
            assert_eq!(with(coding), "unsupported_encoding", "{coding}");
        }
    }

    #[test]
    fn a_declared_length_is_believed_when_it_is_too_large() {
        let with =
            |length| check(&[(header::CONTENT_TYPE, "application/json"), (header::CONTENT_LENGTH, length)]);
        assert_eq!(with("100"), "");
        assert_eq!(with("101"), "body_too_large");
    }
}
