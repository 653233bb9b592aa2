//! The quarantine as operators see it: lists, single entries, repairs and discards.

use leadgate_domain::{
    AuditAction, Dialect, OrganizationId, QuarantineReason, SourceId, Submission, SubmissionId, Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit;
use crate::connection::query;
use crate::error::StoreError;
use crate::page::Page;
use crate::store::Store;
use crate::submissions::{StoredSubmission, wrap_submission};

/// The state of a quarantine entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = leadgate_domain::unknown_code::<Self>)]
pub enum QuarantineState {
    /// Can be repaired, released or discarded.
    Open,
    /// Was processed again. The current outcome of its submission is the result.
    Released,
    /// Will not be released.
    Discarded,
}

impl QuarantineState {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A quarantined submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineEntry {
    /// The id of the submission, or a new id if the submission's id was already used. A release gives the
    /// submission this id.
    pub id: Uuid,
    /// The id with which the submission arrived.
    pub submission: SubmissionId,
    pub source: SourceId,
    pub dialect: Dialect,
    pub reason: QuarantineReason,
    pub state: QuarantineState,
    /// When it was last quarantined.
    pub quarantined_at: Timestamp,
    /// When it was last released or discarded. An open entry with this time was released and failed again.
    pub settled_at: Option<Timestamp>,
    /// The name of the operator who discarded it.
    pub settled_by: Option<String>,
    pub note: Option<String>,
    /// When its content was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// When its body was last repaired, and by which operator.
    pub repaired_at: Option<Timestamp>,
    pub repaired_by: Option<String>,
}

/// An entry with everything that was said in it.
pub(crate) struct QuarantineContent {
    pub(crate) id: Uuid,
    pub(crate) submission: SubmissionId,
    /// The submission that came under the id of another.
    pub(crate) document: Option<String>,
    pub(crate) repair: Option<String>,
    /// The submission, unless it was released and belongs to a lead.
    pub(crate) stored: Option<Submission>,
}

impl Store {
    /// At most `limit` entries in one state or in any state, starting after the given one. The entry whose
    /// submission was received last comes first.
    pub async fn quarantine_entries(
        &self,
        organization: OrganizationId,
        state: Option<QuarantineState>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<QuarantineEntry, Uuid>, StoreError> {
        let before = after.unwrap_or(Uuid::max());
        let most = limit.saturating_add(1);
        let entries = self
            .read(move |session| {
                query!(session, quarantine::page_of_entries(organization, state, before, most))
            })
            .await?;
        Ok(Page::cut(entries, limit, |entry: &QuarantineEntry| entry.id))
    }

    /// An entry and its complete submission, with its repair.
    pub async fn quarantine_entry(
        &self,
        organization: OrganizationId,
        id: Uuid,
    ) -> Result<Option<(QuarantineEntry, Submission)>, StoreError> {
        self.read(move |session| {
            let found = query!(session, quarantine::find_entry(organization, id))?;
            let Some((entry, own)) = found else { return Ok(None) };
            let submission = match own {
                Some(own) => own,
                None => {
                    let stored =
                        query!(session, submissions::find_submission(organization, entry.submission))?;
                    let Some(StoredSubmission { submission, .. }) = stored else { return Ok(None) };
                    submission
                }
            };
            let is_anothers = entry.id != submission.id.as_uuid();
            // Of what came under the id of another nothing is left, and the other's is not to be shown in its
            // place.
            let submission = if entry.erased_at.is_some() && is_anothers {
                submission.without_content()
            } else {
                submission
            };
            Ok(Some((entry, submission)))
        })
        .await
    }

    /// Stores a repaired submission for the release of an open entry. The original submission stays stored
    /// unchanged.
    ///
    /// Returns the entry afterwards, or `None` if it does not exist.
    pub async fn repair(
        &self,
        organization: OrganizationId,
        id: Uuid,
        repaired: &Submission,
        by: &str,
    ) -> Result<Option<QuarantineEntry>, StoreError> {
        let (repair, by, repaired_at) = (wrap_submission(repaired)?, by.to_owned(), Timestamp::now());
        let entry = self.entry(organization, AuditAction::QuarantineRepaired).with_target(id);
        self.write(move |session| {
            let repaired = (by.as_str(), repaired_at);
            if query!(session, quarantine::repair_entry(organization, id, &repair, repaired))? > 0 {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            let found = query!(session, quarantine::find_entry(organization, id))?;
            Ok(found.map(|(entry, _)| entry))
        })
        .await
    }

    /// Discards an open entry. An entry that was released or discarded before is returned unchanged. `None`
    /// if the entry does not exist.
    pub async fn discard(
        &self,
        organization: OrganizationId,
        id: Uuid,
        by: &str,
        note: Option<&str>,
    ) -> Result<Option<QuarantineEntry>, StoreError> {
        let (by, note, settled_at) = (by.to_owned(), note.map(str::to_owned), Timestamp::now());
        let entry = self.entry(organization, AuditAction::QuarantineDiscarded).with_target(id);
        self.write(move |session| {
            let settled = (by.as_str(), settled_at);
            if query!(session, quarantine::discard_entry(organization, id, note.as_deref(), settled))? > 0 {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            let found = query!(session, quarantine::find_entry(organization, id))?;
            Ok(found.map(|(entry, _)| entry))
        })
        .await
    }
}
