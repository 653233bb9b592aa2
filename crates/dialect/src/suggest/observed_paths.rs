//! The places of a body that hold a value.

use std::collections::BTreeMap;

use leadgate_domain::json::{self, has_content};
use leadgate_domain::mapping::path_segment;
use leadgate_domain::{Email, Region};
use serde_json::{Map, Value};

use super::value_kind::{ValueKind, is_formatted};
use super::{ObservedPath, contact_field};

/// Members that name an element of a list of fields, the best first.
const LABELS: [&str; 8] = ["column_id", "name", "key", "field", "id", "slug", "label", "title"];
/// What tells several values of one field apart, and names no field.
const PLACES: [&str; 9] =
    ["home", "work", "mobile", "other", "main", "personal", "business", "private", "office"];
/// Members that hold the value of such an element.
const VALUES: [&str; 5] = ["value", "values", "string_value", "answer", "raw_value"];
/// A form has fewer fields of a kind without a name.
const MOST_ELEMENTS: usize = 10;
/// The name of a field is shorter. What is longer, or has an address or many digits in it, may be a person's.
const LONGEST_NAME: usize = 60;
const MOST_DIGITS: usize = 6;

/// All places with values, in the order of their names.
pub(super) fn observed_paths(bodies: &[&Map<String, Value>], region: Option<Region>) -> Vec<ObservedPath> {
    let mut places: BTreeMap<String, ObservedPath> = BTreeMap::new();
    for (body, members) in bodies.iter().enumerate() {
        let mut leaves = Vec::new();
        for (name, value) in *members {
            walk(&mut vec![name.clone()], &unpacked(value), &mut leaves);
        }
        for (path, value) in leaves.into_iter().filter(|(path, _)| path.iter().all(|name| is_name(name))) {
            let place = place(&path);
            let seen = places.entry(place.clone()).or_insert_with(|| ObservedPath {
                place,
                names: contact_field::significant_names(&path),
                bodies: Default::default(),
                kinds: Default::default(),
                is_formatted: false,
            });
            seen.bodies.insert(body);
            *seen.kinds.entry(ValueKind::of(&value, region)).or_default() += 1;
            seen.is_formatted |= is_formatted(&value);
        }
    }
    places.into_values().collect()
}

/// A text that is JSON as what it says; some form builders send all their fields as one.
fn unpacked(value: &Value) -> Value {
    let text = value.as_str().filter(|text| text.trim_start().starts_with(['{', '[']));
    let inner = text.and_then(|text| json::parse(text.as_bytes()).ok());
    inner.filter(|inner| !inner.is_null()).unwrap_or_else(|| value.clone())
}

fn walk(path: &mut Vec<String>, value: &Value, leaves: &mut Vec<(Vec<String>, Value)>) {
    match value {
        value if !has_content(value) => {}
        Value::Object(members) => {
            for (name, value) in members {
                step(path, name.clone(), value, leaves);
            }
        }
        // The dialects take the primary one of such a list.
        Value::Array(items) if is_list_of_values(items) => leaves.push((path.clone(), value.clone())),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate().take(MOST_ELEMENTS.max(named(items))) {
                match label(item, items) {
                    Some(label) => step(path, label, &without_labels(item), leaves),
                    None => step(path, position.to_string(), item, leaves),
                }
            }
        }
        value => leaves.push((path.clone(), value.clone())),
    }
}

fn step(path: &mut Vec<String>, segment: String, value: &Value, leaves: &mut Vec<(Vec<String>, Value)>) {
    path.push(segment);
    walk(path, value, leaves);
    path.pop();
}

/// The names of an element are not its value.
fn without_labels(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(members) = item.as_object_mut() {
        members.retain(|name, _| name != "type" && name != "column_name" && !LABELS.contains(&name.as_str()));
    }
    item
}

/// Of elements with names, all are looked at.
fn named(items: &[Value]) -> usize {
    if items.iter().all(|item| label(item, items).is_some()) { items.len() } else { 0 }
}

/// `[{"value": …, "primary": true}]`.
fn is_list_of_values(items: &[Value]) -> bool {
    items.iter().all(|item| item.get("value").is_some_and(|value| !value.is_object() && !value.is_array()))
        && items.iter().all(|item| label(item, items).is_none())
}

/// What an element of a list of fields is known by, as a mapping says it: `[name=email]`.
///
/// A member names the field only if another one holds its value. `{"name": "Ann Lee", "email": …}` is a person.
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
        if PLACES.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
        Some(format!("[{member}={name}]"))
    })
}

/// Whether it can be the name of a field, and is nobody's.
fn is_name(name: &str) -> bool {
    name.chars().count() <= LONGEST_NAME
        && name.chars().filter(|c| c.is_numeric()).count() <= MOST_DIGITS
        && !name.is_empty()
        && !(name.contains('@') && Email::parse(name).is_ok())
}

fn place(path: &[String]) -> String {
    match path {
        [name] if !name.starts_with('/') => name.clone(),
        path => path.iter().map(|name| format!("/{}", path_segment(name))).collect(),
    }
}
