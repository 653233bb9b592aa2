//! Responses to posted leads, in the format of each dialect.

use leadgate_domain::{
    Fields, Lead, Outcome, QuarantineReason, Source, SourceId, SubmissionId, TextField, Timestamp,
};
use serde::Serialize;

/// An answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectResponse {
    /// Of HTTP.
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// Whether a `Location: /v1/leads/{id}` belongs to it.
    pub location: bool,
}

impl DialectResponse {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        // Nothing that is answered with can fail to serialize: names are texts, and no map has other keys.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { status, content_type: "application/json", body, location: false }
    }

    pub(crate) fn located(self) -> Self {
        Self { location: true, ..self }
    }
}

/// What a response may contain about the lead that the submission created or matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// The outcome and ids: for a secret key that may not read this lead.
    Outcome,
    /// The lead as it is stored.
    Lead,
}

/// What one submission said, for answers that show nothing else.
#[derive(Debug, Clone, Copy)]
pub struct PostedLead<'s> {
    /// The id in the response: of the submission, or of the first one with the same idempotency key.
    pub id: SubmissionId,
    pub fields: &'s Fields,
    /// The tags that the client sent, without those that its key adds.
    pub tags: &'s [String],
    /// The source it came in by.
    pub source: &'s Source,
    pub received_at: Timestamp,
}

impl PostedLead<'_> {
    /// The id by which the client knows the lead, if it sent one.
    pub(crate) fn external_id(&self) -> Option<&str> {
        let withheld = || self.fields.not_trusted.get(TextField::ExternalId.as_str())?.as_str();
        self.fields.text(TextField::ExternalId).or_else(withheld)
    }
}

/// What became of a submission.
#[derive(Debug, Clone, Copy)]
pub struct SubmissionOutcome<'l> {
    pub posted: PostedLead<'l>,
    pub outcome: Outcome,
    /// The lead it made or met.
    pub lead: Option<&'l Lead>,
    pub quarantine: Option<QuarantineReason>,
    pub disclosure: Disclosure,
}

impl SubmissionOutcome<'_> {
    /// 201 for a new lead, 200 for one that was there, 202 for what is kept aside and may still become one.
    pub(crate) fn http_status(&self) -> u16 {
        match self.outcome {
            Outcome::Created => 201,
            Outcome::Updated | Outcome::Linked | Outcome::Duplicate => 200,
            Outcome::Quarantined => 202,
        }
    }

    /// For the systems whose documentation knows only submissions that become leads.
    pub(crate) fn without_lead(&self) -> DialectResponse {
        let body = SubmissionStatus { id: self.posted.id, status: status(self.outcome) };
        DialectResponse::json(self.http_status(), &body)
    }
}

/// A submission of which no lead is shown.
#[derive(Debug, Serialize)]
pub struct SubmissionStatus {
    id: SubmissionId,
    status: &'static str,
}

impl SubmissionStatus {
    /// A submission that is durable and waits for a worker.
    pub fn queued(id: SubmissionId) -> Self {
        Self { id, status: "queued" }
    }
}

/// 202: the submission is durable and waits for a worker.
pub(crate) fn queued(posted: &PostedLead<'_>) -> DialectResponse {
    DialectResponse::json(202, &SubmissionStatus::queued(posted.id))
}

/// How a submission stands of which no lead is shown.
pub(crate) fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Quarantined => "quarantined",
        // Such as the repetition of an idempotency key whose first submission was quarantined.
        Outcome::Created | Outcome::Updated | Outcome::Linked | Outcome::Duplicate => "processed",
    }
}

/// Finds what a source is called ([`leadgate_domain::Source::title`]); `None` for one that is not known here.
pub type SourceNames<'n> = &'n dyn Fn(SourceId) -> Option<String>;
