//! The quarantine as operators see it: lists, single entries, repairs and discards.

use leadgate_domain::{
    AuditAction, Dialect, OrganizationId, QuarantineReason, SourceId, Submission, SubmissionId, Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit;
use crate::error::StoreError;
use crate::page::Page;
use crate::rows::ScopedId;
use crate::store::Store;
use crate::store_transaction::wrap_submission;
use crate::submissions::{StoredSubmission, unwrap};

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

#[derive(Deserialize)]
pub(crate) struct QuarantineEntryRow {
    id: Uuid,
    submission: SubmissionId,
    source: SourceId,
    dialect: Dialect,
    reason: QuarantineReason,
    state: QuarantineState,
    quarantined_at: Timestamp,
    settled_at: Option<Timestamp>,
    settled_by: Option<String>,
    note: Option<String>,
    document: Option<String>,
    erased_at: Option<Timestamp>,
    repair: Option<String>,
    repaired_at: Option<Timestamp>,
    repaired_by: Option<String>,
}

impl QuarantineEntryRow {
    /// What came under the id of another may have come by another source, too. If there is a repair, it is
    /// read in place of the original.
    fn read(self) -> Result<(QuarantineEntry, Option<Submission>), StoreError> {
        let own = self.repair.as_deref().or(self.document.as_deref()).map(unwrap).transpose()?;
        let (source, dialect) =
            own.as_ref().map_or((self.source, self.dialect), |own| (own.source, own.dialect));
        let entry = QuarantineEntry {
            id: self.id,
            submission: self.submission,
            source,
            dialect,
            reason: self.reason,
            state: self.state,
            quarantined_at: self.quarantined_at,
            settled_at: self.settled_at,
            settled_by: self.settled_by,
            note: self.note,
            erased_at: self.erased_at,
            repaired_at: self.repaired_at,
            repaired_by: self.repaired_by,
        };
        Ok((entry, own))
    }
}

/// An entry with the submission of the id under which it came.
#[derive(Deserialize)]
pub(crate) struct QuarantinedSubmission {
    entry: QuarantineEntryRow,
    submission: StoredSubmission,
}

impl QuarantinedSubmission {
    fn read(self) -> Result<(QuarantineEntry, Submission), StoreError> {
        let (entry, own) = self.entry.read()?;
        let submission = own.map_or_else(|| self.submission.submission(), Ok)?;
        let is_anothers = entry.id != submission.id.as_uuid();
        // Of what came under the id of another nothing is left, and the other's is not to be shown in its
        // place.
        let submission =
            if entry.erased_at.is_some() && is_anothers { submission.without_content() } else { submission };
        Ok((entry, submission))
    }
}

#[derive(Serialize)]
struct BeforeQuarantineEntry {
    organization: OrganizationId,
    state: Option<QuarantineState>,
    id: Uuid,
    most: u32,
}

#[derive(Serialize)]
struct RepairUpdate<'a> {
    organization: OrganizationId,
    id: Uuid,
    repair: &'a str,
    repaired_at: Timestamp,
    repaired_by: &'a str,
}

#[derive(Serialize)]
struct DiscardUpdate<'a> {
    organization: OrganizationId,
    id: Uuid,
    settled_at: Timestamp,
    settled_by: &'a str,
    note: Option<&'a str>,
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
        let id = after.unwrap_or(Uuid::max());
        let before = [BeforeQuarantineEntry { organization, state, id, most: limit.saturating_add(1) }];
        let rows: Vec<QuarantineEntryRow> = self
            .read(move |session| {
                let quarantine = &session.sql.quarantine;
                let text = if state.is_some() { quarantine.page_in_state } else { quarantine.page };
                session.load(text, &before)
            })
            .await?;
        let entries = rows.into_iter().map(|row| row.read().map(|(entry, _)| entry));
        Ok(Page::cut(entries.collect::<Result<_, _>>()?, limit, |entry: &QuarantineEntry| entry.id))
    }

    /// An entry and its complete submission, with its repair.
    pub async fn quarantine_entry(
        &self,
        organization: OrganizationId,
        id: Uuid,
    ) -> Result<Option<(QuarantineEntry, Submission)>, StoreError> {
        let wanted = [ScopedId { organization, id }];
        let held: Vec<QuarantinedSubmission> =
            self.read(move |session| session.load(session.sql.quarantine.entry, &wanted)).await?;
        held.into_iter().next().map(QuarantinedSubmission::read).transpose()
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
        let held: Vec<QuarantinedSubmission> = self
            .write(move |session| {
                let update =
                    RepairUpdate { organization, id, repair: &repair, repaired_at, repaired_by: &by };
                if session.execute(session.sql.quarantine.repair, &[update])? > 0 {
                    audit::record(session, std::slice::from_ref(&entry))?;
                }
                session.load(session.sql.quarantine.entry, &[ScopedId { organization, id }])
            })
            .await?;
        let entry = held.into_iter().next().map(|held| held.entry.read());
        Ok(entry.transpose()?.map(|(entry, _)| entry))
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
        let held: Vec<QuarantinedSubmission> = self
            .write(move |session| {
                let discarded =
                    DiscardUpdate { organization, id, settled_at, settled_by: &by, note: note.as_deref() };
                if session.execute(session.sql.quarantine.discard, &[discarded])? > 0 {
                    audit::record(session, std::slice::from_ref(&entry))?;
                }
                session.load(session.sql.quarantine.entry, &[ScopedId { organization, id }])
            })
            .await?;
        let entry = held.into_iter().next().map(|held| held.entry.read());
        Ok(entry.transpose()?.map(|(entry, _)| entry))
    }
}
