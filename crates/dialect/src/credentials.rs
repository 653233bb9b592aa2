//! Removes credentials from a lead before it is stored.

use std::borrow::Cow;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::{BodyFormat, RawBody};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::document::Document;
use crate::protocol::Protocol;

/// Replaces a key in a stored body.
const REMOVED: &str = "removed";

/// The parameters in which KickoffLabs clients send a key, in lower case and without `_` and `-`.
const CREDENTIAL_NAMES: [&str; 3] = ["apikey", "authorization", "authentication"];

/// In bytes. A shorter value cannot be a key, and replacing it could damage other parts of the body.
const MIN_KEY_LENGTH: usize = 16;

/// What was removed from a document.
#[derive(Default)]
pub(crate) struct RemovedKeys {
    /// The values of members with the name of a credential. They can be keys of any system.
    named: Vec<String>,
    /// Whether a name or a text had a Leadgate key.
    has_keys: bool,
}

impl RemovedKeys {
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.has_keys
    }
}

/// Removes every Leadgate key from a document, at any depth. With `key_is_field`, also removes members with
/// the name of a credential. The document does not hold the content of files, so `body` is searched too.
pub(crate) fn remove_credentials(document: &mut Document, body: &[u8], key_is_field: bool) -> RemovedKeys {
    let mut removed = RemovedKeys::default();
    document.members.retain(|name, value| {
        let is_key = key_is_field && is_credential(name);
        if is_key {
            collect_named(value, &mut removed.named);
        }
        !is_key
    });
    replace_keys_in_members(&mut document.members, &mut removed);
    removed.has_keys |= has_key(body);
    removed
}

/// A text without Leadgate keys.
pub fn without_keys(text: &str) -> String {
    replace_keys_in_text(text, &mut RemovedKeys::default()).unwrap_or_else(|| text.to_owned())
}

/// The text without its keys, or `None` if it has none.
fn replace_keys_in_text(text: &str, removed: &mut RemovedKeys) -> Option<String> {
    let has_key = has_key(text.as_bytes());
    removed.has_keys |= has_key;
    has_key.then(|| String::from_utf8_lossy(&replace_keys_in_bytes(text.as_bytes())).into_owned())
}

/// Replaces every Leadgate key. Keys are ASCII, so the other bytes may have any encoding.
fn replace_keys_in_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut cleaned = Vec::with_capacity(bytes.len());
    for word in bytes.chunk_by(|left, right| is_word(*left) == is_word(*right)) {
        cleaned.extend_from_slice(if is_key(word) { REMOVED.as_bytes() } else { word });
    }
    cleaned
}

fn replace_keys_in_members(members: &mut Map<String, Value>, removed: &mut RemovedKeys) {
    let names: Vec<String> = members.keys().filter(|name| has_key(name.as_bytes())).cloned().collect();
    for name in names {
        let Some((value, mut cleaned)) = members.remove(&name).zip(replace_keys_in_text(&name, removed))
        else {
            continue;
        };
        while members.contains_key(&cleaned) {
            cleaned.push('_');
        }
        members.insert(cleaned, value);
    }
    members.values_mut().for_each(|value| replace_keys(value, removed));
}

