//! Forms: pairs of names and texts. A name may denote a list (`list[]`) or a member (`object[member]`).

use std::borrow::Cow;

use leadgate_domain::json::{JsonFaultCode, MAX_DEPTH};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::encoding::{self, without_byte_order_mark};
use super::error::FormFault;

/// The maximum number of pairs in a form. It is larger than the limit of members, because each item of a list is a
/// pair.
const MAX_PAIRS: usize = 1_000;

/// Reads `application/x-www-form-urlencoded` (<https://url.spec.whatwg.org/#urlencoded-parsing>).
pub(super) fn read_urlencoded(body: &[u8]) -> Result<FormBuilder, FormFault> {
    let mut form = FormBuilder::default();
    let body = without_byte_order_mark(body);
    for pair in body.trim_ascii().split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        // A leading `%20` is a space that the person typed. It is removed. A leading `+` may be the plus sign
        // of a phone.
        let mut next = || {
            form.decode_text(&decode_urlencoded(without_escaped_spaces(halves.next().unwrap_or_default())))
        };
        let (name, value) = (next(), next());
        form.add(&name, Value::from(value))?;
    }
    Ok(form)
}

fn without_escaped_spaces(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix(b"%20") {
        text = rest;
    }
    text
}

fn decode_urlencoded(text: &[u8]) -> Vec<u8> {
    let spaced: Cow<'_, [u8]> = match text.contains(&b'+') {
        true => text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect(),
        false => text.into(),
    };
    percent_decode(&spaced).collect()
}

/// Collects the pairs of a form into one object.
#[derive(Default)]
pub(super) struct FormBuilder {
    members: Map<String, Value>,
    pairs: usize,
    /// Whether a name or value was not UTF-8, and was read as windows-1252.
    pub(super) is_windows_1252: bool,
}

impl FormBuilder {
    /// Decodes the bytes of a name or a value.
    pub(super) fn decode_text(&mut self, bytes: &[u8]) -> String {
        let (text, is_windows_1252) = encoding::decode_text(bytes);
        self.is_windows_1252 |= is_windows_1252;
        text.into_owned()
    }

    pub(super) fn add(&mut self, name: &str, value: Value) -> Result<(), FormFault> {
        let name = name.trim_start_matches('\u{feff}');
        self.pairs += 1;
        if self.pairs > MAX_PAIRS {
            return Err(FormFault::Limit(JsonFaultCode::TooManyKeys));
        }
        let path = parse_path(name);
        if path.len() > MAX_DEPTH {
            return Err(FormFault::Limit(JsonFaultCode::TooDeep));
        }
        if let Err(value) = insert_at_path(&mut self.members, &path, value) {
            append(&mut self.members, name, value);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Map<String, Value> {
        self.members.into_iter().map(|(name, value)| (name, convert_lists(value))).collect()
    }
}

/// The steps of a name: `a[b][]` has the steps `a`, `b` and an empty one. A name in any other form is one
/// step.
fn parse_path(name: &str) -> Vec<&str> {
    let single_step = vec![name];
    let Some((base, rest)) = name.split_once('[') else { return single_step };
    let Some(steps) = rest.strip_suffix(']') else { return single_step };
    let mut path = vec![base];
    path.extend(steps.split("]["));
    let has_bracket = |step: &&str| step.contains(['[', ']']);
    let inner = path.get(..path.len() - 1).unwrap_or_default();
    let is_malformed = inner.iter().any(|step| step.is_empty()) || path.iter().any(has_bracket);
    if is_malformed { single_step } else { path }
}

/// Inserts a value at a path. Returns the value as an error if a step of the path is already a value.
fn insert_at_path(members: &mut Map<String, Value>, path: &[&str], value: Value) -> Result<(), Value> {
    match path {
        [] => Err(value),
        [name] | [name, ""] => {
            let value = if path.len() == 1 { value } else { Value::Array(vec![value]) };
            append(members, name, value);
            Ok(())
        }
        [name, rest @ ..] => {
            let inner = members.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            match inner {
                Value::Object(inner) => insert_at_path(inner, rest, value),
                _ => Err(value),
            }
        }
    }
}

/// Adds a value. A repeated name makes a list.
fn append(members: &mut Map<String, Value>, name: &str, value: Value) {
    let Some(existing) = members.get_mut(name) else {
        members.insert(name.to_owned(), value);
        return;
    };
    let mut items = match existing.take() {
        Value::Array(items) => items,
        item => vec![item],
    };
    match value {
        Value::Array(more) => items.extend(more),
        item => items.push(item),
    }
    *existing = Value::Array(items);
}

/// Converts objects with the keys 0, 1, … to lists: `tags[0]=a&tags[1]=b`.
fn convert_lists(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Map<_, _> =
                members.into_iter().map(|(name, value)| (name, convert_lists(value))).collect();
            if (0..members.len()).all(|position| members.contains_key(&position.to_string())) {
                (0..members.len()).filter_map(|position| members.remove(&position.to_string())).collect()
            } else {
                Value::Object(members)
            }
        }
        Value::Array(items) => items.into_iter().map(convert_lists).collect(),
        other => other,
    }
}
