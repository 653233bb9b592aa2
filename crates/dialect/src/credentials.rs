//! Keys that came in with a lead. They are removed before the lead is stored.

use encoding_rs::WINDOWS_1252;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{BodyFormat, RawBody};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::document::Document;

/// What stands in the place of a key in a body.
const REMOVED: &str = "removed";

/// The parameters by which KickoffLabs's clients send a key, without case, `_` and `-`.
const NAMES: [&str; 3] = ["apikey", "authorization", "authentication"];

/// Anything shorter is no key of any system, and replacing it would spoil what stands around it.
const SHORTEST: usize = 16;

/// No key of ours is as short as this.
const SHORTER_THAN_OURS: usize = 60;

/// Takes every key of ours out of a document, wherever it is; with `key_is_field`, also fields that have the name of a key.
/// The keys, and those that are only in the body: the content of a file is not in the document.
pub(crate) fn remove_credentials(document: &mut Document, body: &[u8], key_is_field: bool) -> Vec<String> {
    let mut taken = Vec::new();
    document.members.retain(|name, value| {
        let named = key_is_field && is_credential(name);
        if named {
            texts(value, &mut taken);
        }
        !named
    });
    take_from_members(&mut document.members, &mut taken);
    let words = body.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let words = words.filter(|word| word.len() > SHORTER_THAN_OURS);
    for key in words.filter_map(|word| std::str::from_utf8(word).ok()).flat_map(find_keys) {
        remember(key, &mut taken);
    }
    taken
}

/// A text without keys of ours.
pub fn without_keys(text: &str) -> String {
    take_from_text(text, &mut Vec::new()).unwrap_or_else(|| text.to_owned())
}

fn remember(key: &str, taken: &mut Vec<String>) {
    if !taken.iter().any(|known| known == key) {
        taken.push(key.to_owned());
    }
}

/// The text without its keys; `None` if it has none.
fn take_from_text(text: &str, taken: &mut Vec<String>) -> Option<String> {
    let mut cleaned = None;
    for key in find_keys(text) {
        let rest = cleaned.as_deref().unwrap_or(text).replace(key, REMOVED);
        cleaned = Some(rest);
        remember(key, taken);
    }
    cleaned
}

fn take_from_members(members: &mut Map<String, Value>, taken: &mut Vec<String>) {
    let named: Vec<String> =
        members.keys().filter(|name| find_keys(name).next().is_some()).cloned().collect();
    for name in named {
        let Some((value, mut cleaned)) = members.remove(&name).zip(take_from_text(&name, taken)) else {
            continue;
        };
        while members.contains_key(&cleaned) {
            cleaned.push('_');
        }
        members.insert(cleaned, value);
    }
    members.values_mut().for_each(|value| take_from(value, taken));
}

fn is_credential(name: &str) -> bool {
    let folded: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    NAMES.iter().any(|known| folded.eq_ignore_ascii_case(known))
}

/// The keys of ours in a text, also among other words.
fn find_keys(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| PresentedKey::parse(word).is_some())
}

fn texts(value: &Value, taken: &mut Vec<String>) {
    match value {
        Value::String(text) if text.trim().len() >= SHORTEST => remember(text.trim(), taken),
        Value::Array(items) => items.iter().for_each(|item| texts(item, taken)),
        _ => {}
    }
}

fn take_from(value: &mut Value, taken: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            if let Some(cleaned) = take_from_text(text, taken) {
                *text = cleaned;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| take_from(item, taken)),
        Value::Object(members) => take_from_members(members, taken),
        _ => {}
    }
}

/// A body as it came, but for the keys that were taken. Where one was written in some other way (escaped, say),
/// what was understood is kept instead.
pub(crate) fn body_without(
    taken: &[String],
    body: &[u8],
    query: Option<&str>,
    media: BodyFormat,
    document: &Document,
) -> (RawBody, BodyFormat) {
    let text = std::str::from_utf8(body);
    if text.is_err() && taken.is_empty() {
        return (RawBody::new(body), media);
    }
    let mut text =
        text.map_or_else(|_| WINDOWS_1252.decode_without_bom_handling(body).0.into_owned(), str::to_owned);
    let media = if media == BodyFormat::JsonWindows1252 { BodyFormat::Json } else { media };
    let mut hidden = false;
    for secret in taken {
        let literal = text.contains(secret.as_str());
        hidden |=
            !literal && !query.is_some_and(|query| pairs(query).any(|(_, value)| value.trim() == secret));
        text = text.replace(secret.as_str(), REMOVED);
    }
    match (hidden, media) {
        (false, media) => (RawBody::new(text.as_bytes()), media),
        (true, BodyFormat::Form) => {
            let has_key = |text: &str| taken.iter().any(|key| text.contains(key.as_str()));
            let kept = pairs(&text).filter(|(name, value)| !has_key(name) && !has_key(value));
            (RawBody::new(encode_pairs(kept).as_bytes()), BodyFormat::Form)
        }
        (true, _) => {
            (RawBody::new(Value::Object(document.members.clone()).to_string().as_bytes()), BodyFormat::Json)
        }
    }
}

