//! Redacts submissions: only the data that is needed to count and to recognize them remains.

use std::collections::BTreeSet;

use leadgate_domain::{BodyHash, KeyHash, LeadId, OrganizationId, Outcome, SubmissionId, Timestamp, Trace};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ErasureCounts;
use crate::connection::StoreConnection;
use crate::error::TransactionError;
use crate::rows::ScopedId;

/// Why something is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErasureCause {
    /// A person wants to be forgotten.
    Request,
    /// It is older than its organization keeps it.
    Retention,
}

/// What is to be known of a submission to erase it.
#[derive(Deserialize)]
struct RedactionTarget {
    organization: OrganizationId,
    submission: SubmissionId,
    /// The idempotency key that it came with.
    request: Option<KeyHash>,
    outcomes: Vec<ErasedOutcome>,
}

#[derive(Deserialize)]
struct ErasedOutcome {
    revision: i32,
    outcome: Outcome,
    lead: Option<LeadId>,
    trace: Trace,
}

#[derive(Serialize)]
struct Redaction {
    organization: OrganizationId,
    id: Uuid,
    body_hash: BodyHash,
    erased_at: Timestamp,
    erased_by: ErasureCause,
}

#[derive(Serialize, Deserialize)]
struct TraceRedaction {
    organization: OrganizationId,
    submission: SubmissionId,
    revision: i32,
    trace: Trace,
}

#[derive(Serialize)]
struct ErasureRequestRow {
    organization: OrganizationId,
    key: KeyHash,
    submission: SubmissionId,
}

#[derive(Serialize)]
struct ReleasedClaims {
    organization: OrganizationId,
    lead: LeadId,
    submission: SubmissionId,
}

#[derive(Serialize)]
struct RebuildRow {
    organization: OrganizationId,
    id: LeadId,
    since: Timestamp,
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
    let now = Timestamp::now();
    let emptied = |id: Uuid| Redaction {
        organization,
        id,
        body_hash: BodyHash::erased(id),
        erased_at: now,
        erased_by: by,
    };
    let ids: Vec<_> = submissions.iter().map(|id| ScopedId { organization, id: *id }).collect();
    let targets: Vec<RedactionTarget> = load(session, session.sql.erasure.targets, &ids)?;
    let rows: Vec<_> = targets.iter().map(|target| emptied(target.submission.as_uuid())).collect();
    let mut erased = ErasureCounts {
        submissions: execute(session, session.sql.erasure.empty, &rows)?,
        ..ErasureCounts::default()
    };
    let own = targets.iter().map(|target| target.submission.as_uuid());
    let entries: Vec<_> = entries.iter().copied().chain(own).map(emptied).collect();
    erased.quarantined = execute(session, session.sql.erasure.empty_entries, &entries)?;
    erased.claims = execute(session, session.sql.erasure.forget_requests, &requests(&targets))?;
    if by == ErasureCause::Request {
        erased.consents = execute(session, session.sql.consents.forget_people, &ids)?;
        erased.claims += execute(session, session.sql.erasure.release_taken, &claims_to_release(&targets))?;
        execute(session, session.sql.erasure.to_rebuild, &leads_to_rebuild(&targets, now))?;
    }
    let traces: Vec<_> = targets.into_iter().flat_map(|target| redact_traces(target, now)).collect();
    erased.traces = execute(session, session.sql.erasure.update_traces, &traces)?;
    Ok(erased)
}

/// The submissions that made or met leads.
pub(crate) fn submissions_of(
    session: &mut StoreConnection,
    leads: &[ScopedId<LeadId>],
) -> Result<Vec<SubmissionId>, TransactionError> {
    load(session, session.sql.erasure.submissions_of, leads)
}

pub(super) fn load<R: Serialize, T: serde::de::DeserializeOwned>(
    session: &mut StoreConnection,
    text: &'static str,
    rows: &[R],
) -> Result<Vec<T>, TransactionError> {
    if rows.is_empty() { Ok(Vec::new()) } else { session.load(text, rows) }
}

fn execute<R: Serialize>(
    session: &mut StoreConnection,
    text: &'static str,
    rows: &[R],
) -> Result<usize, TransactionError> {
    if rows.is_empty() { Ok(0) } else { session.execute(text, rows) }
}

/// The traces of a lead's other submissions may hold what was inferred from the erased ones.
pub(super) fn remove_inferred(
    session: &mut StoreConnection,
    lead: ScopedId<LeadId>,
) -> Result<(), TransactionError> {
    let stored: Vec<TraceRedaction> = load(session, session.sql.erasure.traces, &[lead])?;
    let redacted =
        stored.into_iter().map(|row| TraceRedaction { trace: row.trace.without_inferred(), ..row });
    execute(session, session.sql.erasure.update_traces, &redacted.collect::<Vec<_>>()).map(drop)
}

fn requests(targets: &[RedactionTarget]) -> Vec<ErasureRequestRow> {
    let request = |target: &RedactionTarget| {
        let RedactionTarget { organization, submission, request, .. } = *target;
        Some(ErasureRequestRow { organization, key: request?, submission })
    };
    targets.iter().filter_map(request).collect()
}

fn claims_to_release(targets: &[RedactionTarget]) -> Vec<ReleasedClaims> {
    let taken = targets.iter().flat_map(|target| {
        let RedactionTarget { organization, submission, .. } = *target;
        let leads: BTreeSet<_> = target.outcomes.iter().filter_map(|row| row.lead).collect();
        leads.into_iter().map(move |lead| ReleasedClaims { organization, lead, submission })
    });
    taken.collect()
}

fn leads_to_rebuild(targets: &[RedactionTarget], since: Timestamp) -> Vec<RebuildRow> {
    let leads = targets.iter().flat_map(|target| {
        let changed = |row: &&ErasedOutcome| matches!(row.outcome, Outcome::Created | Outcome::Updated);
        target.outcomes.iter().filter(changed).filter_map(|row| Some((target.organization, row.lead?)))
    });
    let leads: BTreeSet<_> = leads.collect();
    leads.into_iter().map(|(organization, id)| RebuildRow { organization, id, since }).collect()
}

fn redact_traces(target: RedactionTarget, now: Timestamp) -> impl Iterator<Item = TraceRedaction> {
    let RedactionTarget { organization, submission, outcomes, .. } = target;
    outcomes.into_iter().map(move |row| TraceRedaction {
        organization,
        submission,
        revision: row.revision,
        trace: row.trace.erased(now),
    })
}
