//! Short ways to read.

use leadgate_dialect::{DecodeError, DocumentError, protocol};
use leadgate_domain::{BodyFormat, Dialect, Fields};
use serde_json::Value;

/// A JSON body.
pub(crate) fn json(dialect: Dialect, body: Value) -> Result<Fields, DecodeError> {
    let document = protocol(dialect).document(&BodyFormat::Json, body.to_string().as_bytes(), None).unwrap();
    protocol(dialect).decode(&document, None)
}

/// A form's body.
pub(crate) fn form(dialect: Dialect, body: &str) -> Result<Fields, DecodeError> {
    let document = protocol(dialect).document(&BodyFormat::Form, body.as_bytes(), None).unwrap();
    assert!(!document.typed);
    protocol(dialect).decode(&document, None)
}

/// A form as a document; which dialect asks makes no difference.
pub(crate) fn members(body: &[u8]) -> Result<Value, DocumentError> {
    let read = protocol(Dialect::AskAd).document(&BodyFormat::Form, body, None);
    read.map(|document| Value::Object(document.members))
}

/// Pointers and codes of all faults.
pub(crate) fn faults(read: Result<Fields, DecodeError>) -> Vec<(String, &'static str)> {
    match read.unwrap_err() {
        DecodeError::InvalidFields(faults) => {
            faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}
