//! Reads of leads.

use std::collections::BTreeSet;

use leadgate_domain::{
    AuditAction, Lead, LeadId, LeadStatus, OrganizationId, Outcome, QuarantineReason, SourceId, SubmissionId,
    Timestamp,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::audit;
use crate::error::StoreError;
use crate::page::{LeadCursor, Page};
use crate::rows::{InAnySource, LockMode, PageAtOffset, PageBeforeLead, ScopedId};
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// The result of a look-up by the id of a submission or of a lead. A lead has the id of the submission that
/// created it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SubmissionOrLead {
    pub submission: SubmissionId,
    /// The source of the submission.
    pub source: SourceId,
    /// The current outcome.
    pub outcome: Option<Outcome>,
    /// The lead that the submission created or matched.
    pub lead: Option<Lead>,
    /// When the content of the submission was erased.
    pub erased_at: Option<Timestamp>,
    /// The reason, if it is quarantined.
    pub quarantine: Option<QuarantineReason>,
}

impl Store {
    pub async fn lead(&self, organization: OrganizationId, id: LeadId) -> Result<Option<Lead>, StoreError> {
        self.read(move |session| session.find(session.sql.leads.read, ScopedId { organization, id })).await
    }

    /// Sets the status of a lead. Returns the changed lead, or `None` if it does not exist.
    pub async fn set_lead_status(
        &self,
        organization: OrganizationId,
        id: LeadId,
        status: LeadStatus,
    ) -> Result<Option<Lead>, StoreError> {
        let entry = self.entry(organization, AuditAction::LeadStatusSet).with_target(id);
        self.write(move |session| {
            let mut tx = StoreTransaction::new(session);
            tx.lock_organizations([(organization, LockMode::Shared)])?;
            let found = tx.lock_leads(&BTreeSet::from([ScopedId { organization, id }]))?;
            let Some(before) = found.into_iter().next() else { return Ok(None) };
            if before.status == status {
                return Ok(Some(before));
            }
            let entry = entry.clone().with_detail("from", &before.status).with_detail("to", &status);
            let lead = Lead { status: status.clone(), ..before };
            tx.update_leads(std::slice::from_ref(&lead))?;
            audit::record(session, &[entry])?;
            Ok(Some(lead))
        })
        .await
    }

    /// The given leads that exist, in no particular order.
    pub async fn leads_of(&self, leads: &[(OrganizationId, LeadId)]) -> Result<Vec<Lead>, StoreError> {
        let wanted: BTreeSet<_> = leads
            .iter()
            .map(|(organization, id)| ScopedId { organization: *organization, id: *id })
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        self.read(move |session| session.load(session.sql.leads.read, &wanted)).await
    }

    /// At most `limit` leads of the organization or of one of its sources, from the newest to the oldest,
    /// after the first `offset` leads, and the total number.
    ///
    /// For lists with page numbers. Its cost grows with the offset and the total number. Use [`Store::leads`]
    /// for long lists.
    pub async fn leads_at(
        &self,
        organization: OrganizationId,
        source: Option<SourceId>,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<Lead>, u64), StoreError> {
        let at = PageAtOffset {
            organization,
            source,
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
            most: limit,
        };
        self.read(move |session| {
            let sql = &session.sql.leads;
            let (page, count) = match source {
                None => (sql.page_at, sql.count),
                Some(_) => (sql.page_at_of_source, sql.count_of_source),
            };
            let leads = session.load(page, &[at])?;
            let count: Vec<u64> = session.load(count, &[InAnySource { organization, source }])?;
            Ok((leads, count.into_iter().next().unwrap_or(0)))
        })
        .await
    }

    /// At most `limit` leads of the organization or of one of its sources, from the newest to the oldest,
    /// starting after the cursor. A page with large leads has fewer.
    pub async fn leads(
        &self,
        organization: OrganizationId,
        source: Option<SourceId>,
        after: Option<LeadCursor>,
        limit: u32,
    ) -> Result<Page<Lead, LeadCursor>, StoreError> {
        let LeadCursor { at, id } = after.unwrap_or_else(LeadCursor::start);
        let before = PageBeforeLead { organization, source, at, id, most: limit.saturating_add(1) };
        let place = |lead: &Lead| LeadCursor { at: lead.received_at, id: lead.id };
        self.read(move |session| {
            let sql = &session.sql.leads;
            let page = if source.is_some() { sql.page_of_source } else { sql.page };
            session.load_page(page, &[before], limit, place)
        })
        .await
    }

    /// Looks up the id of a lead or of a submission. `None` also for ids of another organization.
    pub async fn find(
        &self,
        organization: OrganizationId,
        id: Uuid,
    ) -> Result<Option<SubmissionOrLead>, StoreError> {
        let wanted = [ScopedId { organization, id }];
        let found: Vec<SubmissionOrLead> =
            self.read(move |session| session.load(session.sql.submissions.find, &wanted)).await?;
        Ok(found.into_iter().next().map(|found| SubmissionOrLead {
            quarantine: found.quarantine.filter(|_| found.outcome == Some(Outcome::Quarantined)),
            ..found
        }))
    }
}
