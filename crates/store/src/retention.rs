//! Retention: the settings of an organization, and the sweep that erases older data.

mod leads;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use leadgate_domain::{AuditAction, OrganizationId, Retention, SubmissionId, Timestamp};
use uuid::Uuid;

use crate::audit;
use crate::connection::{StoreConnection, query};
use crate::erasure::{ErasureCause, redact};
use crate::error::StoreError;
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
    /// Deleted events.
    pub events: usize,
    /// Whether data remains because the deadline was reached.
    pub more: bool,
}

/// The settings of an organization, and how far sweeps came.
#[derive(Clone, Copy)]
pub(crate) struct OrganizationRetention {
    pub(crate) organization: OrganizationId,
    pub(crate) retention: Retention,
    pub(crate) submissions_swept_to: Option<Uuid>,
    pub(crate) last_full_sweep_at: Option<Timestamp>,
    pub(crate) leads_swept_to: Option<Uuid>,
}

pub(crate) struct SubmissionSweepProgress {
    pub(crate) organization: OrganizationId,
    pub(crate) swept_to: Uuid,
    pub(crate) last_full_sweep_at: Option<Timestamp>,
}

/// A page of the rows of an organization whose ids are after one and before another.
#[derive(Clone, Copy)]
pub(crate) struct UuidRangePage {
    pub(crate) organization: OrganizationId,
    /// After this one.
    pub(crate) id: Uuid,
    pub(crate) before: Uuid,
    pub(crate) most: u32,
}

pub(crate) struct OldQuarantineEntry {
    pub(crate) id: Uuid,
    pub(crate) submission: SubmissionId,
    pub(crate) quarantined_at: Timestamp,
}

/// Before every id that is made from that time on.
pub(crate) fn first_id_at(at: Timestamp) -> Uuid {
    let milliseconds = u128::from(at.as_microseconds().max(0).unsigned_abs() / 1_000);
    Uuid::from_u128(milliseconds << 80)
}

impl Store {
    /// The retention settings of the organization. By default nothing is erased.
    pub async fn retention(&self, organization: OrganizationId) -> Result<Retention, StoreError> {
        let stored = self.find_retention(organization).await?;
        Ok(stored.map(|stored| stored.retention).unwrap_or_default())
    }

