//! Documents that administrators send, read into the types of the operations.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a document.
///
/// # Errors
/// The member that cannot be read, by its path, and what is wrong with it. It may repeat a value; it is the
/// administrator's own.
pub fn read_document<T: DeserializeOwned>(document: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        let message = without_types(&message);
        // The message already names a missing member.
        if path == "." || path.contains('?') { message.into_owned() } else { format!("`{path}`: {message}") }
    })
}

/// Removes the names of Rust types from a message of serde.
fn without_types(message: &str) -> Cow<'_, str> {
    if message.contains("untagged enum ") {
        return "the value has an unknown format".into();
    }
    match message.split_once(", expected ") {
        Some((found, wanted)) if wanted.contains("struct ") => format!("{found}, expected an object").into(),
        Some((found, wanted)) if wanted.contains("enum ") => format!("{found}, expected a text").into(),
        _ => message.into(),
    }
}

#[cfg(test)]
mod tests {
    use leadgate_domain::mapping::Mapping;
    use serde_json::json;

    use super::*;
    use crate::keys::NewKey;
    use crate::sources::NewSource;

    fn problem<T: DeserializeOwned>(document: Value) -> String {
        read_document::<T>(document).err().unwrap()
    }

    #[test]
    fn a_member_is_named_by_its_path_and_no_type_of_ours() {
        for (problem, expected) in [
            (problem::<NewKey>(json!({ "scopes": ["write", 7] })), "`scopes[1]`: "),
            (problem::<NewKey>(json!({ "scope": [] })), "unknown field `scope`"),
            (problem::<NewKey>(json!({ "rate": "fast" })), "`rate`: `fast` is not a rate"),
            (
                problem::<NewSource>(json!({ "dialect": "askad", "window": "soon" })),
                "`window`: `soon` is not",
            ),
            (problem::<NewSource>(json!({ "dialect": "latin" })), "`dialect`: "),
            (
                problem::<Mapping>(json!({ "rules": [{ "to": "phone", "from": ["a"] }, 7] })),
                "expected an object",
            ),
            (problem::<Mapping>(json!({ "rules": [{ "to": "fax", "from": ["a"] }] })), "fax"),
        ] {
            assert!(problem.contains(expected), "{problem}");
            for word in ["struct", "enum", "NewKey", "Rule ", "SourceSettings"] {
                assert!(!problem.contains(word), "{problem}");
            }
        }
    }
}
