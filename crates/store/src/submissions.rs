//! Reading submissions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadgate_domain::{
    BodyHash, Client, Dialect, Fields, KeyHash, KeyId, LeadId, Media, OrganizationId, Outcome,
    QuarantineReason, Raw, SourceId, Submission, SubmissionId, Timestamp, Trace,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::StoreError;
use crate::page::Page;
use crate::rows::{After, One};
use crate::store::Store;

/// A submission with everything that became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SubmissionRecord {
    pub submission: Submission,
    /// Its history; the last one is current.
    pub outcomes: Vec<OutcomeRecord>,
    /// Why it was kept aside; and others that were, because they came under its id.
    pub quarantine: Vec<QuarantineRecord>,
}

impl SubmissionRecord {
    /// The current outcome.
    pub fn outcome(&self) -> Option<&OutcomeRecord> {
        self.outcomes.last()
    }
}

/// One entry of a submission's history.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OutcomeRecord {
    pub revision: i32,
    pub outcome: Outcome,
    pub lead: Option<LeadId>,
    pub decided_at: Timestamp,
    pub trace: Trace,
}

/// One entry of the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuarantineRecord {
    /// The submission's id, or one of its own for what came under the id of another.
    pub id: uuid::Uuid,
    pub reason: QuarantineReason,
    pub body_hash: BodyHash,
    pub quarantined_at: Timestamp,
}

/// A submission in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubmissionSummary {
    pub id: SubmissionId,
    pub body_hash: BodyHash,
    pub received_at: Timestamp,
    /// The current one.
    pub outcome: Option<Outcome>,
    pub lead: Option<LeadId>,
}

impl Store {
    pub async fn submission(
        &self,
        organization: OrganizationId,
        id: SubmissionId,
    ) -> Result<Option<SubmissionRecord>, StoreError> {
        let wanted = [One { organization, id }];
        let stored: Vec<Stored> =
            self.read(move |session| session.load_anew(session.sql.submissions.read, &wanted)).await?;
        stored.into_iter().next().map(Stored::record).transpose()
    }

    /// At most `limit` submissions in the order of their ids, beginning after the given one.
    pub async fn submissions(
        &self,
        organization: OrganizationId,
        after: Option<SubmissionId>,
        limit: u32,
    ) -> Result<Page<SubmissionSummary, SubmissionId>, StoreError> {
        let id = after.unwrap_or(SubmissionId::from_uuid(uuid::Uuid::nil()));
        let after = After { organization, id, most: limit.saturating_add(1) };
        let found =
            self.read(move |session| session.load_anew(session.sql.submissions.page, &[after])).await?;
        Ok(Page::cut(found, limit, |summary: &SubmissionSummary| summary.id))
    }
}

/// A submission as its columns hold it.
#[derive(Deserialize)]
pub(crate) struct Stored {
    organization: OrganizationId,
    id: SubmissionId,
    source: SourceId,
    source_revision: i32,
    dialect: Dialect,
    received_at: Timestamp,
    client_address: Option<String>,
    client_user_agent: Option<String>,
    client_key: Option<KeyId>,
    fields: Fields,
    raw: String,
    raw_encoding: String,
    body_hash: BodyHash,
    idempotency_key_hash: Option<KeyHash>,
    traceparent: Option<String>,
    extra: Map<String, Value>,
    outcomes: Vec<OutcomeRecord>,
    quarantine: Vec<QuarantineRecord>,
}

impl Stored {
    fn record(self) -> Result<SubmissionRecord, StoreError> {
        let raw = match self.raw_encoding.as_str() {
            "text" => Raw::Text(self.raw),
            "base64" => Raw::Base64(self.raw),
            _ => {
                let submission = unwrap(&self.raw)?;
                return Ok(SubmissionRecord {
                    submission,
                    outcomes: self.outcomes,
                    quarantine: self.quarantine,
                });
            }
        };
        let submission = Submission {
            id: self.id,
            organization: self.organization,
            source: self.source,
            source_revision: self.source_revision,
            dialect: self.dialect,
            received_at: self.received_at,
            client: Client {
                address: self.client_address,
                user_agent: self.client_user_agent,
                key: self.client_key,
            },
            fields: self.fields,
            raw,
            media: Media::Json,
            query: None,
            mapping_version: None,
            mapping_fault: None,
            body_hash: self.body_hash,
            idempotency_key_hash: self.idempotency_key_hash,
            traceparent: self.traceparent,
            reply_to: None,
            release: None,
            unknown: self.extra,
        };
        Ok(SubmissionRecord { submission, outcomes: self.outcomes, quarantine: self.quarantine })
    }
}

/// A submission that was stored whole, because the database refused it in any other form.
fn unwrap(whole: &str) -> Result<Submission, StoreError> {
    let unreadable = || StoreError::Bug("a wrapped submission cannot be read".to_owned());
    let json = STANDARD.decode(whole).map_err(|_| unreadable())?;
    serde_json::from_slice(&json).map_err(|_| unreadable())
}
