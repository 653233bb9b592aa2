//! Reads of submissions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadgate_domain::mapping::MappingFault;
use leadgate_domain::{
    BodyFormat, BodyHash, ClientInfo, Dialect, Fields, KeyHash, KeyId, LeadId, OrganizationId, Outcome,
    QuarantineReason, RawBody, SourceId, Submission, SubmissionId, Timestamp, Trace, Trust,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::StoreError;
use crate::page::Page;
use crate::quarantine_entries::QuarantineState;
use crate::rows::{AfterId, InSource, ScopedId};
use crate::store::Store;

/// A submission with its history.
#[derive(Debug, Clone, PartialEq)]
pub struct SubmissionRecord {
    pub submission: Submission,
    /// When its content was erased.
    pub erased_at: Option<Timestamp>,
    /// All its outcomes. The last one is current.
    pub outcomes: Vec<OutcomeRecord>,
    /// Its quarantine entries, and those of other submissions with the same id.
    pub quarantine: Vec<QuarantineRecord>,
}

impl SubmissionRecord {
    /// The current outcome.
    pub fn outcome(&self) -> Option<&OutcomeRecord> {
        self.outcomes.last()
    }
}

/// One outcome in the history of a submission.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OutcomeRecord {
    pub revision: i32,
    pub outcome: Outcome,
    pub lead: Option<LeadId>,
    pub decided_at: Timestamp,
    pub trace: Trace,
}

/// One quarantine entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuarantineRecord {
    /// The id of the submission, or a new id if the submission's id was already used.
    pub id: uuid::Uuid,
    pub reason: QuarantineReason,
    pub state: QuarantineState,
    pub body_hash: BodyHash,
    pub quarantined_at: Timestamp,
}

/// A submission in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubmissionSummary {
    pub id: SubmissionId,
    pub body_hash: BodyHash,
    pub received_at: Timestamp,
    /// The current outcome.
    pub outcome: Option<Outcome>,
    pub lead: Option<LeadId>,
}

impl Store {
    pub async fn submission(
        &self,
        organization: OrganizationId,
        id: SubmissionId,
    ) -> Result<Option<SubmissionRecord>, StoreError> {
        let wanted = [ScopedId { organization, id }];
        let stored: Vec<StoredSubmission> =
            self.read(move |session| session.load(session.sql.submissions.read, &wanted)).await?;
        stored.into_iter().next().map(StoredSubmission::record).transpose()
    }

    /// At most `limit` submissions of a source, newest first, with any outcome.
    pub async fn recent_submissions(
        &self,
        organization: OrganizationId,
        source: SourceId,
        limit: u32,
    ) -> Result<Vec<Submission>, StoreError> {
        let scope = [InSource { organization, source, most: limit }];
        let stored: Vec<StoredSubmission> =
            self.read(move |session| session.load(session.sql.submissions.recent, &scope)).await?;
        stored.into_iter().map(StoredSubmission::submission).collect()
    }

    /// At most `limit` submissions in the order of their ids, starting after the given one.
    pub async fn submissions(
        &self,
        organization: OrganizationId,
        after: Option<SubmissionId>,
        limit: u32,
    ) -> Result<Page<SubmissionSummary, SubmissionId>, StoreError> {
        let id = after.unwrap_or(SubmissionId::from_uuid(uuid::Uuid::nil()));
        let after = AfterId { organization, id, most: limit.saturating_add(1) };
        let found = self.read(move |session| session.load(session.sql.submissions.page, &[after])).await?;
        Ok(Page::cut(found, limit, |summary: &SubmissionSummary| summary.id))
    }
}

/// Under this name the column `extra` holds what a newer build said about the client.
pub(crate) const CLIENT: &str = "client";

/// A submission as its columns hold it.
#[derive(Deserialize)]
pub(crate) struct StoredSubmission {
    organization: OrganizationId,
    id: SubmissionId,
    source: SourceId,
    source_revision: i32,
    dialect: Dialect,
    received_at: Timestamp,
    trust: Trust,
    client_address: Option<String>,
    client_user_agent: Option<String>,
    client_key: Option<KeyId>,
    fields: Fields,
    raw: String,
    raw_encoding: String,
    media: Option<BodyFormat>,
    query: Option<String>,
    mapping_version: Option<u32>,
    mapping_fault: Option<MappingFault>,
    body_hash: BodyHash,
    idempotency_key_hash: Option<KeyHash>,
    traceparent: Option<String>,
    extra: Map<String, Value>,
    erased_at: Option<Timestamp>,
    #[serde(default)]
    outcomes: Vec<OutcomeRecord>,
    #[serde(default)]
    quarantine: Vec<QuarantineRecord>,
}

impl StoredSubmission {
    fn record(mut self) -> Result<SubmissionRecord, StoreError> {
        let (outcomes, quarantine) =
            (std::mem::take(&mut self.outcomes), std::mem::take(&mut self.quarantine));
        let erased_at = self.erased_at;
        Ok(SubmissionRecord { submission: self.submission()?, erased_at, outcomes, quarantine })
    }

    pub(crate) fn is_erased(&self) -> bool {
        self.erased_at.is_some()
    }

    pub(crate) fn submission(mut self) -> Result<Submission, StoreError> {
        let raw = match self.raw_encoding.as_str() {
            "text" => RawBody::Text(self.raw),
            "base64" => RawBody::Base64(self.raw),
            _ => return unwrap(&self.raw),
        };
        let extra = &mut self.extra;
        // Never stored, except by a build that did not know them.
        extra.retain(|name, _| !["reply_to", "release"].contains(&name.as_str()));
        Ok(Submission {
            id: self.id,
            organization: self.organization,
            source: self.source,
            source_revision: self.source_revision,
            dialect: self.dialect,
            received_at: self.received_at,
            trust: self.trust,
            client: ClientInfo {
                address: self.client_address,
                user_agent: self.client_user_agent,
                key: self.client_key,
                unknown: known(extra, CLIENT).unwrap_or_default(),
            },
            fields: self.fields,
            raw,
            media: self.media.or(known(extra, "media")).unwrap_or_default(),
            query: self.query.or(known(extra, "query")),
            mapping_version: self.mapping_version.or(known(extra, "mapping_version")),
            mapping_fault: self.mapping_fault.or(known(extra, "mapping_fault")),
            body_hash: self.body_hash,
            idempotency_key_hash: self.idempotency_key_hash,
            traceparent: self.traceparent,
            reply_to: None,
            release: None,
            unknown: self.extra,
        })
    }
}

/// What this build has a name for, and a build before kept with what it did not know.
fn known<T: DeserializeOwned>(extra: &mut Map<String, Value>, name: &str) -> Option<T> {
    serde_json::from_value(extra.remove(name)?).ok()
}

/// A submission that was stored whole, because the database refused it in any other form.
pub(crate) fn unwrap(whole: &str) -> Result<Submission, StoreError> {
    let unreadable = || StoreError::Bug("a wrapped submission cannot be read".to_owned());
    let json = STANDARD.decode(whole).map_err(|_| unreadable())?;
    let submission: Submission = serde_json::from_slice(&json).map_err(|_| unreadable())?;
    Ok(Submission { reply_to: None, release: None, ..submission })
}
