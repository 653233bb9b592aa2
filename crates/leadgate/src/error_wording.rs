//! Translates messages of serde, figment and toml, which name Rust types, into plain words.

/// The words of a library and their replacements. A longer text comes before its own prefix.
const REPLACEMENTS: &[(&str, &str)] = &[
    ("invalid type: found ", "found "),
    ("invalid type: ", "found "),
    ("invalid value: found ", "found "),
    ("invalid value: ", "found "),
    ("invalid value ", "found "),
    ("unknown field: found ", "unknown setting "),
    ("unknown field ", "unknown name "),
    ("unknown variant: found ", "unknown value "),
    ("unknown variant ", "unknown value "),
    ("missing field ", "missing: "),
    ("invalid socket address syntax", "expected an IP address and a port, such as 127.0.0.1:8080"),
    ("expected usize", "expected a whole number from 0 on"),
    ("expected u64", "expected a whole number from 0 on"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected i64", "expected a whole number"),
    ("expected i32", "expected a whole number"),
    ("expected a boolean", "expected true or false"),
    ("expected a string", "expected text"),
    ("expected path string", "expected a path"),
    ("expected socket address", "expected an IP address and a port, such as 127.0.0.1:8080"),
    ("expected a sequence", "expected a list"),
    ("expected an integer or string", "expected a size such as 64 KiB"),
    ("expected a duration", "expected a length of time such as 10s"),
    ("found string ", "found "),
    ("found integer ", "found "),
    ("found unsigned int ", "found "),
    ("found signed int ", "found "),
    ("found floating point ", "found "),
    ("found float ", "found "),
    ("found boolean ", "found "),
    ("found bool ", "found "),
    ("found sequence", "found a list"),
    ("found map", "found a section"),
];

/// A message of serde, figment or toml in plain words.
pub(crate) fn plain_message(message: &str) -> String {
    let replace = |text: String, (word, plain): &(&str, &str)| text.replace(word, plain);
    let text = REPLACEMENTS.iter().fold(message.to_owned(), replace);
    match text.split_once("expected struct ") {
        None => text,
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
            format!("{before}expected a section{rest}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_types_are_replaced() {
        for (message, expected) in [
            (
                "invalid type: found string \"many\", expected u16",
                "found \"many\", expected a whole number from 0 to 65535",
            ),
            ("invalid type: map, expected a string", "found a section, expected text"),
            (
                "invalid type: found sequence, expected struct QueueSection",
                "found a list, expected a section",
            ),
            ("missing field `to`", "missing: `to`"),
        ] {
            assert_eq!(plain_message(message), expected);
        }
    }
}
