//! Removes credentials from a lead before it is stored.

use encoding_rs::WINDOWS_1252;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{BodyFormat, RawBody};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::document::Document;

/// Replaces a key in a stored body.
const REMOVED: &str = "removed";

/// The parameters in which KickoffLabs clients send a key, in lower case and without `_` and `-`.
const CREDENTIAL_NAMES: [&str; 3] = ["apikey", "authorization", "authentication"];

/// In bytes. A shorter value cannot be a key, and replacing it could damage other parts of the body.
const MIN_KEY_LENGTH: usize = 16;

/// In bytes. Every Leadgate key is longer.
const LESS_THAN_A_KEY: usize = 60;

/// Removes every Leadgate key from a document, at any depth. With `key_is_field`, also removes members with
/// the name of a credential. Returns the removed keys and those that are only in the body: the document does
/// not hold the content of files.
pub(crate) fn remove_credentials(document: &mut Document, body: &[u8], key_is_field: bool) -> Vec<String> {
    let mut removed = Vec::new();
    document.members.retain(|name, value| {
        let is_key = key_is_field && is_credential(name);
        if is_key {
            collect_keys(value, &mut removed);
        }
        !is_key
    });
    replace_keys_in_members(&mut document.members, &mut removed);
    let words = body.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let words = words.filter(|word| word.len() > LESS_THAN_A_KEY);
    for key in words.filter_map(|word| std::str::from_utf8(word).ok()).flat_map(find_keys) {
        remember(key, &mut removed);
    }
    removed
}

/// A text without Leadgate keys.
pub fn without_keys(text: &str) -> String {
    replace_keys_in_text(text, &mut Vec::new()).unwrap_or_else(|| text.to_owned())
}

fn remember(key: &str, removed: &mut Vec<String>) {
    if !removed.iter().any(|known| known == key) {
        removed.push(key.to_owned());
    }
}

/// The text without its keys, or `None` if it has none.
fn replace_keys_in_text(text: &str, removed: &mut Vec<String>) -> Option<String> {
    let mut cleaned = None;
    for key in find_keys(text) {
        let rest = cleaned.as_deref().unwrap_or(text).replace(key, REMOVED);
        cleaned = Some(rest);
        remember(key, removed);
    }
    cleaned
}

fn replace_keys_in_members(members: &mut Map<String, Value>, removed: &mut Vec<String>) {
    let named: Vec<String> =
        members.keys().filter(|name| find_keys(name).next().is_some()).cloned().collect();
    for name in named {
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

/// The Leadgate keys in a text, also between other words.
fn find_keys(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| PresentedKey::parse(word).is_some())
}

fn collect_keys(value: &Value, removed: &mut Vec<String>) {
    match value {
        Value::String(text) if text.trim().len() >= MIN_KEY_LENGTH => remember(text.trim(), removed),
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, removed)),
        _ => {}
    }
}