    pub async fn set_retention(
        &self,
        organization: OrganizationId,
        retention: Retention,
    ) -> Result<(), StoreError> {
        let entry = self.entry(organization, AuditAction::RetentionSet).with_detail("retention", retention);
        self.write(move |session| {
            query!(session, retention::set_retention(organization, retention))?;
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
        let all = self.read(|session| query!(session, retention::all_retention())).await?;
        let mut last = self.sweep_position(RETENTION_SWEEP).await?;
        let (mut waiting, mut swept) = (rotate_after(all, last), SweepResult::default());
        while let Some(turn_of) = waiting.pop_front() {
            if swept.is_past_deadline(deadline) {
                self.set_sweep_position(RETENTION_SWEEP, last).await?;
                break;
            }
            let (organization, mut turn) = (turn_of.organization, SweepResult::default());
            let until = deadline.min(Instant::now() + TIME_PER_ORGANIZATION);
            let ended = self.sweep_organization(turn_of, until, &mut turn).await;
            skip_failing_organization(organization, "retention", ended)?;
            swept.add(turn);
            if turn.more {
                waiting.extend(self.find_retention(organization).await?);
            }
            last = Some(organization.as_uuid());
        }
        Ok(swept)
    }

    async fn find_retention(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<OrganizationRetention>, StoreError> {
        self.read(move |session| query!(session, retention::find_retention(organization))).await
    }

    /// What is quickly done comes first.
    async fn sweep_organization(
        &self,
        stored: OrganizationRetention,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        self.sweep_audit(stored, deadline, swept).await?;
        self.sweep_events(stored, deadline, swept).await?;
        self.sweep_quarantine(stored, deadline, swept).await?;
        self.sweep_submissions(stored, deadline, swept).await?;
        self.sweep_leads(stored, deadline, swept).await
    }

    async fn sweep_submissions(
        &self,
        stored: OrganizationRetention,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        let Some(age) = stored.retention.submissions else { return Ok(()) };
        let (organization, now) = (stored.organization, self.now().await?);
        // An unfinished pass is continued.
        let is_due = stored.last_full_sweep_at.is_some_and(|at| now.since(at) >= FULL_SWEEP_INTERVAL);
        let last_full_sweep_at = stored.last_full_sweep_at.filter(|_| !is_due);
        let mut page = UuidRangePage {
            organization,
            id: stored.submissions_swept_to.filter(|_| !is_due).unwrap_or_default(),
            before: first_id_at(now.minus(age)),
            most: PAGE,
        };
        while !swept.is_past_deadline(deadline) {
            let found =
                self.read(move |session| query!(session, retention::submissions_between(page))).await?;
            let Some((last, _)) = found.last() else {
                if last_full_sweep_at.is_none() {
                    let last_full_sweep_at = Some(now);
                    let finished =
                        SubmissionSweepProgress { organization, swept_to: page.id, last_full_sweep_at };
                    self.save_submission_progress(finished).await?;
                }
                break;
            };
            page.id = last.as_uuid();
            let old: Vec<_> = found.iter().filter(|(_, erased)| !erased).map(|(id, _)| *id).collect();
            let progress = SubmissionSweepProgress { organization, swept_to: page.id, last_full_sweep_at };
            let erased = self.write(move |session| {
                StoreTransaction::new(session).lock_shared(organization)?;
                let erased = redact(session, organization, &old, &[], ErasureCause::Retention)?;
                query!(session, retention::set_submission_progress(&progress))?;
                Ok(erased.submissions)
            });
            swept.submissions += erased.await?;
        }
        Ok(())
    }

    async fn save_submission_progress(&self, progress: SubmissionSweepProgress) -> Result<(), StoreError> {
        self.write(move |session| query!(session, retention::set_submission_progress(&progress))).await
    }

    async fn sweep_quarantine(
        &self,
        stored: OrganizationRetention,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        let Some(age) = stored.retention.quarantine else { return Ok(()) };
        let (organization, limit) = (stored.organization, self.now().await?.minus(age));
        let mut page =
            UuidRangePage { organization, id: Uuid::nil(), before: first_id_at(limit), most: PAGE };
        while !swept.is_past_deadline(deadline) {
            let found = self.read(move |session| query!(session, retention::entries_between(page))).await?;
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
        stored: OrganizationRetention,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        let Some(age) = stored.retention.audit else { return Ok(()) };
        let before = first_id_at(self.now().await?.minus(age));
        let page = UuidRangePage { organization: stored.organization, id: Uuid::nil(), before, most: PAGE };
        while !swept.is_past_deadline(deadline) {
            let gone =
                self.write(move |session| query!(session, retention::delete_audit_between(page))).await?;
            swept.audited += gone;
            if gone == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Events by age with their deliveries and attempts, and all deliveries of deleted endpoints.
    async fn sweep_events(
        &self,
        stored: OrganizationRetention,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        let organization = stored.organization;
        let deleted =
            self.read(move |session| query!(session, endpoints::deleted_endpoints(organization))).await?;
        for endpoint in deleted {
            let some = move |session: &mut StoreConnection| {
                query!(session, deliveries::delete_some_deliveries(organization, endpoint, PAGE))
            };
            while !swept.is_past_deadline(deadline) && self.write(some).await? > 0 {}
        }
        let Some(age) = stored.retention.events else { return Ok(()) };
        let before = first_id_at(self.now().await?.minus(age));
        let page = UuidRangePage { organization: stored.organization, id: Uuid::nil(), before, most: PAGE };
        while !swept.is_past_deadline(deadline) {
            let (events, others) = self
                .write(move |session| {
                    let attempts = query!(session, retention::delete_attempts_between(page))?;
                    let deliveries = query!(session, retention::delete_deliveries_between(page))?;
                    Ok((query!(session, retention::delete_events_between(page))?, attempts + deliveries))
                })
                .await?;
            swept.events += events;
            if events + others == 0 {
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
        self.events += turn.events;
    }

    fn is_past_deadline(&mut self, deadline: Instant) -> bool {
        let is_late = Instant::now() >= deadline;
        self.more |= is_late;
        is_late
    }
}

/// In the order of their organizations, beginning after the last one that had its turn.
fn rotate_after(mut rows: Vec<OrganizationRetention>, last: Option<Uuid>) -> VecDeque<OrganizationRetention> {
    rows.sort_by_key(|row| (Some(row.organization.as_uuid()) <= last, row.organization));
    rows.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_begins_with_the_organization_after_the_last() {
        let owner = |n| OrganizationId::from_uuid(Uuid::from_u128(n));
        let row = |n| OrganizationRetention {
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
