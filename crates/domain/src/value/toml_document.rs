//! Documents in TOML.

use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

/// The member in which the parser gives a date or time to a JSON value.
const TIME: &str = "$__toml_private_datetime";

/// Reads a document in TOML. Dates and times are texts, because JSON has no other form for them.
///
/// # Errors
/// If the text is not TOML, or does not match the type.
pub fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, toml::de::Error> {
    let mut document: Value = toml::from_str(text)?;
    if replace_times(&mut document) {
        return serde_json::from_value(document).map_err(toml::de::Error::custom);
    }
    // Its errors have positions.
    toml::from_str(text)
}

/// Replaces dates and times by their texts. Returns whether there was one.
fn replace_times(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => {
            if let Some(text) = members.remove(TIME) {
                *value = text;
                return true;
            }
            members.values_mut().fold(false, |found, member| replace_times(member) | found)
        }
        Value::Array(items) => items.iter_mut().fold(false, |found, item| replace_times(item) | found),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_and_times_are_texts() {
        let text = "name = 'a'\nmost = 18446744073709551615\nday = 2026-01-31\nlist = [1, 07:30:00]\n[inner]\nat = 2026-01-31T07:30:00Z\n";
        let document: serde_json::Value = read_toml(text).unwrap();
        assert_eq!(
            document,
            json!({
                "name": "a",
                "most": u64::MAX,
                "day": "2026-01-31",
                "list": [1, "07:30:00"],
                "inner": { "at": "2026-01-31T07:30:00Z" },
            })
        );
        let error = read_toml::<serde_json::Value>("name = 'a'\nday = 2026-13-31\n").unwrap_err();
        assert!(error.span().is_some(), "{error}");
    }
}
