//! Reads a request body: checks type and encoding, then reads it with a size limit and a timeout.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::mime::{self, Mime};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use futures_util::StreamExt;
use leadgate_domain::BodyFormat;
use tokio::time::timeout;

use crate::refusal::Refusal;
use crate::single_header::valid_single_header;

/// The maximum initial capacity for a body, in bytes. The declared length alone does not allocate more.
const MAX_INITIAL_CAPACITY: usize = 8 * 1024;

/// The limits of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// In bytes.
    pub(crate) limit: usize,
    pub(crate) timeout: Duration,
}

/// Checks the encoding and the declared length before the body is read.
pub(crate) fn check_head(headers: &HeaderMap, limits: BodyLimits) -> Result<(), Refusal> {
    if !is_plain(headers) {
        return Err(Refusal::UnsupportedEncoding);
    }
    match content_length(headers) {
        Some(length) if limits.limit < length => Err(Refusal::BodyTooLarge { limit: limits.limit }),
        _ => Ok(()),
    }
}

/// Reads the whole body. A body without a declared length is refused when it exceeds the limit.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
    limits: BodyLimits,
) -> Result<Bytes, Refusal> {
    read_with(request, payload, limits, |_| Ok(())).await
}

/// Like [`read`], and calls `arrived` with each chunk. It may refuse the request.
pub(crate) async fn read_with(
    request: &HttpRequest,
    payload: Payload,
    limits: BodyLimits,
    arrived: impl FnMut(&[u8]) -> Result<(), Refusal>,
) -> Result<Bytes, Refusal> {
    let expected = content_length(request.headers()).unwrap_or_default();
    let reading = collect(payload, expected, limits.limit, arrived);
    timeout(limits.timeout, reading).await.unwrap_or(Err(Refusal::BodyTimeout))
}

async fn collect(
    mut payload: Payload,
    expected: usize,
    limit: usize,
    mut arrived: impl FnMut(&[u8]) -> Result<(), Refusal>,
) -> Result<Bytes, Refusal> {
    let mut body = BytesMut::with_capacity(expected.min(limit).min(MAX_INITIAL_CAPACITY));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| match error {
            PayloadError::Overflow => Refusal::BodyTooLarge { limit },
            _ => Refusal::BodyInterrupted,
        })?;
        if limit - body.len() < chunk.len() {
            return Err(Refusal::BodyTooLarge { limit });
        }
        arrived(&chunk)?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The format of the body, from a single `Content-Type`. Every dialect accepts every format.
pub(crate) fn media(headers: &HeaderMap) -> Result<BodyFormat, Refusal> {
    let media = match headers.get(header::CONTENT_TYPE) {
        Some(_) => valid_single_header(headers, header::CONTENT_TYPE).and_then(parse_media_type),
        // The body is empty, so the fields are in the query.
        None if is_empty(headers) => Some(BodyFormat::Form),
        None => Some(BodyFormat::Json),
    };
    media.ok_or(Refusal::UnsupportedMediaType)
}

/// Whether the headers declare an empty body.
pub(crate) fn is_empty(headers: &HeaderMap) -> bool {
    content_length(headers).is_none_or(|length| length == 0)
        && !headers.contains_key(header::TRANSFER_ENCODING)
}

/// Checks that the body is JSON.
pub(crate) fn only_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let media = media(headers)?;
    if media == BodyFormat::Json { Ok(()) } else { Err(Refusal::UnsupportedMediaType) }
}

/// Checks that the body is declared as JSON. A web page can send `text/plain` to another site without a CORS
/// preflight, so such a body must not change settings.
pub(crate) fn declared_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let mime = valid_single_header(headers, header::CONTENT_TYPE).and_then(|text| text.parse::<Mime>().ok());
    match mime {
        Some(mime) if mime.type_() == mime::APPLICATION => only_json(headers),
        _ => Err(Refusal::UnsupportedMediaType),
    }
}

/// Accepts `application/json`, types with the suffix `+json` (RFC 6839), and both form types. `text/plain` is
/// read as JSON, because a web page can send it to another site without a CORS preflight.
fn parse_media_type(text: &str) -> Option<BodyFormat> {
    let mime: Mime = text.parse().ok()?;
    let encoding = match mime.get_param(mime::CHARSET) {
        Some(charset) => Encoding::for_label(charset.as_str().as_bytes())?,
        None => UTF_8,
    };
    if encoding != UTF_8 && encoding != WINDOWS_1252 {
        return None;
    }
    let json = mime.subtype() == mime::JSON || mime.suffix() == Some(mime::JSON);
    match (mime.type_().as_str(), mime.subtype().as_str()) {
        ("application", "x-www-form-urlencoded") => Some(BodyFormat::Form),
        ("multipart", "form-data") => {
            Some(BodyFormat::Multipart(mime.get_param(mime::BOUNDARY)?.as_str().to_owned()))
        }
        ("application", _) if !json => None,
        ("application", _) | ("text", "plain") if encoding == WINDOWS_1252 => {
            Some(BodyFormat::JsonWindows1252)
        }
        ("application", _) | ("text", "plain") => Some(BodyFormat::Json),
        _ => None,
    }
}

/// Compressed bodies are rejected (decompression bombs).
fn is_plain(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::CONTENT_ENCODING);
    codings.into_iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
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

    fn kind(values: &[&str]) -> Option<BodyFormat> {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
        }
        media(&map).ok()
    }

    #[test]
    fn json_is_recognized_by_several_media_types() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/vnd.x+json",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"; profile=x",
            "text/plain",
            "text/plain;charset=UTF-8",
        ] {
            assert_eq!(kind(&[good]), Some(BodyFormat::Json), "{good}");
        }
        for latin in ["application/json; charset=ISO-8859-1", "text/plain; charset=windows-1252"] {
            assert_eq!(kind(&[latin]), Some(BodyFormat::JsonWindows1252), "{latin}");
        }
        for bad in ["text/json", "application/json; charset=utf-16", "application/+json", "application", ""] {
            assert_eq!(kind(&[bad]), None, "{bad}");
        }
        assert_eq!(kind(&["application/json", "application/json"]), None);
    }

    #[test]
    fn forms_are_accepted_in_older_encodings() {
        for charset in ["", "; charset=UTF-8", "; charset=iso-8859-1"] {
            let form = format!("application/x-www-form-urlencoded{charset}");
            assert_eq!(kind(&[&form]), Some(BodyFormat::Form), "{form}");
        }
        let multipart = "multipart/form-data; boundary=\"a b\"";
        assert_eq!(kind(&[multipart]), Some(BodyFormat::Multipart("a b".to_owned())));
        assert_eq!(kind(&["multipart/form-data"]), None, "without a boundary");
        assert_eq!(kind(&[]), Some(BodyFormat::Form), "everything is in the query");
    }

    #[test]
    fn content_encodings_are_refused() {
        let with =
            |coding| check(&[(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, coding)]);
        assert_eq!(with("identity"), "");
        for coding in ["gzip", "br", "gzip, gzip", "identity, gzip", ""] {
            assert_eq!(with(coding), "unsupported_encoding", "{coding}");
        }
    }

    #[test]
    fn a_declared_length_above_the_limit_is_refused() {
        let with =
            |length| check(&[(header::CONTENT_TYPE, "application/json"), (header::CONTENT_LENGTH, length)]);
        assert_eq!(with("100"), "");
        assert_eq!(with("101"), "body_too_large");
    }
}