/// A query without the keys in it; `None` if nothing is left.
pub(crate) fn query_without(taken: &[String], query: &str) -> Option<String> {
    let secret =
        |text: &str| find_keys(text).next().is_some() || taken.iter().any(|secret| text.trim() == secret);
    let kept = pairs(query).filter(|(name, value)| !is_credential(name) && !secret(name) && !secret(value));
    Some(encode_pairs(kept)).filter(|kept| !kept.is_empty())
}

/// Whether every parameter has the name of a key.
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

    fn kept(
        dialect: Dialect,
        media: BodyFormat,
        body: &str,
        query: Option<&str>,
    ) -> (String, Vec<String>, Value) {
        let protocol = protocol(dialect);
        let mut document = protocol.document(&media, body.as_bytes(), query).unwrap();
        let taken = remove_credentials(&mut document, body.as_bytes(), protocol.reads_query);
        let (raw, _) = body_without(&taken, body.as_bytes(), query, media, &document);
        let raw = String::from_utf8(raw.bytes().unwrap()).unwrap();
        (raw, taken, Value::Object(document.members))
    }

    #[test]
    fn a_key_is_taken_out_wherever_it_stands() {
        let (_, key) = PresentedKey::generate(KeyKind::Secret);
        let key = key.expose_secret();
        let body = json!({ "api_key": key, "phone": "+14155550100", "more": { "deep": [key] } }).to_string();
        let (raw, taken, members) = kept(Dialect::Native, BodyFormat::Json, &body, None);
        assert_eq!((raw.contains(key), taken.len(), members.to_string().contains(key)), (false, 1, false));
        assert!(raw.contains("+14155550100"));
        let among_words =
            json!({ "note": format!("Bearer {key}, please"), "phone": "+14155550100" }).to_string();
        let (raw, _, members) = kept(Dialect::Native, BodyFormat::Json, &among_words, None);
        assert!(!raw.contains(key) && raw.contains("please"), "{raw}");
        assert_eq!(members["note"], "Bearer removed, please");
        let escaped = body.replace("lg_live", "lg\\u005flive");
        assert!(!kept(Dialect::KickoffLabs, BodyFormat::Json, &escaped, None).0.contains("live_"));
        let form = format!("email=a%40b.co&API-KEY={}", key.replace('_', "%5F"));
        let (raw, ..) = kept(Dialect::KickoffLabs, BodyFormat::Form, &form, None);
        assert_eq!(raw, "email=a%40b.co");
        let query = format!("api_key={key}&name=x");
        let (raw, ..) = kept(Dialect::KickoffLabs, BodyFormat::Json, "{\"email\":\"a@b.co\"}", Some(&query));
        assert_eq!(raw, "{\"email\":\"a@b.co\"}");
        assert_eq!(query_without(&[], &query).as_deref(), Some("name=x"));
    }

    #[test]
    fn a_key_is_no_name_and_stands_in_no_file() {
        let (_, key) = PresentedKey::generate(KeyKind::Token);
        let key = key.expose_secret();
        let body = json!({ "phone": "+14155550100", key: "x", "more": { key: 1, "removed": 2 } }).to_string();
        let (raw, _, members) = kept(Dialect::Native, BodyFormat::Json, &body, None);
        assert!(!raw.contains(key), "{raw}");
        assert_eq!(members["removed"], "x");
        assert_eq!(members["more"], json!({ "removed_": 1, "removed": 2 }));
        let form = format!("email=a%40b.co&{}=1", key.replace('_', "%5F"));
        assert_eq!(kept(Dialect::Native, BodyFormat::Form, &form, None).0, "email=a%40b.co");
        let file = format!(
            "--b\r\nContent-Disposition: form-data; name=phone\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; \
             name=notes; filename=n.txt\r\nContent-Type: text/plain\r\n\r\nuse {key}, please\r\n--b--\r\n"
        );
        let (raw, ..) = kept(Dialect::Native, BodyFormat::Multipart("b".to_owned()), &file, None);
        assert!(!raw.contains(key) && raw.contains("use removed, please"), "{raw}");
        let query = format!("name=x&{key}=1");
        assert_eq!(query_without(&[], &query).as_deref(), Some("name=x"));
        assert_eq!(without_keys(&format!("curl/8 ({key})")), "curl/8 (removed)");
    }

    #[test]
    fn what_is_no_key_stays_as_it_is() {
        for body in
            ["{\"api_key\":\"4\",\"phone\":\"+14155550100\"}", "{\"api_key\":\"a\",\"email\":\"a@a.co\"}"]
        {
            let (raw, taken, _) = kept(Dialect::Native, BodyFormat::Json, body, None);
            assert_eq!((raw.as_str(), taken.len()), (body, 0));
            assert_eq!(kept(Dialect::KickoffLabs, BodyFormat::Json, body, None).0, body);
        }
    }
}
