//! The form `flat`: one object without nested objects, for receivers that show each member as a field.

use leadgate_domain::{Event, EventSource};
use serde_json::{Map, Value};

use super::standard;

/// The members of the form `standard`, with joined names: `lead_phone_e164`. A list of texts is one text, separated by
/// commas.
pub(super) fn payload(event: &Event, source: Option<&EventSource>) -> serde_json::Result<Map<String, Value>> {
    let mut members = Map::new();
    if let Value::Object(nested) = serde_json::to_value(standard::event_response(event, source))? {
        for (name, value) in nested {
            // The members of `data` need no prefix.
            let name = if name == "data" { String::new() } else { name };
            flatten(name, value, &mut members);
        }
    }
    Ok(members)
}

fn flatten(name: String, value: Value, members: &mut Map<String, Value>) {
    match value {
        Value::Object(nested) => {
            for (inner, value) in nested {
                let joined = if name.is_empty() { inner } else { format!("{name}_{inner}") };
                flatten(joined, value, members);
            }
        }
        list @ Value::Array(_) => {
            members.insert(name, text(&list).into());
        }
        value => {
            members.insert(name, value);
        }
    }
}

/// A value as one text. The parts of a list are separated by commas.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
