//! Redacts submissions: only the data that is needed to count and to recognize them remains.

use std::collections::BTreeSet;

use leadgate_domain::{LeadId, OrganizationId, Outcome, SubmissionId, Timestamp, Trace};
use uuid::Uuid;

use super::ErasureCounts;
use crate::connection::{StoreConnection, query};
use crate::error::TransactionError;
use crate::events;

/// Why something is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum ErasureCause {
    /// A person wants to be forgotten.
    Request,
    /// It is older than its organization keeps it.
    Retention,
}

impl ErasureCause {
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What replaces the trace of an outcome.
pub(crate) struct ErasedTrace {
    pub(crate) submission: SubmissionId,
    pub(crate) revision: i32,
    pub(crate) trace: Trace,
}

/// Empties submissions that are not empty yet, their traces and their entries of the quarantine, and other
/// entries.
///
/// On request their consents lose their person, too, and the leads that they made or changed are to be
/// rebuilt. By age alone the person of a consent stays for as long as the lead.
pub(crate) fn redact(
    session: &mut StoreConnection,
    organization: OrganizationId,
    submissions: &[SubmissionId],
    entries: &[Uuid],
    by: ErasureCause,
) -> Result<ErasureCounts, TransactionError> {
    let cause = (by, Timestamp::now());
    let mut erased = ErasureCounts::default();
    let targets = match submissions {
        [] => Vec::new(),
        submissions => query!(session, erasure::find_unerased(organization, submissions))?,
    };
    let ids: Vec<SubmissionId> = targets.iter().map(|(id, _)| *id).collect();
    if !ids.is_empty() {
        erased.submissions = query!(session, erasure::empty_submissions(organization, &ids, cause))?;
    }
    let entries: Vec<Uuid> = entries.iter().copied().chain(ids.iter().map(|id| id.as_uuid())).collect();
    if !entries.is_empty() {
        erased.quarantined = query!(session, erasure::empty_entries(organization, &entries, cause))?;
    }
    let keys: Vec<_> = targets.iter().filter_map(|(_, key)| *key).collect();
    if !keys.is_empty() {
        erased.claims = query!(session, claims::delete_idempotency_keys(organization, &keys, &ids))?;
    }
    if by == ErasureCause::Request && !submissions.is_empty() {
        erased.consents = query!(session, consents::forget_people(organization, submissions))?;
    }
    if !ids.is_empty() {
        erased.add(&redact_outcomes(session, organization, &ids, cause)?);
    }
    Ok(erased)
}

/// Redacts the traces of submissions. On request it also releases the claims that they took, and notes the leads that
/// they made or changed.
fn redact_outcomes(
    session: &mut StoreConnection,
    organization: OrganizationId,
    submissions: &[SubmissionId],
    (by, now): (ErasureCause, Timestamp),
) -> Result<ErasureCounts, TransactionError> {
    let outcomes = query!(session, outcomes::outcomes_of(organization, submissions))?;
    let mut erased = ErasureCounts::default();
    if by == ErasureCause::Request {
        let all = || outcomes.values().flatten().filter_map(|row| Some((row.outcome, row.lead?)));
        let met: BTreeSet<LeadId> = all().map(|(_, lead)| lead).collect();
        let changed = all().filter(|(outcome, _)| matches!(outcome, Outcome::Created | Outcome::Updated));
        let changed: BTreeSet<LeadId> = changed.map(|(_, lead)| lead).collect();
        if !met.is_empty() {
            let met: Vec<_> = met.into_iter().collect();
            erased.claims = query!(session, claims::delete_claims_taken(organization, &met, submissions))?;
        }
        if !changed.is_empty() {
            let changed: Vec<_> = changed.into_iter().collect();
            query!(session, erasure::add_leads_to_rebuild(organization, &changed, now))?;
            events::empty(session, organization, &changed)?;
        }
    }
    let traces = outcomes.into_iter().flat_map(|(submission, rows)| {
        rows.into_iter().map(move |row| ErasedTrace {
            submission,
            revision: row.revision,
            trace: row.trace.erased(now),
        })
    });
    let traces: Vec<_> = traces.collect();
    if !traces.is_empty() {
        erased.traces = query!(session, erasure::update_traces(organization, &traces))?;
    }
    Ok(erased)
}

/// The traces of a lead's other submissions may hold what was inferred from the erased ones.
pub(super) fn remove_inferred(
    session: &mut StoreConnection,
    organization: OrganizationId,
    lead: LeadId,
) -> Result<(), TransactionError> {
    let outcomes = query!(session, outcomes::outcomes_of_lead(organization, lead))?;
    let redacted = outcomes.into_iter().map(|(submission, row)| ErasedTrace {
        submission,
        revision: row.revision,
        trace: row.trace.without_inferred(),
    });
    let redacted: Vec<_> = redacted.collect();
    if redacted.is_empty() {
        return Ok(());
    }
    query!(session, erasure::update_traces(organization, &redacted)).map(drop)
}
