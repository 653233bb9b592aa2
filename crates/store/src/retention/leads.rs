//! Retention of leads.

use std::sync::Arc;
use std::time::Instant;

use leadgate_domain::{LeadId, OrganizationId, Timestamp};
use uuid::Uuid;

use super::{OrganizationRetention, PAGE, SweepResult, UuidRangePage, first_id_at};
use crate::connection::query;
use crate::erasure::{ErasureCause, ErasureCounts, delete, redact};
use crate::error::StoreError;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// Submissions of old leads emptied per transaction.
const CHUNK: usize = 200;

impl Store {
    /// A lead is never older than its id, so that what is old is a range of ids and those among them that
    /// were not updated since. Where there was no time for all of them the next turn goes on.
    pub(super) async fn sweep_leads(
        &self,
        stored: OrganizationRetention,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<(), StoreError> {
        let Some(age) = stored.retention.leads else { return Ok(()) };
        let (organization, limit) = (stored.organization, self.now().await?.minus(age));
        let id = stored.leads_swept_to.unwrap_or_default();
        let mut page = UuidRangePage { organization, id, before: first_id_at(limit), most: PAGE };
        loop {
            if swept.is_past_deadline(deadline) {
                return self.save_lead_progress(organization, Some(page.id)).await;
            }
            match self.sweep_some_leads(page, limit, deadline, swept).await? {
                Some(last) => page.id = last,
                None => break,
            }
        }
        if stored.leads_swept_to.is_some() {
            self.save_lead_progress(organization, None).await
        } else {
            Ok(())
        }
    }

    /// The last one that was looked at; the one before this page, if there is more to do on it.
    async fn sweep_some_leads(
        &self,
        page: UuidRangePage,
        limit: Timestamp,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<Option<Uuid>, StoreError> {
        let organization = page.organization;
        let found = self.read(move |session| query!(session, retention::leads_between(page))).await?;
        let Some(last) = found.last().map(|(last, _)| last.as_uuid()) else { return Ok(None) };
        let old = older_than(limit, found);
        if old.is_empty() {
            return Ok(Some(last));
        }
        // No key leads to the submissions of a lead that is gone: an erasure would not find them.
        if !self.empty_submissions_of(organization, old, deadline, swept).await? {
            return Ok(Some(page.id));
        }
        let range = UuidRangePage { before: after(last), ..page };
        match self.delete_leads_older_than(limit, range).await? {
            Some(erased) => {
                swept.leads += erased.leads;
                swept.submissions += erased.submissions;
                Ok(Some(last))
            }
            None => Ok(Some(page.id)),
        }
    }

    /// Empties what these leads are made of, in small transactions beside other commits; a lead may have very
    /// many submissions. Whether there was time for all of them: the next turn goes on with the rest.
    async fn empty_submissions_of(
        &self,
        organization: OrganizationId,
        leads: Vec<LeadId>,
        deadline: Instant,
        swept: &mut SweepResult,
    ) -> Result<bool, StoreError> {
        let leads = Arc::new(leads);
        loop {
            let scope = Arc::clone(&leads);
            let found = self
                .read(move |session| query!(session, retention::some_submissions_of(organization, &scope)))
                .await?;
            if found.is_empty() {
                return Ok(true);
            }
            for chunk in found.chunks(CHUNK) {
                let chunk = chunk.to_vec();
                let erased = self.write(move |session| {
                    StoreTransaction::new(session).lock_shared(organization)?;
                    redact(session, organization, &chunk, &[], ErasureCause::Retention)
                });
                swept.submissions += erased.await?.submissions;
                if swept.is_past_deadline(deadline) {
                    return Ok(false);
                }
            }
        }
    }

    /// Deletes the old leads of a page with what came for them meanwhile; `None` if that is too much for a
    /// transaction that no other commit of the organization runs beside.
    async fn delete_leads_older_than(
        &self,
        limit: Timestamp,
        range: UuidRangePage,
    ) -> Result<Option<ErasureCounts>, StoreError> {
        let organization = range.organization;
        self.write(move |session| {
            // So that no submission updates one of them while it is deleted.
            StoreTransaction::new(session).lock_exclusive(organization)?;
            let found = query!(session, retention::leads_between(range))?;
            let old = older_than(limit, found);
            let came = query!(session, retention::some_submissions_of(organization, &old))?;
            if came.len() > CHUNK {
                return Ok(None);
            }
            let mut erased = redact(session, organization, &came, &[], ErasureCause::Retention)?;
            erased.add(&delete(session, organization, &old)?);
            Ok(Some(erased))
        })
        .await
    }

    async fn save_lead_progress(
        &self,
        organization: OrganizationId,
        leads_swept_to: Option<Uuid>,
    ) -> Result<(), StoreError> {
        self.write(move |session| query!(session, retention::set_lead_progress(organization, leads_swept_to)))
            .await
    }
}

/// Those that were not updated since.
fn older_than(limit: Timestamp, leads: Vec<(LeadId, Timestamp)>) -> Vec<LeadId> {
    leads.into_iter().filter(|(_, updated_at)| *updated_at < limit).map(|(id, _)| id).collect()
}

/// The next id.
fn after(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}
