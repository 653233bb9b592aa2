//! The native dialect: one JSON object with Leadgate's own names.
//!
//! A phone or an email is required, everything else is optional. A member with an unknown name is stored as a
//! custom field, also if Leadgate has a property with this name (`id`, `status`, `organization`).

mod endpoint;
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
use crate::problem::render_problem_document;
use crate::protocol::{DefaultLimit, IntakePath, LimitScope, Protocol, SourceSelection};
use crate::response::{DialectResponse, SourceNameLookup, render_queued};

pub use endpoint::{EndpointResponse, endpoint_response};
pub use key::{
    CreatedKeyResponse, KeyResponse, RevokedKeyResponse, created_key_response, key_response,
    revoked_key_response,
};
pub(crate) use response::render_outcome;
pub use response::{
    FieldsResponse, LeadListResponse, LeadResponse, NoLeadResponse, OutcomeWithTrace, RequestedSubmission,
    SubmissionResponse, ValidationResponse, erased_response, lead_list_response, lead_response,
    listed_lead_response, no_lead_response, submission_response, validation_response,
};
pub use retention::{RetentionResponse, retention_response};
pub use source::{SignatureResponse, SourceResponse, signature_response, source_response, token_path};
pub use suppression::{SuppressionResponse, suppression_response};

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
    default_limit: DefaultLimit { counted_by: LimitScope::Key, rate: Rate::per_minute(1_200) },
    intake_paths: &[IntakePath {
        source: SourceSelection::Credential,
        ..IntakePath::for_dialect("/v1/leads", Dialect::Native)
    }],
    waits_for_outcome: false,
    reads_query: false,
    refuses_empty_document: false,
    sends_rate_limit_reset: true,
    name_index: &NATIVE_INDEX,
    check_fields,
    render_accepted: |posted| render_queued(posted).with_location(),
    render_accepted_for_public: |posted| render_queued(posted).with_location(),
    render_outcome,
    render_problem: render_problem_document,
    render_leads_page,
};

/// Reads the fields of a document, or lists all its faults.
///
/// The caller has parsed the document with [`leadgate_domain::json::parse`], which checks the limits.
pub fn decode(document: &Value) -> Result<Fields, Vec<FieldFault>> {
    let Value::Object(members) = document else {
        return Err(vec![FieldFault::new("", "wrong_type", "a JSON object is expected")]);
    };
    PROTOCOL.read_fields(ReaderInput {
        members,
        mapped_fields: None,
        has_json_types: true,
        plus_is_space: false,
    })
}

/// Reads fields for an existing lead. No field is required.
pub fn decode_fields(members: &Map<String, Value>) -> Result<Fields, Vec<FieldFault>> {
    let input = ReaderInput { members, mapped_fields: None, has_json_types: true, plus_is_space: false };
    FieldReader::read(&NATIVE_INDEX, input).finish()
}

/// Requires a phone or an email with a value.
pub(crate) fn check_fields(reader: &mut FieldReader<'_>) {
    if !reader.was_attempted(Slot::Phone) && !reader.was_attempted(Slot::Email) {
        reader.add_fault("", "contact_missing", "a phone or an email is required");
    }
}

/// A page of the list at `GET /v1/leads`.
pub(crate) fn render_leads_page(
    leads: &[Lead],
    next: Option<&str>,
    sources: SourceNameLookup<'_>,
) -> DialectResponse {
    DialectResponse::json(200, &lead_list_response(leads, next, sources))
}

#[cfg(test)]
mod tests;
