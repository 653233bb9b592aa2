//! Paths to values in a submitted document.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json;

/// The name of a member, or a path with a leading slash (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValuePath(pub(super) String);

impl ValuePath {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Checks the path.
    ///
    /// # Errors
    /// What is wrong with it (RFC 6901, section 3).
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let Some(path) = self.0.strip_prefix('/') else { return Ok(()) };
        for (depth, segment) in path.split('/').enumerate() {
            if segment.is_empty() {
                return Err("a path has a name or an index after each `/`");
            }
            if segment.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
                return Err("in a path `~` is written `~0`, and a `/` in a name `~1`");
            }
            // The first segment is always a member name, and `[x]` can be one too.
            let is_open = segment.starts_with('[') && !segment.ends_with(']');
            if depth > 0 && (is_open || label(segment).is_some_and(|(name, _)| name.is_empty())) {
                return Err("select an element of a list by one of its members, such as `[name=email]`");
            }
        }
        Ok(())
    }

    /// Finds the value. A path can also lead into a text that is a JSON object or list, because some form
    /// builders send all their fields as one JSON text.
    pub(super) fn find<'m>(&self, members: &'m Map<String, Value>) -> Option<Cow<'m, Value>> {
        let Some(path) = self.0.strip_prefix('/') else { return members.get(&self.0).map(Cow::Borrowed) };
        let segments: Vec<String> = path.split('/').map(unescape_segment).collect();
        let (first, rest) = segments.split_first()?;
        match members.get(first)? {
            Value::String(text) if !rest.is_empty() => {
                let inner = json::parse(text.as_bytes()).ok()?;
                descend(&inner, rest).cloned().map(Cow::Owned)
            }
            value => descend(value, rest).map(Cow::Borrowed),
        }
    }

    /// Removes the value. An object that becomes empty is removed too.
    pub(super) fn remove(&self, members: &mut Map<String, Value>) {
        let Some(path) = self.0.strip_prefix('/') else {
            members.remove(&self.0);
            return;
        };
        let segments: Vec<String> = path.split('/').map(unescape_segment).collect();
        remove_at(members, &segments);
    }
}

/// Removes the value at a path. An element of a list is replaced by null, so that the others keep their
/// indexes.
fn remove_at(members: &mut Map<String, Value>, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    match (members.get_mut(first), rest.split_first()) {
        (Some(Value::Object(inner)), Some(_)) => {
            remove_at(inner, rest);
            if inner.is_empty() {
                members.remove(first);
            }
        }
        (Some(list @ Value::Array(_)), Some(_)) => {
            if let Some(value) = descend_mut(list, rest) {
                *value = Value::Null;
            }
            if list.as_array().is_some_and(|items| items.iter().all(Value::is_null)) {
                members.remove(first);
            }
        }
        (Some(_), None) => {
            members.remove(first);
        }
        (Some(_), Some(_)) | (None, _) => {}
    }
}

fn descend<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match value {
        Value::Object(members) => members.get(segment),
        Value::Array(items) => items.get(position(items, segment)?),
        _ => None,
    })
}

fn descend_mut<'v>(value: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match value {
        Value::Object(members) => members.get_mut(segment),
        Value::Array(items) => {
            let position = position(items, segment)?;
            items.get_mut(position)
        }
        _ => None,
    })
}

/// The index for a segment: `0`, or `[name=email]` for the first object whose `name` is `email`.
fn position(items: &[Value], segment: &str) -> Option<usize> {
    match label(segment) {
        Some((member, name)) => {
            items.iter().position(|item| item.get(member).and_then(Value::as_str) == Some(name))
        }
        None if segment != "0" && segment.starts_with(['0', '+']) => None,
        None => segment.parse().ok(),
    }
}

/// Splits `[name=email]` into its two parts.
fn label(segment: &str) -> Option<(&str, &str)> {
    segment.strip_prefix('[')?.strip_suffix(']')?.split_once('=')
}

/// Escapes a name as a segment of a path (RFC 6901).
pub fn path_segment(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Reads a segment of a path (RFC 6901).
pub(crate) fn unescape_segment(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}
