//! Responses to posted leads, in the format of each dialect.

use leadgate_domain::{
    Fields, Lead, Outcome, QuarantineReason, Source, SourceId, SubmissionId, TextField, Timestamp,
};
use serde::Serialize;

/// A response, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectResponse {
    /// The HTTP status.
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// Whether the response has the header `Location: /v1/leads/{id}`.
    pub has_location: bool,
}

impl DialectResponse {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        // Serialization cannot fail: all map keys of response bodies are strings.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { status, content_type: "application/json", body, has_location: false }
    }

    pub(crate) fn with_location(self) -> Self {
        Self { has_location: true, ..self }
    }
}

/// What a response may contain about the lead that the submission created or matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// The outcome and the ids, for a secret key that may not read the lead.
    Outcome,
    /// The stored lead.
    Lead,
}

/// The data of one submission, for responses that must not show stored data.
#[derive(Debug, Clone, Copy)]
pub struct PostedLead<'s> {
    /// The id in the response: the id of the submission, or of the first one with the same idempotency key.
    pub id: SubmissionId,
    pub fields: &'s Fields,
    /// The tags that the client sent, without those that its key adds.
    pub tags: &'s [String],
    pub source: &'s Source,
    pub received_at: Timestamp,
}

impl PostedLead<'_> {
    /// The id of the lead in the client's system, if the client sent it.
    pub(crate) fn external_id(&self) -> Option<&str> {
        let untrusted = || self.fields.untrusted_fields.get(TextField::ExternalId.as_str())?.as_str();
        self.fields.text(TextField::ExternalId).or_else(untrusted)
    }
}

/// A submission with its outcome.
#[derive(Debug, Clone, Copy)]
pub struct SubmissionOutcome<'l> {
    pub posted: PostedLead<'l>,
    pub outcome: Outcome,
    /// The lead that the submission created or matched.
    pub lead: Option<&'l Lead>,
    pub quarantine: Option<QuarantineReason>,
    pub disclosure: Disclosure,
}

impl SubmissionOutcome<'_> {
    /// 201 for a new lead, 200 for an existing lead, 202 for a quarantined submission, which may still become
    /// a lead.
    pub(crate) fn http_status(&self) -> u16 {
        match self.outcome {
            Outcome::Created => 201,
            Outcome::Updated | Outcome::Linked | Outcome::Duplicate => 200,
            Outcome::Quarantined => 202,
        }
    }

    /// The response without a lead, for systems that do not document this case.
    pub(crate) fn render_without_lead(&self) -> DialectResponse {
        let body = SubmissionStatus { id: self.posted.id, status: submission_status(self.outcome) };
        DialectResponse::json(self.http_status(), &body)
    }
}

/// A response body that shows no lead.
#[derive(Debug, Serialize)]
pub struct SubmissionStatus {
    id: SubmissionId,
    status: &'static str,
}

impl SubmissionStatus {
    /// The submission is durable and waits for a worker.
    pub fn queued(id: SubmissionId) -> Self {
        Self { id, status: "queued" }
    }
}

/// 202: the submission is durable and waits for a worker.
pub(crate) fn render_queued(posted: &PostedLead<'_>) -> DialectResponse {
    DialectResponse::json(202, &SubmissionStatus::queued(posted.id))
}

/// The status of a submission in a response that shows no lead.
pub(crate) fn submission_status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Quarantined => "quarantined",
        // For example a repeated idempotency key whose first submission was quarantined.
        Outcome::Created | Outcome::Updated | Outcome::Linked | Outcome::Duplicate => "processed",
    }
}

/// Looks up the display name of a source ([`leadgate_domain::Source::display_name`]); `None` if the source is
/// unknown.
pub type SourceNameLookup<'n> = &'n dyn Fn(SourceId) -> Option<String>;
