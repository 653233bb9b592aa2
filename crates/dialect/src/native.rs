//! The native dialect: one JSON object in our own words.
//!
//! Everything is optional but a way to reach the person. A name that is not ours is kept as a custom field,
//! also one that looks like it could command us (`id`, `status`, `organization`).

mod answer;
mod key;
mod source;
mod suppression;

use std::sync::LazyLock;

use leadgate_domain::validate::FieldFault;
use leadgate_domain::{Dialect, Fields};
use serde_json::{Map, Value};

use crate::names::{Grammar, Index, NATIVE, PEOPLE, SHARED, Slot};
use crate::reading::{Reading, Text};

pub use answer::{
    LeadAnswer, Leadless, Page, Queued, Record, SourceNames, SubmissionNote, SubmissionResult, Validated,
    erased, lead, leadless, listed, page, queued, record, validated,
};
pub(crate) use answer::{settled, status};
pub use key::{KeyAnswer, key};
pub use source::{SourceAnswer, source, token_path};
pub use suppression::{SuppressionAnswer, suppression};

pub(crate) static INDEX: LazyLock<Index> =
    LazyLock::new(|| Index::new(Grammar { strict: true, ..Grammar::of(NATIVE, &[PEOPLE, SHARED]) }));

/// Reads what a document says about a person, or everything that is wrong with it.
///
/// The document has passed [`leadgate_domain::json::parse`].
pub fn decode(document: &Value) -> Result<Fields, Vec<FieldFault>> {
    let Value::Object(members) = document else {
        return Err(vec![FieldFault::new("", "wrong_type", "a JSON object is expected")]);
    };
    crate::decode::read(Dialect::Native, Text { members, mapped: None, typed: true, plus_is_space: false })
}

/// Reads fields of a lead that is there already: none is required.
pub fn decode_fields(members: &Map<String, Value>) -> Result<Fields, Vec<FieldFault>> {
    let text = Text { members, mapped: None, typed: true, plus_is_space: false };
    Reading::of(&INDEX, text).finish()
}

/// A phone or an email that says something.
pub(crate) fn require(reading: &mut Reading<'_>) {
    if !reading.tried(Slot::Phone) && !reading.tried(Slot::Email) {
        reading.fault("", "contact_missing", "a phone or an email is required");
    }
}

#[cfg(test)]
mod tests;
