//! Reads the request headers that are stored with a submission, and refuses invalid ones.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use leadgate_dialect::without_keys;
use leadgate_domain::{ClientInfo, Source};

use crate::refusal::Refusal;
use crate::single_header::{single_header, valid_single_header};

const MAX_USER_AGENT: usize = 512;
const MAX_IDEMPOTENCY_KEY: usize = 255;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The key by which a repeated post to a source is recognized. For a signed post this is its `webhook-id`:
/// the signature covers it, so a replay is recognized, and does not cover the header `Idempotency-Key`.
pub(crate) fn idempotency_key_for<'h>(
    headers: &'h HeaderMap,
    source: &Source,
) -> Result<Option<&'h str>, Refusal> {
    match source.signature {
        // A signed post without a valid `webhook-id` is refused when its signature is verified.
        Some(_) => Ok(webhook_id(headers)),
        None => idempotency_key(headers),
    }
}

/// The client of a request. The key is added when the submission is created.
pub(crate) fn client(headers: &HeaderMap, address: Option<IpAddr>) -> ClientInfo {
    ClientInfo {
        address: address.map(|address| address.to_string()),
        user_agent: user_agent(headers),
        key: None,
        unknown: serde_json::Map::new(),
    }
}

/// The `Idempotency-Key`, without the quotes of the structured string that the draft requires
/// (draft-ietf-httpapi-idempotency-key-header-07).
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let header = single_header(headers, IDEMPOTENCY_KEY).map_err(|_| Refusal::InvalidIdempotencyKey)?;
    let Some(text) = header else { return Ok(None) };
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let length = 1..=MAX_IDEMPOTENCY_KEY;
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if length.contains(&key.len()) && visible { Ok(Some(key)) } else { Err(Refusal::InvalidIdempotencyKey) }
}

/// The single `webhook-id` of a signed post, which its sender repeats when it tries again
/// (<https://www.standardwebhooks.com>).
pub(crate) fn webhook_id(headers: &HeaderMap) -> Option<&str> {
    let id = valid_single_header(headers, "webhook-id")?;
    let visible = id.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=MAX_IDEMPOTENCY_KEY).contains(&id.len())).then_some(id)
}

/// The `traceparent`, if it is well-formed. An invalid one is ignored (W3C Trace Context, section 3.2).
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let text = valid_single_header(headers, TRACEPARENT)?;
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let nonzero = |part: &str| part.bytes().any(|byte| byte != b'0');
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let well_formed = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    (well_formed && parts.next().is_none() && version != "ff" && nonzero(trace) && nonzero(parent))
        .then_some(text)
}

/// The `User-Agent` without API keys and control characters, cut to 512 characters.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let visible = match text.chars().any(char::is_control) {
        true => Cow::Owned(text.chars().filter(|c| !c.is_control()).collect()),
        false => text,
    };
    // Keys are removed before the text is cut, because a part of a key cannot be found.
    let mut kept = without_keys(&visible);
    if let Some((end, _)) = kept.char_indices().nth(MAX_USER_AGENT) {
        kept.truncate(end);
    }
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, values: &[&[u8]]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(name.clone(), HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii_without_spaces() {
        let read = |values: &[&str]| {
            let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
            idempotency_key(&headers(IDEMPOTENCY_KEY, &values)).map(|key| key.map(str::to_owned))
        };
        assert_eq!(read(&[]).unwrap(), None);
        for key in ["k", "\"k\""] {
            assert_eq!(read(&[key]).unwrap().as_deref(), Some("k"));
        }
        let longest = "k".repeat(255);
        assert_eq!(read(&[&longest]).unwrap(), Some(longest));
        for bad in [vec![""], vec!["\"\""], vec!["a b"], vec!["a", "a"], vec!["ключ"], vec!["a\tb"]] {
            assert!(read(&bad).is_err(), "{bad:?}");
        }
        assert!(read(&[&"k".repeat(256)]).is_err());
    }

    #[test]
    fn only_a_well_formed_traceparent_is_accepted() {
        let read = |value: &str| traceparent(&headers(TRACEPARENT, &[value.as_bytes()])).map(str::to_owned);
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(good).as_deref(), Some(good));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(traceparent(&headers(TRACEPARENT, &[good.as_bytes(), good.as_bytes()])), None);
    }

    #[test]
    fn a_user_agent_is_truncated_and_has_no_control_characters() {
        let read = |value: &[u8]| user_agent(&headers(header::USER_AGENT, &[value]));
        assert_eq!(read(b"curl/8\xc2\x9b\t1").as_deref(), Some("curl/81"));
        assert_eq!(read(&b"x".repeat(60_000)).unwrap().len(), 512);
        assert_eq!(read("é".repeat(600).as_bytes()).unwrap(), "é".repeat(512));
        assert_eq!(read(b"\xff").as_deref(), Some("\u{fffd}"));
        assert_eq!(read(b""), None);
    }
}
