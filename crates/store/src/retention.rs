//! For how long an organization keeps what, and the sweep that sees to it.

use std::time::{Duration, Instant};

use leadgate_domain::{AuditAction, LeadId, OrganizationId, Retention, SubmissionId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit;
use crate::erasure::{Between, By, delete, empty};
use crate::error::StoreError;
use crate::rows::{Of, One};
use crate::statements::Statements;
use crate::store::Store;
use crate::sweep::go_on;

/// Rows looked at per transaction.
const PAGE: u32 = 200;

/// How often submissions are gone through from the first one on: some are stored long after they were received.
const FROM_THE_FIRST_EVERY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a sweep erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    pub submissions: usize,
    pub leads: usize,
    pub quarantined: usize,
    /// Entries of the audit log.
    pub audited: usize,
    /// Whether there was no time for all of it.
    pub more: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct RetentionRow {
    organization: OrganizationId,
    #[serde(flatten)]
    retention: Retention,
    #[serde(default, skip_serializing)]
    swept_to: Option<Uuid>,
    #[serde(default, skip_serializing)]
    swept_from: Option<Timestamp>,
    #[serde(default, skip_serializing)]
    leads_swept_to: Option<Uuid>,
}

#[derive(Serialize)]
struct LeadsProgress {
    organization: OrganizationId,
    leads_swept_to: Option<Uuid>,
}

#[derive(Serialize)]
struct Progress {
    organization: OrganizationId,
    swept_to: Uuid,
    swept_from: Timestamp,
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
    /// For how long the organization keeps what; for ever, unless it said otherwise.
    pub async fn retention(&self, organization: OrganizationId) -> Result<Retention, StoreError> {
        let of = [Of { organization }];
        let found = self.read(move |session| session.load(session.sql.retention.of, &of));
        let found: Vec<RetentionRow> = found.await?;
        Ok(found.first().map(|row| row.retention).unwrap_or_default())
    }

    pub async fn set_retention(
        &self,
        organization: OrganizationId,
        retention: Retention,
    ) -> Result<(), StoreError> {
        let row =
            RetentionRow { organization, retention, swept_to: None, swept_from: None, leads_swept_to: None };
        let entry = self.entry(organization, AuditAction::RetentionSet).with("kept", row.retention);
        self.write(move |session| {
            session.execute(session.sql.retention.set, &[row])?;
            audit::record(session, std::slice::from_ref(&entry))
        })
        .await
    }

    /// Erases what is older than its organization keeps it, as far as there is time for it.
    pub async fn sweep_retention(&self, deadline: Instant) -> Result<Swept, StoreError> {
        let rows = self.read(|session| session.load_all(session.sql.retention.all));
        let rows: Vec<RetentionRow> = rows.await?;
        let mut swept = Swept::default();
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        for (row, left) in rows.into_iter().zip((1..=count).rev()) {
            // Nobody takes the time of those that come after.
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            let swept_row = self.sweep_row(row, Instant::now() + share, &mut swept).await;
            go_on(row.organization, "retention", swept_row)?;
        }
        Ok(swept)
    }

    /// What is quickly done comes first.
    async fn sweep_row(
        &self,
        row: RetentionRow,
        deadline: Instant,
        swept: &mut Swept,
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
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let Some(age) = row.retention.submissions else { return Ok(()) };
        let now = Timestamp::now();
        let recent = row.swept_from.filter(|from| now.since(*from) < FROM_THE_FIRST_EVERY);
        let swept_from = recent.unwrap_or(now);
        let organization = row.organization;
        let mut page = Between {
            organization,
            id: recent.and(row.swept_to).unwrap_or(Uuid::nil()),
            before: first_id_at(now.minus(age)),
            most: PAGE,
        };
        while !swept.is_late(deadline) {
            let found = self.read(move |session| session.load(session.sql.retention.submissions, &[page]));
            let found: Vec<(SubmissionId, bool)> = found.await?;
            let Some((last, _)) = found.last() else { break };
            page.id = last.as_uuid();
            let old: Vec<_> = found.iter().filter(|(_, erased)| !erased).map(|(id, _)| *id).collect();
            let progress = Progress { organization, swept_to: page.id, swept_from };
            let erased = self.write(move |session| {
                Statements::new(session).share_organization(organization)?;
                let erased = empty(session, organization, &old, &[], By::Retention)?;
                session.execute(session.sql.retention.progress, std::slice::from_ref(&progress))?;
                Ok(erased.submissions)
            });
            swept.submissions += erased.await?;
        }
        Ok(())
    }

    /// A lead is never older than its id, so that what is old is a range of ids and those among them that were
    /// not updated since. Where there was no time for all of them the next round goes on.
    async fn sweep_leads(
        &self,
        row: RetentionRow,
        deadline: Instant,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let Some(age) = row.retention.leads else { return Ok(()) };
        let (organization, limit) = (row.organization, Timestamp::now().minus(age));
        let (begun, end) = (row.leads_swept_to.unwrap_or(Uuid::nil()), first_id_at(limit));
        for (id, before) in [(begun, end), (Uuid::nil(), after(begun).min(end))] {
            let mut page = Between { organization, id, before, most: PAGE };
            loop {
                if swept.is_late(deadline) {
                    return self.leads_swept_to(organization, Some(page.id)).await;
                }
                match self.sweep_some_leads(page, limit, swept).await? {
                    Some(last) => page.id = last,
                    None => break,
                }
            }
        }
        if row.leads_swept_to.is_some() { self.leads_swept_to(organization, None).await } else { Ok(()) }
    }

    /// The last one that was looked at.
    async fn sweep_some_leads(
        &self,
        page: Between,
        limit: Timestamp,
        swept: &mut Swept,
    ) -> Result<Option<Uuid>, StoreError> {
        let organization = page.organization;
        let found = self.read(move |session| session.load(session.sql.retention.leads, &[page]));
        let found: Vec<(LeadId, Timestamp)> = found.await?;
        let Some(last) = found.last().map(|(last, _)| last.as_uuid()) else { return Ok(None) };
        if found.iter().all(|(_, updated_at)| *updated_at >= limit) {
            return Ok(Some(last));
        }
        let range = Between { before: after(last), ..page };
        let erased = self.write(move |session| {
            // Nobody updates one of them while it goes.
            Statements::new(session).exclude_organization(organization)?;
            let found: Vec<(LeadId, Timestamp)> = session.load(session.sql.retention.leads, &[range])?;
            let old = found.into_iter().filter(|(_, updated_at)| *updated_at < limit);
            let old: Vec<_> = old.map(|(id, _)| One { organization, id }).collect();
            delete(session, &old)
        });
        swept.leads += erased.await?.leads;
        Ok(Some(last))
    }

    async fn leads_swept_to(
        &self,
        organization: OrganizationId,
        leads_swept_to: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let progress = [LeadsProgress { organization, leads_swept_to }];
        self.write(move |session| session.execute(session.sql.retention.leads_progress, &progress).map(drop))
            .await
    }

    async fn sweep_quarantine(
        &self,
        row: RetentionRow,
        deadline: Instant,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let Some(age) = row.retention.quarantine else { return Ok(()) };
        let (organization, limit) = (row.organization, Timestamp::now().minus(age));
        let mut page = Between { organization, id: Uuid::nil(), before: first_id_at(limit), most: PAGE };
        while !swept.is_late(deadline) {
            let found = self.read(move |session| session.load(session.sql.retention.entries, &[page]));
            let found: Vec<OldEntry> = found.await?;
            let Some(last) = found.last() else { break };
            page.id = last.id;
            let old: Vec<_> = found.into_iter().filter(|entry| entry.quarantined_at < limit).collect();
            let own = old.iter().filter(|entry| entry.id == entry.submission.as_uuid());
            let own: Vec<_> = own.map(|entry| entry.submission).collect();
            let entries: Vec<_> = old.iter().map(|entry| entry.id).collect();
            let erased = self.write(move |session| {
                Statements::new(session).share_organization(organization)?;
                empty(session, organization, &own, &entries, By::Retention)
            });
            swept.quarantined += erased.await?.quarantined;
        }
        Ok(())
    }

    async fn sweep_audit(
        &self,
        row: RetentionRow,
        deadline: Instant,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let Some(age) = row.retention.audit else { return Ok(()) };
        let before = first_id_at(Timestamp::now().minus(age));
        let page = Between { organization: row.organization, id: Uuid::nil(), before, most: PAGE };
        while !swept.is_late(deadline) {
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

impl Swept {
    fn is_late(&mut self, deadline: Instant) -> bool {
        let is_late = Instant::now() >= deadline;
        self.more |= is_late;
        is_late
    }
}

/// The next id.
fn after(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}
