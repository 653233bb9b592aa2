//! Documents in TOML.

use serde::de::DeserializeOwned;
use toml::Value;

/// Reads a document in TOML. Dates and times are texts, because JSON has no other form for them.
///
/// # Errors
/// If the text is not TOML, or does not match the type.
pub fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, toml::de::Error> {
    let mut table = Value::Table(toml::from_str(text)?);
    // Errors of a text have positions, and errors of a table do not.
    if replace_times(&mut table) { table.try_into() } else { toml::from_str(text) }
}

/// Replaces dates and times by their texts. Returns whether there was one.
fn replace_times(value: &mut Value) -> bool {
    match value {
        Value::Datetime(at) => {
            *value = Value::String(at.to_string());
            true
        }
        Value::Array(items) => items.iter_mut().fold(false, |found, item| replace_times(item) | found),
        Value::Table(members) => {
            members.iter_mut().fold(false, |found, (_, member)| replace_times(member) | found)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_and_times_are_texts() {
        let text = "name = 'a'\nday = 2026-01-31\nlist = [1, 07:30:00]\n[inner]\nat = 2026-01-31T07:30:00Z\n";
        let document: serde_json::Value = read_toml(text).unwrap();
        assert_eq!(
            document,
            json!({
                "name": "a",
                "day": "2026-01-31",
                "list": [1, "07:30:00"],
                "inner": { "at": "2026-01-31T07:30:00Z" },
            })
        );
        let error = read_toml::<serde_json::Value>("name = 'a'\nday = 2026-13-31\n").unwrap_err();
        assert!(error.span().is_some(), "{error}");
    }
}
