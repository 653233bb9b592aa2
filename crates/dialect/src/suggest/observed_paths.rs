//! Collects the paths of bodies at which there is a value.

use std::collections::BTreeMap;

use leadgate_domain::json::{self, has_content};
use leadgate_domain::mapping::path_segment;
use leadgate_domain::{Email, Region};
use serde_json::{Map, Value};

use super::value_kind::{ValueKind, has_phone_format};
use super::{ObservedPath, contact_field};

/// Members with the name of a list element, the best first.
const LABELS: [&str; 8] = ["column_id", "name", "key", "field", "id", "slug", "label", "title"];
/// Labels that distinguish several values of one field. They are not names of fields.
const VALUE_LABELS: [&str; 9] =
    ["home", "work", "mobile", "other", "main", "personal", "business", "private", "office"];
/// Members with the value of a list element.
const VALUES: [&str; 5] = ["value", "values", "string_value", "answer", "raw_value"];
/// The limit of elements without a name that are read from a list. Forms have fewer.
const MAX_ELEMENTS: usize = 10;
/// Limits for the name of a field. A longer name, one with more digits, or one with an email address may
/// contain personal data.
const MAX_NAME_LENGTH: usize = 60;
const MAX_DIGITS: usize = 6;

/// All paths with values, sorted.
pub(super) fn collect_paths(bodies: &[&Map<String, Value>], region: Option<Region>) -> Vec<ObservedPath> {
    let mut observed: BTreeMap<String, ObservedPath> = BTreeMap::new();
    for (body, members) in bodies.iter().enumerate() {
        let mut leaves = Vec::new();
        for (name, value) in *members {
            walk(&mut vec![name.clone()], &parse_embedded_json(value), &mut leaves);
        }
        for (segments, value) in leaves.into_iter().filter(|(path, _)| path.iter().all(|name| is_name(name)))
        {
            let path = mapping_path(&segments);
            let entry = observed.entry(path.clone()).or_insert_with(|| ObservedPath {
                path,
                names: contact_field::significant_names(&segments),
                body_indexes: Default::default(),
                kinds: Default::default(),
                has_phone_format: false,
            });
            entry.body_indexes.insert(body);
            *entry.kinds.entry(ValueKind::classify(&value, region)).or_default() += 1;
            entry.has_phone_format |= has_phone_format(&value);
        }
    }
    observed.into_values().collect()
}

/// Parses a text that contains JSON. Some form builders send all their fields in one such text.
fn parse_embedded_json(value: &Value) -> Value {
    let text = value.as_str().filter(|text| text.trim_start().starts_with(['{', '[']));
    let parsed = text.and_then(|text| json::parse(text.as_bytes()).ok());
    parsed.filter(|parsed| !parsed.is_null()).unwrap_or_else(|| value.clone())
}

fn walk(path: &mut Vec<String>, value: &Value, leaves: &mut Vec<(Vec<String>, Value)>) {
    match value {
        value if !has_content(value) => {}
        Value::Object(members) => {
            for (name, value) in members {
                walk_member(path, name.clone(), value, leaves);
            }
        }
        // The dialects read the primary value of such a list.
        Value::Array(items) if is_list_of_values(items) => leaves.push((path.clone(), value.clone())),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate().take(MAX_ELEMENTS.max(labelled_count(items))) {
                match label(item, items) {
                    Some(label) => walk_member(path, label, &without_labels(item), leaves),
                    None => walk_member(path, position.to_string(), item, leaves),
                }
            }
        }
        value => leaves.push((path.clone(), value.clone())),
    }
}

fn walk_member(
    path: &mut Vec<String>,
    segment: String,
    value: &Value,
    leaves: &mut Vec<(Vec<String>, Value)>,
) {
    path.push(segment);
    walk(path, value, leaves);
    path.pop();
}

/// Removes the members that name an element, because they are not part of its value.
fn without_labels(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(members) = item.as_object_mut() {
        members.retain(|name, _| name != "type" && name != "column_name" && !LABELS.contains(&name.as_str()));
    }
    item
}

/// The length of a list whose elements all have names, otherwise 0. Such a list is read completely.
fn labelled_count(items: &[Value]) -> usize {
    if items.iter().all(|item| label(item, items).is_some()) { items.len() } else { 0 }
}

/// Whether a list has the form `[{"value": …, "primary": true}]`.
fn is_list_of_values(items: &[Value]) -> bool {
    items.iter().all(|item| item.get("value").is_some_and(|value| !value.is_object() && !value.is_array()))
        && items.iter().all(|item| label(item, items).is_none())
}

/// The path segment of a list element that is identified by its name: `[name=email]`.
///
/// A member is the name only if another member is the value. `{"name": "Ann Lee", "email": …}` is a person.
fn label(item: &Value, items: &[Value]) -> Option<String> {
    let text = |item: &Value, member: &str| item.get(member)?.as_str().map(str::to_owned);
    let is_unique = |member: &str, name: &str| {
        items.iter().filter(|item| item.get(member).and_then(Value::as_str) == Some(name)).count() == 1
    };
    let has_value = VALUES.iter().any(|member| item.get(member).is_some());
    let labels = LABELS.iter().copied().filter(|_| has_value);
    // `{"type": "email", "email": …}`
    let of_type = text(item, "type").filter(|kind| item.get(kind).is_some()).map(|_| "type");
    labels.chain(of_type).find_map(|member| {
        let name = text(item, member).filter(|name| is_name(name) && is_unique(member, name))?;
        if VALUE_LABELS.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
        Some(format!("[{member}={name}]"))
    })
}

/// Whether a text can be the name of a field, and contains no personal data.
fn is_name(name: &str) -> bool {
    name.chars().count() <= MAX_NAME_LENGTH
        && name.chars().filter(|c| c.is_numeric()).count() <= MAX_DIGITS
        && !name.is_empty()
        && !(name.contains('@') && Email::parse(name).is_ok())
}

fn mapping_path(segments: &[String]) -> String {
    match segments {
        [name] if !name.starts_with('/') => name.clone(),
        segments => segments.iter().map(|name| format!("/{}", path_segment(name))).collect(),
    }
}
