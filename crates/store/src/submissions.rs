//! Reads of submissions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadgate_domain::{
    BodyHash, LeadId, OrganizationId, Outcome, QuarantineReason, SourceId, Submission, SubmissionId,
    Timestamp, Trace,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::connection::query;
use crate::error::StoreError;
use crate::page::Page;
use crate::quarantine_entries::QuarantineState;
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
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeRecord {
    pub revision: i32,
    pub outcome: Outcome,
    pub lead: Option<LeadId>,
    pub decided_at: Timestamp,
    pub trace: Trace,
}

/// One quarantine entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRecord {
    /// The id of the submission, or a new id if the submission's id was already used.
    pub id: uuid::Uuid,
    pub reason: QuarantineReason,
    pub state: QuarantineState,
    pub body_hash: BodyHash,
    pub quarantined_at: Timestamp,
}

/// A submission in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        self.read(move |session| {
            let Some(stored) = query!(session, submissions::find_submission(organization, id))? else {
                return Ok(None);
            };
            let mut outcomes = query!(session, outcomes::outcomes_of(organization, &[id]))?;
            let quarantine = query!(session, quarantine::records_of_submission(organization, id))?;
            let StoredSubmission { submission, erased_at } = stored;
            let outcomes = outcomes.remove(&id).unwrap_or_default();
            Ok(Some(SubmissionRecord { submission, erased_at, outcomes, quarantine }))
        })
        .await
    }

    /// At most `limit` submissions of a source, newest first, with any outcome.
    pub async fn recent_submissions(
        &self,
        organization: OrganizationId,
        source: SourceId,
        limit: u32,
    ) -> Result<Vec<Submission>, StoreError> {
        self.read(move |session| {
            query!(session, submissions::recent_submissions(organization, source, limit))
        })
        .await
    }

    /// At most `limit` submissions in the order of their ids, starting after the given one.
    pub async fn submissions(
        &self,
        organization: OrganizationId,
        after: Option<SubmissionId>,
        limit: u32,
    ) -> Result<Page<SubmissionSummary, SubmissionId>, StoreError> {
        let after = after.unwrap_or(SubmissionId::from_uuid(uuid::Uuid::nil()));
        let most = limit.saturating_add(1);
        let found = self
            .read(move |session| query!(session, submissions::page_of_submissions(organization, after, most)))
            .await?;
        Ok(Page::cut(found, limit, |summary: &SubmissionSummary| summary.id))
    }
}

/// Under this name the column `extra` holds what a newer build said about the client.
pub(crate) const CLIENT: &str = "client";

/// A submission as it is stored.
pub(crate) struct StoredSubmission {
    pub(crate) submission: Submission,
    /// When its content was erased.
    pub(crate) erased_at: Option<Timestamp>,
}

/// What this build has a name for, and a build before kept with what it did not know.
pub(crate) fn known<T: DeserializeOwned>(extra: &mut Map<String, Value>, name: &str) -> Option<T> {
    serde_json::from_value(extra.remove(name)?).ok()
}

/// A whole submission in a form that no database refuses, without what is not stored of it.
pub(crate) fn wrap_submission(submission: &Submission) -> Result<String, StoreError> {
    let submission = Submission { reply_to: None, release: None, ..submission.clone() };
    let json = serde_json::to_vec(&submission);
    json.map(|json| STANDARD.encode(json))
        .map_err(|error| StoreError::Bug(format!("a submission cannot be written as JSON: {error}")))
}

/// A submission that was stored whole, because the database refused it in any other form.
pub(crate) fn unwrap(whole: &str) -> Result<Submission, StoreError> {
    let unreadable = || StoreError::Bug("a wrapped submission cannot be read".to_owned());
    let json = STANDARD.decode(whole).map_err(|_| unreadable())?;
    let submission: Submission = serde_json::from_slice(&json).map_err(|_| unreadable())?;
    Ok(Submission { reply_to: None, release: None, ..submission })
}
