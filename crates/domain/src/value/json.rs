//! Parsing of untrusted JSON. Every store can keep a document that passes.
//!
//! The rules of a JSON parser are not sufficient. `\u0000` is valid JSON and breaks PostgreSQL's `text`. A
//! repeated key silently loses one of two phones. An integer above 64 bits loses digits in an `f64`. A
//! thousand brackets overflow the stack. Therefore depth, number of keys, repeated keys, NUL and number range
//! are checked while parsing.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Maximum nesting depth of arrays and objects.
pub const MAX_DEPTH: usize = 32;

/// Maximum number of object keys in a document.
pub const MAX_KEYS: usize = 200;

/// Numbers from this magnitude on are not 64-bit integers. A client should send such ids as strings.
const NUMBER_BOUND: f64 = 18_446_744_073_709_551_616.0;

/// Whether a value is more than nulls and blank texts.
pub fn has_content(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => items.iter().any(has_content),
        Value::Object(members) => members.values().any(has_content),
    }
}

/// What is wrong with a document. The codes are part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum JsonFaultCode {
    #[strum(serialize = "empty_body")]
    Empty,
    NotJson,
    InvalidUnicode,
    NumberOutOfRange,
    TooDeep,
    TooManyKeys,
    DuplicateKey,
    NulCharacter,
}

impl JsonFaultCode {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// A sentence for the response.
    pub fn detail(self) -> &'static str {
        match self {
            Self::Empty => "The body is empty.",
            Self::NotJson => "The body is not valid JSON.",
            Self::InvalidUnicode => {
                "The body contains text that is not valid Unicode, such as a lone surrogate."
            }
            Self::NumberOutOfRange => "A number does not fit into 64 bits; send long identifiers as strings.",
            Self::TooDeep => "Arrays and objects are nested more than 32 deep.",
            Self::TooManyKeys => "The body has more than 200 keys.",
            Self::DuplicateKey => "A key appears twice in one object.",
            Self::NulCharacter => "A text contains the NUL character (\\u0000), which cannot be stored.",
        }
    }
}

/// Where and why a document was refused. It contains positions and key names, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    pub code: JsonFaultCode,
    /// RFC 6901, if it is known.
    pub pointer: Option<String>,
    pub line: usize,
    pub column: usize,
}

/// Parses the JSON document of a lead.
pub fn parse(body: &[u8]) -> Result<Value, JsonFault> {
    parse_with(body, MAX_KEYS)
}

/// [`parse`] for administration requests: the number of keys is limited only by the size of the body.
pub fn parse_settings(body: &[u8]) -> Result<Value, JsonFault> {
    parse_with(body, usize::MAX)
}

fn parse_with(body: &[u8], max_keys: usize) -> Result<Value, JsonFault> {
    let at_start = |code| JsonFault { code, pointer: None, line: 0, column: 0 };
    if body.trim_ascii().is_empty() {
        return Err(at_start(JsonFaultCode::Empty));
    }
    let text = std::str::from_utf8(body).map_err(|_| at_start(JsonFaultCode::InvalidUnicode))?;
    // A byte order mark is tolerated (RFC 8259, section 8.1).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut checker = JsonChecker { path: Vec::new(), keys: 0, max_keys, code: None };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Node(&mut checker).deserialize(&mut deserializer);
    parsed.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| JsonFault {
        code: checker.code.unwrap_or_else(|| classify(&error)),
        pointer: checker.code.map(|_| pointer(&checker.path)),
        line: error.line(),
        column: error.column(),
    })
}

/// serde_json has no public error codes, only texts. The tests below fail if the texts change.
fn classify(error: &serde_json::Error) -> JsonFaultCode {
    let text = error.to_string();
    if text.starts_with("number out of range") {
        JsonFaultCode::NumberOutOfRange
    } else if text.contains("surrogate") || text.contains("hex escape") || text.contains("unicode code point")
    {
        JsonFaultCode::InvalidUnicode
    } else {
        JsonFaultCode::NotJson
    }
}

/// Checks that a value that was not parsed here (for example from the queue) is within the limits of
/// [`parse`].
pub fn check(value: &Value) -> Result<(), JsonFaultCode> {
    check_node(value, 0, &mut 0)
}

/// [`check`] for an object that is not wrapped in a value.
pub fn check_object(map: &Map<String, Value>) -> Result<(), JsonFaultCode> {
    check_entries(map, 0, &mut 0)
}

fn check_node(value: &Value, depth: usize, keys: &mut usize) -> Result<(), JsonFaultCode> {
    if depth > MAX_DEPTH {
        return Err(JsonFaultCode::TooDeep);
    }
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) => number_in_range(number),
        Value::String(text) => no_nul(text),
        Value::Array(items) => items.iter().try_for_each(|item| check_node(item, depth + 1, keys)),
        Value::Object(map) => check_entries(map, depth, keys),
    }
}

fn check_entries(map: &Map<String, Value>, depth: usize, keys: &mut usize) -> Result<(), JsonFaultCode> {
    map.iter().try_for_each(|(key, item)| {
        *keys += 1;
        if *keys > MAX_KEYS {
            return Err(JsonFaultCode::TooManyKeys);
        }
        no_nul(key)?;
        check_node(item, depth + 1, keys)
    })
}

fn no_nul(text: &str) -> Result<(), JsonFaultCode> {
    if text.contains('\0') { Err(JsonFaultCode::NulCharacter) } else { Ok(()) }
}

