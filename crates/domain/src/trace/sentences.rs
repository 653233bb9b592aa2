//! JSON values and times as text for sentences.

use serde_json::{Map, Value};

use crate::Timestamp;

/// A time as text: `21 November 2026 at 13:55:44 UTC`.
pub fn date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.as_microseconds()).unwrap_or_default();
    at.strftime("%-d %B %Y at %H:%M:%S UTC").to_string()
}

/// A value without the punctuation of JSON.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(map) if map.values().all(Value::is_null) => "none".to_owned(),
        Value::Object(map) => members(map),
        other => other.to_string(),
    }
}

fn members(members: &Map<String, Value>) -> String {
    let non_null = members.iter().filter(|(_, value)| !value.is_null());
    non_null.map(|(name, value)| format!("{name}: {}", words(value))).collect::<Vec<_>>().join("; ")
}

/// Members in brackets for the end of a sentence, or an empty text if there are none.
pub(super) fn remark_suffix(other: &Map<String, Value>) -> String {
    let other = members(other);
    if other.is_empty() { other } else { format!(" ({other})") }
}

/// The sentence for members that this build does not know.
pub(super) fn unknown_members_sentence(other: &Map<String, Value>) -> Option<String> {
    let other = members(other);
    (!other.is_empty()).then(|| format!("Also recorded: {other}."))
}

/// A sentence that lists items, or `None` if there are none.
pub(super) fn listed(what: &str, items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| format!("{what}: {}.", list(items)))
}

/// `a`, `a and b`, `a, b and c`.
fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [single] => single.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
