//! Responses of the native dialect. The members have the order of the documentation.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::{
    BodyHash, ClientInfo, Consent, Dialect, Eligibility, EmailView, Fields, InferredValue, Lead, LeadId,
    Outcome, Patch, PhoneView, QuarantineReason, RawBody, Reason, Region, SourceId, Submission, SubmissionId,
    Temperature, TextField, Timestamp, Trace, explain,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::response::{
    DialectResponse, Disclosure, PostedLead, SourceNameLookup, SubmissionOutcome, submission_status,
};

/// The requested submission, in a response about the lead that it created or matched.
#[derive(Debug, Serialize)]
pub struct RequestedSubmission {
    id: SubmissionId,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<QuarantineReason>,
}

/// A submission without a lead, in most cases because it is quarantined.
#[derive(Debug, Serialize)]
pub struct NoLeadResponse {
    id: SubmissionId,
    status: &'static str,
    submission: RequestedSubmission,
}

/// A submission of an erased person, whose lead is deleted.
pub fn erased_response(id: SubmissionId, outcome: Outcome) -> NoLeadResponse {
    NoLeadResponse { id, status: "erased", submission: RequestedSubmission { id, outcome, reason: None } }
}

pub fn no_lead_response(
    id: SubmissionId,
    outcome: Outcome,
    reason: Option<QuarantineReason>,
) -> NoLeadResponse {
    NoLeadResponse {
        id,
        status: submission_status(outcome),
        submission: RequestedSubmission { id, outcome, reason },
    }
}

/// The outcome of a submission, for a client that waited.
#[derive(Serialize)]
struct OutcomeResponse<'l> {
    id: SubmissionId,
    outcome: Outcome,
    lead_id: LeadId,
    status: &'l str,
    /// Whether the lead may be called, if the client may read the lead.
    #[serde(flatten)]
    eligibility: Option<EligibilityResponse<'l>>,
}

#[derive(Serialize)]
struct EligibilityResponse<'l> {
    eligibility: Eligibility,
    reasons: &'l [Reason],
}

/// The outcome of a submission without a lead.
#[derive(Serialize)]
struct NoLeadOutcomeResponse {
    id: SubmissionId,
    outcome: Outcome,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<QuarantineReason>,
}

pub(crate) fn render_outcome(submission: &SubmissionOutcome<'_>) -> DialectResponse {
    let SubmissionOutcome { posted: PostedLead { id, .. }, outcome, quarantine, disclosure, .. } =
        *submission;
    let response = match submission.lead {
        Some(lead) => DialectResponse::json(
            submission.http_status(),
            &OutcomeResponse {
                id,
                outcome,
                lead_id: lead.id,
                status: lead.status.as_str(),
                eligibility: (disclosure == Disclosure::Lead)
                    .then(|| EligibilityResponse { eligibility: lead.eligibility, reasons: &lead.reasons }),
            },
        ),
        None => DialectResponse::json(
            submission.http_status(),
            &NoLeadOutcomeResponse { id, outcome, status: submission_status(outcome), reason: quarantine },
        ),
    };
    response.with_location()
}

/// A lead as clients see it.
#[derive(Debug, Serialize)]
pub struct LeadResponse<'l> {
    id: LeadId,
    status: &'l str,
    eligibility: Eligibility,
    reasons: &'l [Reason],
    eligible_until: Option<Timestamp>,
    score: u8,
    temperature: Temperature,
    full_name: Option<&'l str>,
    first_name: Option<&'l str>,
    last_name: Option<&'l str>,
    company: Option<&'l str>,
    external_id: Option<&'l str>,
    line_id: Option<&'l str>,
    /// The field `source` of the lead, which a client sends.
    source: Option<&'l str>,
    /// The source that received the lead.
    source_id: SourceId,
    source_name: Option<String>,
    tags: BTreeSet<&'l str>,
    state: Option<&'l str>,
    timezone: Option<&'l str>,
    locale: Option<&'l str>,
    currency: Option<&'l str>,
    page_url: Option<&'l str>,
    automations: Option<&'l Value>,
    user_assignments: Option<&'l Value>,
    phone: Option<&'l PhoneView>,
    email: Option<&'l EmailView>,
    consent: Option<&'l Consent>,
    attribution: Option<&'l Map<String, Value>>,
    custom_fields: &'l Map<String, Value>,
    /// Inferred values, each with its basis.
    inferred: BTreeMap<&'l str, Cow<'l, InferredValue>>,
    received_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    submission: Option<RequestedSubmission>,
}