fn number_in_range(number: &Number) -> Result<(), JsonFaultCode> {
    let integer = number.is_i64() || number.is_u64();
    let small = number.as_f64().is_some_and(|float| float.abs() < NUMBER_BOUND);
    if integer || small { Ok(()) } else { Err(JsonFaultCode::NumberOutOfRange) }
}

struct JsonChecker {
    path: Vec<String>,
    keys: usize,
    max_keys: usize,
    code: Option<JsonFaultCode>,
}

impl JsonChecker {
    fn refuse<E: serde::de::Error>(&mut self, code: JsonFaultCode) -> E {
        self.code = Some(code);
        E::custom(code.as_str())
    }

    fn with_fault_code<E: serde::de::Error>(&mut self, verdict: Result<(), JsonFaultCode>) -> Result<(), E> {
        verdict.map_err(|code| self.refuse(code))
    }
}

/// One value of the document. After an error the path is not reset, so that it points to the fault.
struct Node<'r>(&'r mut JsonChecker);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).filter(|number| number_in_range(number).is_ok());
        number.map(Value::Number).ok_or_else(|| self.0.refuse(JsonFaultCode::NumberOutOfRange))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.0.with_fault_code(no_nul(&value))?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let checker = self.0;
        descend(checker, "0".to_owned())?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Node(checker))? {
            values.push(value);
            if let Some(last) = checker.path.last_mut() {
                *last = values.len().to_string();
            }
        }
        checker.path.pop();
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let checker = self.0;
        descend(checker, String::new())?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            checker.keys += 1;
            if let Some(last) = checker.path.last_mut() {
                last.clone_from(&key);
            }
            checker.with_fault_code(no_nul(&key))?;
            if checker.keys > checker.max_keys {
                return Err(checker.refuse(JsonFaultCode::TooManyKeys));
            }
            if map.contains_key(&key) {
                return Err(checker.refuse(JsonFaultCode::DuplicateKey));
            }
            let value = entries.next_value_seed(Node(checker))?;
            map.insert(key, value);
        }
        checker.path.pop();
        Ok(Value::Object(map))
    }
}

fn descend<E: serde::de::Error>(checker: &mut JsonChecker, segment: String) -> Result<(), E> {
    if checker.path.len() >= MAX_DEPTH {
        return Err(checker.refuse(JsonFaultCode::TooDeep));
    }
    checker.path.push(segment);
    Ok(())
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &[String]) -> String {
    path.iter().map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(body: &str) -> JsonFaultCode {
        parse(body.as_bytes()).unwrap_err().code
    }

    #[test]
    fn every_fault_has_its_own_code() {
        assert_eq!(code("  "), JsonFaultCode::Empty);
        for body in ["{", "{'a':1}", "{\"a\":1,}", "// x\n1", "nul", "{} {}", "[1]]"] {
            assert_eq!(code(body), JsonFaultCode::NotJson, "{body}");
        }
        for body in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\uD800x""#] {
            assert_eq!(code(body), JsonFaultCode::InvalidUnicode, "{body}");
        }
        assert_eq!(parse(b"\"\xc0\xaf\"").unwrap_err().code, JsonFaultCode::InvalidUnicode);
        for body in ["1e400000", "[1e400]", "1e131071", "36893488147419103232", "-1e30"] {
            assert_eq!(code(body), JsonFaultCode::NumberOutOfRange, "{body}");
        }
        assert_eq!(code(r#"{"a":1,"a":2}"#), JsonFaultCode::DuplicateKey);
        assert_eq!(code(r#"{"a\u0000":1}"#), JsonFaultCode::NulCharacter);
        assert_eq!(code(&"[".repeat(1_000_000)), JsonFaultCode::TooDeep);
    }

    #[test]
    fn a_fault_has_a_pointer_to_its_position() {
        let fault = parse(br#"{"a":[1,{"b/c":"x\u0000"}]}"#).unwrap_err();
        assert_eq!((fault.code, fault.pointer.as_deref()), (JsonFaultCode::NulCharacter, Some("/a/1/b~1c")));
    }

    #[test]
    fn documents_at_the_limits_are_accepted() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(code(&nested(MAX_DEPTH + 1)), JsonFaultCode::TooDeep);
        let wide = |keys: usize| {
            let entries: Vec<_> = (0..keys).map(|key| format!("\"k{key}\":0")).collect();
            format!("{{{}}}", entries.join(","))
        };
        assert!(parse(wide(MAX_KEYS).as_bytes()).is_ok());
        assert_eq!(code(&wide(MAX_KEYS + 1)), JsonFaultCode::TooManyKeys);
        assert!(parse_settings(wide(MAX_KEYS + 1).as_bytes()).is_ok());
    }

    #[test]
    fn integers_of_64_bits_keep_every_digit() {
        let value = parse(b"[18446744073709551615,-9223372036854775808]").unwrap();
        assert_eq!(value.to_string(), "[18446744073709551615,-9223372036854775808]");
    }

    proptest! {
        #[test]
        fn parse_accepts_only_what_check_accepts(body: String) {
            if let Ok(value) = parse(body.as_bytes()) {
                prop_assert_eq!(check(&value), Ok(()));
            }
        }

        #[test]
        fn truncation_is_never_accepted(cut in 1usize..40) {
            let whole = br#"{"phone":"+14155550123","tags":["a","b"]}"#;
            prop_assert!(parse(&whole[..cut]).is_err());
        }
    }
}
