//! Where incoming values stand.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json;

/// Where an incoming value stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub(super) String);

impl Place {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A path also leads into a text that is a JSON object or list: some form builders send all their fields as one.
    pub(super) fn find<'m>(&self, members: &'m Map<String, Value>) -> Option<Cow<'m, Value>> {
        let Some(path) = self.0.strip_prefix('/') else { return members.get(&self.0).map(Cow::Borrowed) };
        let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        match members.get(&unescape(first))? {
            Value::String(text) if !rest.is_empty() => {
                let inner = json::parse(text.as_bytes()).ok()?;
                inner.pointer(rest).cloned().map(Cow::Owned)
            }
            value => value.pointer(rest).map(Cow::Borrowed),
        }
    }

    /// Takes the value out; an object that is left with nothing goes with it.
    pub(super) fn take(&self, members: &mut Map<String, Value>) {
        let Some(path) = self.0.strip_prefix('/') else {
            members.remove(&self.0);
            return;
        };
        let segments: Vec<String> = path.split('/').map(unescape).collect();
        take_from(members, &segments);
    }
}

/// An element of a list leaves a null, so that the others keep their places.
fn take_from(members: &mut Map<String, Value>, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    match (members.get_mut(first), rest.split_first()) {
        (Some(Value::Object(inner)), Some(_)) => {
            take_from(inner, rest);
            if inner.is_empty() {
                members.remove(first);
            }
        }
        (Some(list @ Value::Array(_)), Some(_)) => {
            let inner: String = rest.iter().map(|segment| format!("/{}", escape(segment))).collect();
            if let Some(value) = list.pointer_mut(&inner) {
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

fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}