/// A lead that was requested by its id, or by the id of a submission that created or matched it.
pub fn lead_response<'l>(
    lead: &'l Lead,
    submission: SubmissionId,
    outcome: Outcome,
    sources: SourceNameLookup<'_>,
) -> LeadResponse<'l> {
    let submission = Some(RequestedSubmission { id: submission, outcome, reason: None });
    LeadResponse { submission, ..listed_lead_response(lead, sources) }
}

pub fn listed_lead_response<'l>(lead: &'l Lead, sources: SourceNameLookup<'_>) -> LeadResponse<'l> {
    LeadResponse {
        id: lead.id,
        status: lead.status.as_str(),
        eligibility: lead.eligibility,
        reasons: &lead.reasons,
        eligible_until: lead.eligible_until,
        score: lead.score,
        temperature: lead.temperature,
        full_name: lead.text(TextField::FullName),
        first_name: lead.text(TextField::FirstName),
        last_name: lead.text(TextField::LastName),
        company: lead.text_or_inferred(TextField::Company),
        external_id: lead.text(TextField::ExternalId),
        line_id: lead.text(TextField::LineId),
        source: lead.text(TextField::Source),
        source_id: lead.source,
        source_name: sources(lead.source),
        tags: lead.all_tags(),
        state: lead.text_or_inferred(TextField::State),
        timezone: lead.text_or_inferred(TextField::Timezone),
        locale: lead.text(TextField::Locale),
        currency: lead.text(TextField::Currency),
        page_url: lead.text(TextField::PageUrl),
        automations: lead.automations.as_ref(),
        user_assignments: lead.user_assignments.as_ref(),
        phone: lead.phone.as_ref(),
        email: lead.email.as_ref(),
        consent: lead.consent.as_ref(),
        attribution: lead.attribution.as_ref(),
        custom_fields: &lead.custom_fields,
        inferred: lead.inferred_values(),
        received_at: lead.received_at,
        updated_at: lead.updated_at,
        submission: None,
    }
}

/// The result of a validation: the outcome that a lead would have, the lead as it would be stored, and the
/// trace.
#[derive(Debug, Serialize)]
pub struct ValidationResponse<'l> {
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<QuarantineReason>,
    #[serde(flatten)]
    lead: Option<LeadResponse<'l>>,
    trace: &'l Trace,
}

pub fn validation_response<'l>(
    outcome: Outcome,
    reason: Option<QuarantineReason>,
    lead: Option<&'l Lead>,
    trace: &'l Trace,
    sources: SourceNameLookup<'_>,
) -> ValidationResponse<'l> {
    ValidationResponse { outcome, reason, lead: lead.map(|lead| listed_lead_response(lead, sources)), trace }
}

/// A page of the list of leads.
#[derive(Debug, Serialize)]
pub struct LeadListResponse<'l> {
    data: Vec<LeadResponse<'l>>,
    next: Option<&'l str>,
}

/// Clients send `next` as `after` to get the next page.
pub fn lead_list_response<'l>(
    leads: &'l [Lead],
    next: Option<&'l str>,
    sources: SourceNameLookup<'_>,
) -> LeadListResponse<'l> {
    LeadListResponse { data: leads.iter().map(|lead| listed_lead_response(lead, sources)).collect(), next }
}

/// The outcome of a submission, with the trace of the decision.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeWithTrace<'s> {
    pub outcome: Outcome,
    pub lead: Option<LeadId>,
    pub quarantine: Option<QuarantineReason>,
    pub decided_at: Timestamp,
    /// When the content of the submission was erased.
    pub erased_at: Option<Timestamp>,
    pub trace: &'s Trace,
    /// The name of its source; `None` for a default source.
    pub source: Option<&'s str>,
}

impl OutcomeWithTrace<'_> {
    /// Sentences about the receipt of the submission, about each stage, and about the outcome.
    pub fn explanation(&self, submission: &Submission) -> Vec<String> {
        let stages = explain::trace(self.trace).into_iter().flat_map(|stage| stage.sentences);
        let outcome = explain::outcome(&explain::HistoryEntry {
            outcome: self.outcome,
            lead: self.lead,
            quarantine: self.quarantine,
            at: self.decided_at,
            trace: self.trace,
        });
        std::iter::once(explain::receipt_sentence(submission, self.source))
            .chain(stages)
            .chain([outcome])
            .collect()
    }
}