fn replace_keys(value: &mut Value, removed: &mut Vec<String>) {
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

/// The original body without the removed keys. If a key is not literally in the body (for example because it
/// was escaped), the body is written again from the parsed document.
pub(crate) fn body_without(
    removed: &[String],
    body: &[u8],
    query: Option<&str>,
    media: BodyFormat,
    document: &Document,
) -> (RawBody, BodyFormat) {
    let text = std::str::from_utf8(body);
    if text.is_err() && removed.is_empty() {
        return (RawBody::new(body), media);
    }
    let mut text =
        text.map_or_else(|_| WINDOWS_1252.decode_without_bom_handling(body).0.into_owned(), str::to_owned);
    let media = if media == BodyFormat::JsonWindows1252 { BodyFormat::Json } else { media };
    let mut is_encoded = false;
    for key in removed {
        let is_literal = text.contains(key.as_str());
        is_encoded |=
            !is_literal && !query.is_some_and(|query| pairs(query).any(|(_, value)| value.trim() == key));
        text = text.replace(key.as_str(), REMOVED);
    }
    match (is_encoded, media) {
        (false, media) => (RawBody::new(text.as_bytes()), media),
        (true, BodyFormat::Form) => {
            let has_key = |text: &str| removed.iter().any(|key| text.contains(key.as_str()));
            let kept = pairs(&text).filter(|(name, value)| !has_key(name) && !has_key(value));
            (RawBody::new(encode_pairs(kept).as_bytes()), BodyFormat::Form)
        }
        (true, _) => {
            (RawBody::new(Value::Object(document.members.clone()).to_string().as_bytes()), BodyFormat::Json)
        }
    }
}

/// A query without the keys in it; `None` if nothing is left.
pub(crate) fn query_without(removed: &[String], query: &str) -> Option<String> {
    let key = |text: &str| find_keys(text).next().is_some() || removed.iter().any(|key| text.trim() == key);
    let kept = pairs(query).filter(|(name, value)| !is_credential(name) && !key(name) && !key(value));
    Some(encode_pairs(kept)).filter(|kept| !kept.is_empty())
}

/// Whether every parameter of a query has the name of a credential.
pub fn holds_only_credentials(query: &str) -> bool {
    pairs(query).all(|(name, _)| is_credential(&name))
}

type Pair<'t> = (std::borrow::Cow<'t, str>, std::borrow::Cow<'t, str>);

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
    ) -> (String, Vec<String>, Value) {
        let protocol = protocol(dialect);
        let mut document = protocol.document(&media, body.as_bytes(), query).unwrap();
        let removed = remove_credentials(&mut document, body.as_bytes(), protocol.reads_query);
        let (raw, _) = body_without(&removed, body.as_bytes(), query, media, &document);
        let raw = String::from_utf8(raw.bytes().unwrap()).unwrap();
        (raw, removed, Value::Object(document.members))
    }

    #[test]
    fn a_key_is_removed_from_any_place_in_a_request() {
        let (_, key) = PresentedKey::generate(KeyKind::Secret);
        let key = key.expose_secret();
        let body = json!({ "api_key": key, "phone": "+14155550100", "more": { "deep": [key] } }).to_string();
        let (raw, removed, members) = remove_keys(Dialect::Native, BodyFormat::Json, &body, None);
        assert_eq!((raw.contains(key), removed.len(), members.to_string().contains(key)), (false, 1, false));
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
        assert_eq!(raw, "email=a%40b.co");
        let query = format!("api_key={key}&name=x");
        let (raw, ..) =
            remove_keys(Dialect::KickoffLabs, BodyFormat::Json, "{\"email\":\"a@b.co\"}", Some(&query));
        assert_eq!(raw, "{\"email\":\"a@b.co\"}");
        assert_eq!(query_without(&[], &query).as_deref(), Some("name=x"));
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
        assert_eq!(remove_keys(Dialect::Native, BodyFormat::Form, &form, None).0, "email=a%40b.co");
        let file = format!(
            "--b\r\nContent-Disposition: form-data; name=phone\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; \
             name=notes; filename=n.txt\r\nContent-Type: text/plain\r\n\r\nuse {key}, please\r\n--b--\r\n"
        );
        let (raw, ..) = remove_keys(Dialect::Native, BodyFormat::Multipart("b".to_owned()), &file, None);
        assert!(!raw.contains(key) && raw.contains("use removed, please"), "{raw}");
        let query = format!("name=x&{key}=1");
        assert_eq!(query_without(&[], &query).as_deref(), Some("name=x"));
        assert_eq!(without_keys(&format!("curl/8 ({key})")), "curl/8 (removed)");
    }

    #[test]
    fn a_value_too_short_for_a_key_is_unchanged() {
        for body in
            ["{\"api_key\":\"4\",\"phone\":\"+14155550100\"}", "{\"api_key\":\"a\",\"email\":\"a@a.co\"}"]
        {
            let (raw, removed, _) = remove_keys(Dialect::Native, BodyFormat::Json, body, None);
            assert_eq!((raw.as_str(), removed.len()), (body, 0));
            assert_eq!(remove_keys(Dialect::KickoffLabs, BodyFormat::Json, body, None).0, body);
        }
    }
}