fn is_credential(name: &str) -> bool {
    let folded: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    CREDENTIAL_NAMES.iter().any(|known| folded.eq_ignore_ascii_case(known))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a text contains a Leadgate key, also between other words.
fn has_key(text: &[u8]) -> bool {
    text.len() >= PresentedKey::MIN_LENGTH && text.split(|byte| !is_word(*byte)).any(is_key)
}

fn is_key(word: &[u8]) -> bool {
    word.len() >= PresentedKey::MIN_LENGTH
        && std::str::from_utf8(word).is_ok_and(|word| PresentedKey::parse(word).is_some())
}

fn collect_named(value: &Value, named: &mut Vec<String>) {
    match value {
        Value::String(text) if text.trim().len() >= MIN_KEY_LENGTH => named.push(text.trim().to_owned()),
        Value::Array(items) => items.iter().for_each(|item| collect_named(item, named)),
        _ => {}
    }
}

fn replace_keys(value: &mut Value, removed: &mut RemovedKeys) {
    match value {
        Value::String(text) => {
            if let Some(cleaned) = replace_keys_in_text(text, removed) {
                *text = cleaned;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_keys(item, removed)),
        Value::Object(members) => replace_keys_in_members(members, removed),
        _ => {}
    }
}

/// The original body without the removed keys. If it still has a key, because the key was escaped, the body is
/// written again from the parsed document.
pub(crate) fn body_without(
    removed: &RemovedKeys,
    body: &[u8],
    media: &BodyFormat,
    protocol: &Protocol,
    document: &Document,
) -> (RawBody, BodyFormat) {
    // A named value can contain a key, so it is replaced first.
    let without_named =
        removed.named.iter().fold(body.to_vec(), |body, named| replace_bytes(&body, named.as_bytes()));
    let cleaned = replace_keys_in_bytes(&without_named);
    if body.is_empty() || is_clean(&cleaned, media, protocol) {
        return (RawBody::new(&cleaned), media.clone());
    }
    if *media == BodyFormat::Form {
        let text = String::from_utf8_lossy(body);
        let kept =
            pairs(&text).map(|(name, value)| (replace_all(removed, &name), replace_all(removed, &value)));
        return (RawBody::new(encode_pairs(kept).as_bytes()), BodyFormat::Form);
    }
    let document = Value::Object(document.members.clone()).to_string();
    (RawBody::new(document.as_bytes()), BodyFormat::Json)
}

/// Whether a body can be read, for example because its names are unique, and has no key.
fn is_clean(body: &[u8], media: &BodyFormat, protocol: &Protocol) -> bool {
    protocol
        .read_document(media, body, None)
        .is_ok_and(|mut document| remove_credentials(&mut document, body, protocol.reads_query).is_empty())
}

/// A query without the keys in it; `None` if nothing is left.
pub(crate) fn query_without(removed: &RemovedKeys, query: &str) -> Option<String> {
    let kept = pairs(query).filter(|(name, _)| !is_credential(name));
    let kept = kept.map(|(name, value)| (replace_all(removed, &name), replace_all(removed, &value)));
    Some(encode_pairs(kept)).filter(|kept| !kept.is_empty())
}

/// A text without Leadgate keys and without the values of credentials.
fn replace_all<'t>(removed: &RemovedKeys, text: &str) -> Cow<'t, str> {
    let without_named =
        removed.named.iter().fold(text.to_owned(), |text, named| text.replace(named.as_str(), REMOVED));
    Cow::Owned(without_keys(&without_named))
}

fn replace_bytes(mut body: &[u8], key: &[u8]) -> Vec<u8> {
    let mut cleaned = Vec::with_capacity(body.len());
    while let Some((byte, rest)) = body.split_first() {
        if let Some(rest) = body.strip_prefix(key) {
            cleaned.extend_from_slice(REMOVED.as_bytes());
            body = rest;
        } else {
            cleaned.push(*byte);
            body = rest;
        }
    }
    cleaned
}

/// Whether every parameter of a query has the name of a credential.
pub fn has_only_credentials(query: &str) -> bool {
    pairs(query).all(|(name, _)| is_credential(&name))
}

type Pair<'t> = (Cow<'t, str>, Cow<'t, str>);

fn pairs(text: &str) -> impl Iterator<Item = Pair<'_>> {
    form_urlencoded::parse(text.as_bytes())
}

fn encode_pairs<'t>(pairs: impl Iterator<Item = Pair<'t>>) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        text.append_pair(&name, &value);
    }
    text.finish()
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{Dialect, KeyKind};
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;
    use crate::dialects::protocol;

    /// The stored body, the removed keys and the remaining members.
    fn remove_keys(
        dialect: Dialect,
        media: BodyFormat,
        body: &str,
        query: Option<&str>,
    ) -> (String, RemovedKeys, Value) {
        let protocol = protocol(dialect);
        let mut document = protocol.read_document(&media, body.as_bytes(), query).unwrap();
        let removed = remove_credentials(&mut document, body.as_bytes(), protocol.reads_query);
        let (raw, _) = body_without(&removed, body.as_bytes(), &media, protocol, &document);
        let raw = String::from_utf8(raw.bytes().unwrap()).unwrap();
        (raw, removed, Value::Object(document.members))
    }

    #[test]
    fn a_key_is_removed_from_any_place_in_a_request() {
        let (_, key) = PresentedKey::generate(KeyKind::Secret);
        let key = key.expose_secret();
        let body = json!({ "api_key": key, "phone": "+14155550100", "more": { "deep": [key] } }).to_string();
        let (raw, removed, members) = remove_keys(Dialect::Native, BodyFormat::Json, &body, None);
        assert_eq!(
            (raw.contains(key), removed.is_empty(), members.to_string().contains(key)),
            (false, false, false)
        );
        assert!(raw.contains("+14155550100"));
        let among_words =
            json!({ "note": format!("Bearer {key}, please"), "phone": "+14155550100" }).to_string();
        let (raw, _, members) = remove_keys(Dialect::Native, BodyFormat::Json, &among_words, None);
        assert!(!raw.contains(key) && raw.contains("please"), "{raw}");
        assert_eq!(members["note"], "Bearer removed, please");
        let escaped = body.replace("lg_live", "lg\\u005flive");
        assert!(!remove_keys(Dialect::KickoffLabs, BodyFormat::Json, &escaped, None).0.contains("live_"));
        let form = format!("email=a%40b.co&API-KEY={}", key.replace('_', "%5F"));
        let (raw, ..) = remove_keys(Dialect::KickoffLabs, BodyFormat::Form, &form, None);
        assert_eq!(raw, "email=a%40b.co&API-KEY=removed");
        let query = format!("api_key={key}&name=x");
        let (raw, ..) =
            remove_keys(Dialect::KickoffLabs, BodyFormat::Json, "{\"email\":\"a@b.co\"}", Some(&query));
        assert_eq!(raw, "{\"email\":\"a@b.co\"}");
        assert_eq!(query_without(&RemovedKeys::default(), &query).as_deref(), Some("name=x"));
    }

    #[test]
    fn a_body_that_has_a_key_escaped_or_twice_is_readable_and_clean() {
        let (_, key) = PresentedKey::generate(KeyKind::Secret);
        let key = key.expose_secret();
        let escaped = key.replace("lg_live", "lg\\u005flive");
        let twice = format!(r#"{{"phone":"+14155550100","a":"{key}","b":"{escaped}"}}"#);
        let (raw, ..) = remove_keys(Dialect::Native, BodyFormat::Json, &twice, None);
        assert!(!raw.contains("live_"), "{raw}");
        let names = format!(r#"{{"phone":"+14155550100","{key}":1,"removed":2}}"#);
        let (raw, _, members) = remove_keys(Dialect::Native, BodyFormat::Json, &names, None);
        assert_eq!(serde_json::from_str::<Value>(&raw).unwrap(), members, "the names are unique");
        let bearer = format!("Bearer {key}");
        let file = format!(
            "--b\r\nContent-Disposition: form-data; name=authorization\r\n\r\n{bearer}\r\n--b\r\nContent-Disposition: \
             form-data; name=f; filename=n.txt\r\n\r\nfile content\r\n--b--\r\n"
        );
        let (raw, ..) = remove_keys(Dialect::KickoffLabs, BodyFormat::Multipart("b".to_owned()), &file, None);
        assert!(!raw.contains(key) && raw.contains("file content"), "{raw}");
    }

    #[test]
    fn a_key_in_a_name_or_a_file_is_removed() {
        let (_, key) = PresentedKey::generate(KeyKind::Token);
        let key = key.expose_secret();
        let body = json!({ "phone": "+14155550100", key: "x", "more": { key: 1, "removed": 2 } }).to_string();
        let (raw, _, members) = remove_keys(Dialect::Native, BodyFormat::Json, &body, None);
        assert!(!raw.contains(key), "{raw}");
        assert_eq!(members["removed"], "x");
        assert_eq!(members["more"], json!({ "removed_": 1, "removed": 2 }));
        let form = format!("email=a%40b.co&{}=1", key.replace('_', "%5F"));
        assert_eq!(remove_keys(Dialect::Native, BodyFormat::Form, &form, None).0, "email=a%40b.co&removed=1");
        let file = format!(
            "--b\r\nContent-Disposition: form-data; name=phone\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; \
             name=notes; filename=n.txt\r\nContent-Type: text/plain\r\n\r\nuse {key}, please\r\n--b--\r\n"
        );
        let (raw, ..) = remove_keys(Dialect::Native, BodyFormat::Multipart("b".to_owned()), &file, None);
        assert!(!raw.contains(key) && raw.contains("use removed, please"), "{raw}");
        let query = format!("name=x&{key}=1");
        assert_eq!(query_without(&RemovedKeys::default(), &query).as_deref(), Some("name=x&removed=1"));
        assert_eq!(without_keys(&format!("curl/8 ({key})")), "curl/8 (removed)");
    }

    #[test]
    fn a_value_too_short_for_a_key_is_unchanged() {
        for body in
            ["{\"api_key\":\"4\",\"phone\":\"+14155550100\"}", "{\"api_key\":\"a\",\"email\":\"a@a.co\"}"]
        {
            let (raw, removed, _) = remove_keys(Dialect::Native, BodyFormat::Json, body, None);
            assert_eq!((raw.as_str(), removed.is_empty()), (body, true));
            assert_eq!(remove_keys(Dialect::KickoffLabs, BodyFormat::Json, body, None).0, body);
        }
    }
}