/// A submission itself, with the trace of its decision.
#[derive(Debug, Serialize)]
pub struct SubmissionResponse<'s> {
    id: SubmissionId,
    status: &'static str,
    outcome: Outcome,
    lead_id: Option<LeadId>,
    reason: Option<QuarantineReason>,
    dialect: Dialect,
    source_id: SourceId,
    received_at: Timestamp,
    decided_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
    #[serde(flatten)]
    content: Option<SubmissionContent<'s>>,
    trace: &'s Trace,
    /// The trace in sentences, in the order of the pipeline.
    explanation: Vec<String>,
}

/// The parts of a submission that an erasure removes.
#[derive(Debug, Serialize)]
struct SubmissionContent<'s> {
    client: &'s ClientInfo,
    fields: FieldsResponse<'s>,
    raw: &'s RawBody,
    body_hash: BodyHash,
}

pub fn submission_response<'s>(
    submission: &'s Submission,
    result: OutcomeWithTrace<'s>,
) -> SubmissionResponse<'s> {
    SubmissionResponse {
        id: submission.id,
        status: submission_status(result.outcome),
        outcome: result.outcome,
        lead_id: result.lead,
        reason: result.quarantine,
        dialect: submission.dialect,
        source_id: submission.source,
        received_at: submission.received_at,
        decided_at: result.decided_at,
        erased_at: result.erased_at,
        content: result.erased_at.is_none().then(|| SubmissionContent {
            client: &submission.client,
            fields: FieldsResponse::from(&submission.fields),
            raw: &submission.raw,
            body_hash: submission.body_hash,
        }),
        trace: result.trace,
        explanation: result.explanation(submission),
    }
}

/// The fields that were read, under their native names. Absent fields are omitted.
#[derive(Debug, Serialize)]
pub struct FieldsResponse<'s> {
    #[serde(skip_serializing_if = "is_absent")]
    phone: &'s Patch<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_country: Option<Region>,
    #[serde(skip_serializing_if = "is_absent")]
    email: &'s Patch<String>,
    #[serde(flatten)]
    texts: BTreeMap<&'static str, Option<&'s str>>,
    tags: &'s [String],
    #[serde(skip_serializing_if = "is_absent")]
    consent: &'s Patch<Consent>,
    #[serde(skip_serializing_if = "is_absent")]
    attribution: &'s Patch<Map<String, Value>>,
    custom_fields: &'s Map<String, Value>,
    #[serde(skip_serializing_if = "is_absent")]
    automations: &'s Patch<Value>,
    #[serde(skip_serializing_if = "is_absent")]
    user_assignments: &'s Patch<Value>,
    opt_out: bool,
    is_test: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    must_exist: bool,
    /// Fields that a public credential sent but must not set.
    #[serde(skip_serializing_if = "Map::is_empty")]
    untrusted_fields: &'s Map<String, Value>,
    /// Codes of the repairs of the body.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    repairs: &'s BTreeSet<String>,
    /// Members that a newer build wrote.
    #[serde(flatten)]
    unknown: &'s Map<String, Value>,
}

impl<'s> From<&'s Fields> for FieldsResponse<'s> {
    fn from(fields: &'s Fields) -> Self {
        Self {
            phone: &fields.phone,
            phone_country: fields.phone_country,
            email: &fields.email,
            texts: fields.texts.iter().map(|(field, text)| (field.as_str(), text.as_deref())).collect(),
            tags: &fields.tags,
            consent: &fields.consent,
            attribution: &fields.attribution,
            custom_fields: &fields.custom_fields,
            automations: &fields.automations,
            user_assignments: &fields.user_assignments,
            opt_out: fields.opt_out,
            is_test: fields.is_test,
            must_exist: fields.must_exist,
            untrusted_fields: &fields.untrusted_fields,
            repairs: &fields.repairs,
            unknown: &fields.unknown,
        }
    }
}

fn is_absent<T>(patch: &&Patch<T>) -> bool {
    patch.is_absent()
}

#[cfg(test)]
mod tests;
