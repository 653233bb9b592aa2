//! Helpers that decode bodies.

use leadgate_dialect::{DecodeError, DocumentError, protocol};
use leadgate_domain::{BodyFormat, Dialect, Fields};
use serde_json::Value;

/// Decodes a JSON body.
pub(crate) fn json(dialect: Dialect, body: Value) -> Result<Fields, DecodeError> {
    let document =
        protocol(dialect).read_document(&BodyFormat::Json, body.to_string().as_bytes(), None).unwrap();
    protocol(dialect).decode(&document, None)
}

/// Decodes a form body.
pub(crate) fn form(dialect: Dialect, body: &str) -> Result<Fields, DecodeError> {
    let document = protocol(dialect).read_document(&BodyFormat::Form, body.as_bytes(), None).unwrap();
    assert!(!document.has_json_types);
    protocol(dialect).decode(&document, None)
}

/// The members of a form. They do not depend on the dialect.
pub(crate) fn members(body: &[u8]) -> Result<Value, DocumentError> {
    let read = protocol(Dialect::AskAd).read_document(&BodyFormat::Form, body, None);
    read.map(|document| Value::Object(document.members))
}

/// The pointers and codes of all faults.
pub(crate) fn faults(decoded: Result<Fields, DecodeError>) -> Vec<(String, &'static str)> {
    match decoded.unwrap_err() {
        DecodeError::InvalidFields(faults) => {
            faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn single_fault(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}
