//! The native dialect: one JSON object with Leadgate's own names.
//!
//! A phone or an email is required, everything else is optional. A member with an unknown name is stored as a
//! custom field, also if Leadgate has a property with this name (`id`, `status`, `organization`).

mod key;
mod response;
mod retention;
mod source;
mod suppression;

use leadgate_domain::validate::FieldFault;
use leadgate_domain::{
    ClaimKind, Dialect, DuplicatePolicy, Fields, IdentityKey, IdentityRule, Lead, Rate, SourceDefaults,
};
use serde_json::{Map, Value};

use crate::field_reader::{FieldReader, ReaderInput};
use crate::name_index::{NATIVE_INDEX, Slot};
use crate::problem::document;
use crate::protocol::{DefaultLimit, IntakePath, LimitScope, Protocol, SourceSelection};
use crate::response::{DialectResponse, SourceNames, queued};

pub use key::{CreatedKeyResponse, KeyResponse, RevokedKeyResponse, created_key, key, revoked_key};
pub(crate) use response::settled;
pub use response::{
    LeadListResponse, LeadResponse, NoLeadResponse, OutcomeWithTrace, SubmissionNote, SubmissionResponse,
    ValidationResponse, erased, lead, listed, page, record, validated, without_lead,
};
pub use retention::{RetentionResponse, retention};
pub use source::{SignatureResponse, SourceResponse, signature, source, token_path};
pub use suppression::{SuppressionResponse, suppression};

pub(crate) static PROTOCOL: Protocol = Protocol {
    source_defaults: SourceDefaults {
        dialect: Dialect::Native,
        identity_rule: IdentityRule::AnyOf,
        identity: &[
            IdentityKey::without_window(ClaimKind::ExternalId),
            IdentityKey::with_window_days(ClaimKind::Phone, 30),
        ],
        policy: DuplicatePolicy::ReturnExisting,
        region: None,
        has_campaign: false,
    },
    limit: DefaultLimit { counted_by: LimitScope::Key, rate: Rate::per_minute(1_200) },
    intake: &[IntakePath {
        source: SourceSelection::Credential,
        ..IntakePath::for_dialect("/v1/leads", Dialect::Native)
    }],
    waits_for_outcome: false,
    reads_query: false,
    refuses_empty: false,
    sends_reset: true,
    names: &NATIVE_INDEX,
    require,
    accepted: |posted| queued(posted).located(),
    accepted_from_public: |posted| queued(posted).located(),
    settled,
    refused: document,
    leads_page,
};

/// Reads the fields of a document, or lists all its faults.
///
/// The caller has parsed the document with [`leadgate_domain::json::parse`], which checks the limits.
pub fn decode(document: &Value) -> Result<Fields, Vec<FieldFault>> {
    let Value::Object(members) = document else {
        return Err(vec![FieldFault::new("", "wrong_type", "a JSON object is expected")]);
    };
    PROTOCOL.fields(ReaderInput { members, mapped: None, typed: true, plus_is_space: false })
}

/// Reads fields for an existing lead. No field is required.
pub fn decode_fields(members: &Map<String, Value>) -> Result<Fields, Vec<FieldFault>> {
    let input = ReaderInput { members, mapped: None, typed: true, plus_is_space: false };
    FieldReader::read(&NATIVE_INDEX, input).finish()
}

/// Requires a phone or an email with a value.
pub(crate) fn require(reader: &mut FieldReader<'_>) {
    if !reader.was_attempted(Slot::Phone) && !reader.was_attempted(Slot::Email) {
        reader.add_fault("", "contact_missing", "a phone or an email is required");
    }
}

/// A page of the list at `GET /v1/leads`.
pub(crate) fn leads_page(leads: &[Lead], next: Option<&str>, sources: SourceNames<'_>) -> DialectResponse {
    DialectResponse::json(200, &page(leads, next, sources))
}

#[cfg(test)]
mod tests;
