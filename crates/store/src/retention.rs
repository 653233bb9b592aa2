//! Retention: the settings of an organization, and the sweep that erases older data.

mod leads;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use leadgate_domain::{AuditAction, OrganizationId, Retention, SubmissionId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit;
use crate::erasure::{ErasureCause, UuidRangePage, redact};
use crate::error::StoreError;
use crate::rows::InOrganization;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;
use crate::sweep::skip_failing_organization;

/// The name of this sweep's lease.
pub const RETENTION_SWEEP: &str = "retention";

/// Rows looked at per transaction.
const PAGE: u32 = 200;

/// How long an organization's turn lasts.
const TIME_PER_ORGANIZATION: Duration = Duration::from_secs(5);

/// How often submissions are gone through from the first one on: some are stored long after they were
/// received.
const FULL_SWEEP_INTERVAL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Counts of the data that a sweep erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepResult {
    pub submissions: usize,
    pub leads: usize,
    pub quarantined: usize,
    /// Deleted audit entries.
    pub audited: usize,
    /// Whether data remains because the deadline was reached.
    pub more: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct RetentionRow {
    organization: OrganizationId,
    #[serde(flatten)]
    retention: Retention,
    #[serde(default, skip_serializing)]
    submissions_swept_to: Option<Uuid>,
    #[serde(default, skip_serializing)]
    last_full_sweep_at: Option<Timestamp>,
    #[serde(default, skip_serializing)]
    leads_swept_to: Option<Uuid>,
}

#[derive(Serialize)]
struct SweepProgress {
    organization: OrganizationId,
    submissions_swept_to: Uuid,
    last_full_sweep_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct OldEntry {
    id: Uuid,
    submission: SubmissionId,
    quarantined_at: Timestamp,
}

/// Before every id that is made from that time on.
pub(crate) fn first_id_at(at: Timestamp) -> Uuid {
    let milliseconds = u128::from(at.as_microseconds().max(0).unsigned_abs() / 1_000);
    Uuid::from_u128(milliseconds << 80)
}

impl Store {
    /// The retention settings of the organization. By default nothing is erased.
    pub async fn retention(&self, organization: OrganizationId) -> Result<Retention, StoreError> {
        let row = self.retention_row(organization).await?;
        Ok(row.map(|row| row.retention).unwrap_or_default())
    }

    pub async fn set_retention(
        &self,
        organization: OrganizationId,
        retention: Retention,
    ) -> Result<(), StoreError> {
        let row = RetentionRow {
            organization,
            retention,
            submissions_swept_to: None,
            last_full_sweep_at: None,
            leads_swept_to: None,
        };
        let entry =
            self.entry(organization, AuditAction::RetentionSet).with_detail("retention", row.retention);
        self.write(move |session| {
            session.execute(session.sql.retention.set, &[row])?;
            audit::record(session, std::slice::from_ref(&entry))
        })
        .await
    }

    /// Erases data that is older than the settings of its organization, until nothing remains or the deadline
    /// is reached.
    ///
    /// Each organization gets limited time in each round, so that one with much data does not delay others.
    /// After a run that reached its deadline, the next run starts with the following organization.
    pub async fn sweep_retention(&self, deadline: Instant) -> Result<SweepResult, StoreError> {
        let rows = self.read(|session| session.load_all(session.sql.retention.all));
        let mut last = self.sweep_position(RETENTION_SWEEP).await?;
        let (mut waiting, mut swept) = (rotate_after(rows.await?, last), SweepResult::default());
        while let Some(row) = waiting.pop_front() {
            if swept.is_past_deadline(deadline) {
                self.set_sweep_position(RETENTION_SWEEP, last).await?;
                break;
            }
            let (organization, mut turn) = (row.organization, SweepResult::default());
            let ended =
                self.sweep_row(row, deadline.min(Instant::now() + TIME_PER_ORGANIZATION), &mut turn).await;
            skip_failing_organization(organization, "retention", ended)?;
            swept.add(turn);
            if turn.more {
                waiting.extend(self.retention_row(organization).await?);
            }
            last = Some(organization.as_uuid());
        }
        Ok(swept)
    }

    async fn retention_row(&self, organization: OrganizationId) -> Result<Option<RetentionRow>, StoreError> {
        let scope = [InOrganization { organization }];
        let found: Vec<RetentionRow> =
            self.read(move |session| session.load(session.sql.retention.by_organization, &scope)).await?;
        Ok(found.into_iter().next())
    }

    /// What is quickly done comes first.
    async fn sweep_row(
        &self,
        row: RetentionRow,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        self.sweep_audit(row, deadline, swept).await?;
        self.sweep_quarantine(row, deadline, swept).await?;
        self.sweep_submissions(row, deadline, swept).await?;
        self.sweep_leads(row, deadline, swept).await
    }

    async fn sweep_submissions(
        &self,
        row: RetentionRow,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        let Some(age) = row.retention.submissions else { return Ok(()) };
        let (organization, now) = (row.organization, self.now().await?);
        // An unfinished pass is continued.
        let is_due = row.last_full_sweep_at.is_some_and(|at| now.since(at) >= FULL_SWEEP_INTERVAL);
        let last_full_sweep_at = row.last_full_sweep_at.filter(|_| !is_due);
        let mut page = UuidRangePage {
            organization,
            id: row.submissions_swept_to.filter(|_| !is_due).unwrap_or_default(),
            before: first_id_at(now.minus(age)),
            most: PAGE,
        };
        while !swept.is_past_deadline(deadline) {
            let found = self.read(move |session| session.load(session.sql.retention.submissions, &[page]));
            let found: Vec<(SubmissionId, bool)> = found.await?;
            let Some((last, _)) = found.last() else {
                if last_full_sweep_at.is_none() {
                    let finished = SweepProgress {
                        organization,
                        submissions_swept_to: page.id,
                        last_full_sweep_at: Some(now),
                    };
                    self.save_submission_progress(finished).await?;
                }
                break;
            };
            page.id = last.as_uuid();
            let old: Vec<_> = found.iter().filter(|(_, erased)| !erased).map(|(id, _)| *id).collect();
            let progress = SweepProgress { organization, submissions_swept_to: page.id, last_full_sweep_at };
            let erased = self.write(move |session| {
                StoreTransaction::new(session).lock_shared(organization)?;
                let erased = redact(session, organization, &old, &[], ErasureCause::Retention)?;
                session.execute(session.sql.retention.progress, std::slice::from_ref(&progress))?;
                Ok(erased.submissions)
            });
            swept.submissions += erased.await?;
        }
        Ok(())
    }

    async fn save_submission_progress(&self, progress: SweepProgress) -> Result<(), StoreError> {
        self.write(move |session| {
            session.execute(session.sql.retention.progress, std::slice::from_ref(&progress)).map(drop)
        })
        .await
    }

    async fn sweep_quarantine(
        &self,
        row: RetentionRow,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        let Some(age) = row.retention.quarantine else { return Ok(()) };
        let (organization, limit) = (row.organization, self.now().await?.minus(age));
        let mut page =
            UuidRangePage { organization, id: Uuid::nil(), before: first_id_at(limit), most: PAGE };
        while !swept.is_past_deadline(deadline) {
            let found = self.read(move |session| session.load(session.sql.retention.entries, &[page]));
            let found: Vec<OldEntry> = found.await?;
            let Some(last) = found.last() else { break };
            page.id = last.id;
            let old: Vec<_> = found.into_iter().filter(|entry| entry.quarantined_at < limit).collect();
            let own = old.iter().filter(|entry| entry.id == entry.submission.as_uuid());
            let own: Vec<_> = own.map(|entry| entry.submission).collect();
            let entries: Vec<_> = old.iter().map(|entry| entry.id).collect();
            let erased = self.write(move |session| {
                StoreTransaction::new(session).lock_shared(organization)?;
                redact(session, organization, &own, &entries, ErasureCause::Retention)
            });
            swept.quarantined += erased.await?.quarantined;
        }
        Ok(())
    }

    async fn sweep_audit(
        &self,
        row: RetentionRow,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        let Some(age) = row.retention.audit else { return Ok(()) };
        let before = first_id_at(self.now().await?.minus(age));
        let page = UuidRangePage { organization: row.organization, id: Uuid::nil(), before, most: PAGE };
        while !swept.is_past_deadline(deadline) {
            let gone =
                self.write(move |session| session.execute(session.sql.retention.audit, &[page])).await?;
            swept.audited += gone;
            if gone == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl SweepResult {
    fn add(&mut self, turn: Self) {
        self.submissions += turn.submissions;
        self.leads += turn.leads;
        self.quarantined += turn.quarantined;
        self.audited += turn.audited;
    }

    fn is_past_deadline(&mut self, deadline: Instant) -> bool {
        let is_late = Instant::now() >= deadline;
        self.more |= is_late;
        is_late
    }
}

/// In the order of their organizations, beginning after the last one that had its turn.
fn rotate_after(mut rows: Vec<RetentionRow>, last: Option<Uuid>) -> VecDeque<RetentionRow> {
    rows.sort_by_key(|row| (Some(row.organization.as_uuid()) <= last, row.organization));
    rows.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_begins_with_the_organization_after_the_last() {
        let owner = |n| OrganizationId::from_uuid(Uuid::from_u128(n));
        let row = |n| RetentionRow {
            organization: owner(n),
            retention: Retention::default(),
            submissions_swept_to: None,
            last_full_sweep_at: None,
            leads_swept_to: None,
        };
        let order = |last: Option<u128>| {
            let rows = rotate_after([3, 1, 2].map(row).into(), last.map(Uuid::from_u128));
            rows.into_iter().map(|row| row.organization).collect::<Vec<_>>()
        };
        assert_eq!(order(None), [1, 2, 3].map(owner));
        assert_eq!(order(Some(1)), [2, 3, 1].map(owner));
        assert_eq!(order(Some(3)), [1, 2, 3].map(owner));
    }
}
