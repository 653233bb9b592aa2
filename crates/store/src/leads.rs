//! Reads of leads.

use std::collections::BTreeSet;

use leadgate_domain::{
    AuditAction, Lead, LeadId, LeadStatus, OrganizationId, Outcome, QuarantineReason, SourceId, SubmissionId,
    Timestamp,
};
use uuid::Uuid;

use crate::audit;
use crate::connection::query;
use crate::error::StoreError;
use crate::lead_filter::LeadFilter;
use crate::locks::LockMode;
use crate::page::{LeadCursor, Page};
use crate::rows::ScopedId;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// The result of a look-up by the id of a submission or of a lead. A lead has the id of the submission that
/// created it.
#[derive(Debug, Clone, PartialEq)]
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
        self.read(move |session| query!(session, leads::find_lead(organization, id))).await
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
            let lead = Lead { status: status.clone(), ..before.clone() };
            tx.change_leads(std::slice::from_ref(&before), std::slice::from_ref(&lead))?;
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
        self.read(move |session| query!(session, leads::read_leads(&wanted))).await
    }

    /// At most `limit` leads of the organization or of one of its sources, from the newest to the oldest,
    /// after the first `offset` leads, and the total number. The order is that of [`Store::leads`].
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
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        self.read(move |session| {
            let leads = query!(session, leads::leads_at_offset(organization, source, offset, limit))?;
            let count = query!(session, leads::count_leads(organization, source))?;
            Ok((leads, u64::try_from(count).unwrap_or(0)))
        })
        .await
    }

    /// At most `limit` leads of the organization that the filter selects, from the newest to the oldest, starting after
    /// the cursor.
    ///
    /// A page looks at 10,000 leads at most. It may be short, or empty, although it has `next`: then the search
    /// continues there. A page with large leads is short, too.
    ///
    /// The order is that of the ids: by the time of receipt of the submission that created the lead, which the
    /// id contains.
    pub async fn leads(
        &self,
        organization: OrganizationId,
        filter: &LeadFilter,
        after: Option<LeadCursor>,
        limit: u32,
    ) -> Result<Page<Lead, LeadCursor>, StoreError> {
        let LeadCursor { id } = after.unwrap_or_else(LeadCursor::start);
        let filter = filter.clone();
        self.read(move |session| query!(session, lead_pages::page_of_leads(organization, &filter, id, limit)))
            .await
    }

    /// Looks up the id of a lead or of a submission. `None` also for ids of another organization.
    pub async fn find(
        &self,
        organization: OrganizationId,
        id: Uuid,
    ) -> Result<Option<SubmissionOrLead>, StoreError> {
        let submission = SubmissionId::from_uuid(id);
        self.read(move |session| {
            let found = query!(session, submissions::find_source_of(organization, submission))?;
            let Some((source, mut erased_at)) = found else { return Ok(None) };
            let mut outcomes = query!(session, outcomes::current_outcomes(organization, &[submission]))?;
            let (outcome, lead) = outcomes.remove(&submission).unzip();
            let lead_id = lead.flatten();
            let lead = match lead_id {
                Some(lead) => query!(session, leads::find_lead(organization, lead))?,
                None => None,
            };
            if lead_id.is_some() && lead.is_none() {
                // An erasure may delete the lead between these reads. It also empties the submission.
                let again = query!(session, submissions::find_source_of(organization, submission))?;
                erased_at = again.and_then(|(_, erased_at)| erased_at);
            }
            let quarantine = match outcome {
                Some(Outcome::Quarantined) => query!(session, quarantine::find_reason(organization, id))?,
                _ => None,
            };
            Ok(Some(SubmissionOrLead { submission, source, outcome, lead, erased_at, quarantine }))
        })
        .await
    }
}
