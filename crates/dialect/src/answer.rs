//! Responses to posted leads, in the format of each dialect.

use leadgate_domain::{
    Dialect, Fields, Lead, Outcome, QuarantineReason, Source, SubmissionId, TextField, Timestamp,
};
use serde::Serialize;

use crate::{abc_sales, askad, five_hundred_leads, kickofflabs, lead2inbound, native};

/// An answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// Whether a `Location: /v1/leads/{id}` belongs to it.
    pub location: bool,
}

impl Answer {
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
    fn external_id(&self) -> Option<&str> {
        let withheld = || self.fields.not_trusted.get(TextField::ExternalId.as_str())?.as_str();
        self.fields.text(TextField::ExternalId).or_else(withheld)
    }
}

/// What became of a submission.
#[derive(Debug, Clone, Copy)]
pub struct Settlement<'l> {
    pub posted: PostedLead<'l>,
    pub outcome: Outcome,
    /// The lead it made or met.
    pub lead: Option<&'l Lead>,
    pub quarantine: Option<QuarantineReason>,
    pub disclosure: Disclosure,
}

impl Settlement<'_> {
    /// 201 for a new lead, 200 for one that was there, 202 for what is kept aside and may still become one.
    pub(crate) fn http_status(&self) -> u16 {
        match self.outcome {
            Outcome::Created => 201,
            Outcome::Updated | Outcome::Linked | Outcome::Duplicate => 200,
            Outcome::Quarantined => 202,
        }
    }

    /// For the systems whose documentation knows only submissions that become leads.
    pub(crate) fn leadless(&self) -> Answer {
        let status = native::status(self.outcome);
        Answer::json(self.http_status(), &Noted { id: self.posted.id, status })
    }
}

#[derive(Serialize)]
struct Noted {
    id: SubmissionId,
    status: &'static str,
}

/// Whether a dialect's clients expect to hear at once what became of the lead.
pub fn waits(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Lead2inbound | Dialect::KickoffLabs | Dialect::AskAd => true,
        Dialect::Native | Dialect::AbcSales | Dialect::FiveHundredLeads => false,
    }
}

/// The submission is durable; its outcome is not known yet.
pub fn accepted(dialect: Dialect, posted: &PostedLead<'_>) -> Answer {
    let queued = || Answer::json(202, &native::queued(posted.id));
    match dialect {
        Dialect::Native | Dialect::Lead2inbound => queued().located(),
        Dialect::FiveHundredLeads => five_hundred_leads::success(),
        Dialect::AbcSales => abc_sales::accepted(posted.id, posted.external_id()),
        Dialect::KickoffLabs | Dialect::AskAd => queued(),
    }
}

/// The submission of a public credential is durable. The answer is the same whatever is stored: [`accepted`] or, where
/// clients expect the lead, 201 with the values of this submission.
pub fn accepted_from_public(dialect: Dialect, posted: &PostedLead<'_>) -> Answer {
    match dialect {
        Dialect::KickoffLabs => kickofflabs::accepted_from_public(posted),
        Dialect::AskAd => askad::accepted_from_public(posted),
        Dialect::Native | Dialect::AbcSales | Dialect::Lead2inbound | Dialect::FiveHundredLeads => {
            accepted(dialect, posted)
        }
    }
}

/// What became of the submission.
pub fn settled(dialect: Dialect, settlement: &Settlement<'_>) -> Answer {
    match dialect {
        Dialect::Native => native::settled(settlement),
        Dialect::AbcSales => abc_sales::settled(settlement),
        Dialect::Lead2inbound => lead2inbound::settled(settlement),
        Dialect::FiveHundredLeads => five_hundred_leads::success(),
        Dialect::KickoffLabs => kickofflabs::settled(settlement),
        Dialect::AskAd => askad::settled(settlement),
    }
}

/// Part of the list at `GET /v1/leads`; `next` is given back as `after` to get the following part.
pub fn leads_page(
    dialect: Dialect,
    leads: &[Lead],
    next: Option<&str>,
    sources: native::SourceNames<'_>,
) -> Answer {
    match dialect {
        Dialect::Lead2inbound => lead2inbound::page(leads, next, sources),
        _ => Answer::json(200, &native::page(leads, next, sources)),
    }
}
