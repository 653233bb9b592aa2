//! Values in words.

use serde_json::{Map, Value};

use crate::Timestamp;

/// A moment as it is read aloud: `21 November 2026 at 13:55:44 UTC`.
pub fn date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.as_microseconds()).unwrap_or_default();
    at.strftime("%-d %B %Y at %H:%M:%S UTC").to_string()
}

/// A value without the punctuation of JSON.
pub fn words(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "nothing found".to_owned(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(map) if map.values().all(Value::is_null) => "nothing".to_owned(),
        Value::Object(map) => members(map.iter()),
        other => other.to_string(),
    }
}

fn members<'v>(members: impl Iterator<Item = (&'v String, &'v Value)>) -> String {
    let said = members.filter(|(_, value)| !value.is_null());
    said.map(|(name, value)| format!("{name}: {}", words(value))).collect::<Vec<_>>().join("; ")
}

/// A part of a trace, out of which what is known is taken, so that the rest can be told too.
pub(super) struct Part(Map<String, Value>);

impl Part {
    /// `None` for what is no object.
    pub(super) fn of(value: &Value) -> Option<Self> {
        value.as_object().cloned().map(Self)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|value| words(&value))
    }

    /// The items of a list; a single value is a list of one.
    pub(super) fn take_list(&mut self, name: &str) -> Vec<Value> {
        match self.take(name) {
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
            None => Vec::new(),
        }
    }

    pub(super) fn take_date(&mut self, name: &str) -> Option<String> {
        let said = self.take_text(name)?;
        Some(Timestamp::parse(&said).map_or(said, date))
    }

    /// The names of the members that are this text.
    pub(super) fn take_named(&mut self, text: &str) -> Vec<String> {
        let named = self.0.iter().filter(|(_, value)| *value == text).map(|(name, _)| name.clone());
        let named: Vec<_> = named.collect();
        self.0.retain(|name, _| !named.contains(name));
        named
    }

    /// What nobody took, within a sentence; empty if there is nothing.
    pub(super) fn rest(self) -> String {
        members(self.0.iter())
    }

    /// What nobody took, as a remark at a sentence's end.
    pub(super) fn remark(self) -> String {
        let rest = self.rest();
        if rest.is_empty() { rest } else { format!(" ({rest})") }
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
