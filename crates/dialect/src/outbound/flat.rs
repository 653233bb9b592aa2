//! The form `flat`: one object without nested objects, for receivers that show each member as a field.

use leadgate_domain::Event;
use serde_json::{Map, Value};

use super::standard;

/// The members of the form `standard`, with joined names: `lead_phone_e164`. A list of texts is one text, separated by
/// commas.
pub(super) fn payload(event: &Event) -> serde_json::Result<Map<String, Value>> {
    let mut members = Map::new();
    if let Value::Object(nested) = serde_json::to_value(standard::payload(event))? {
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
        Value::Array(items) => {
            let texts = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            members.insert(name, texts.collect::<Vec<_>>().join(",").into());
        }
        value => {
            members.insert(name, value);
        }
    }
}
