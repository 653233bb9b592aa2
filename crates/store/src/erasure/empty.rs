//! Leaving of submissions what is needed to count them and to know them again.

use std::collections::BTreeSet;

use leadgate_domain::{BodyHash, KeyHash, LeadId, OrganizationId, Outcome, SubmissionId, Timestamp, Trace};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Erased;
use crate::error::Fault;
use crate::rows::One;
use crate::session::Session;

/// Why something is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// A person wants to be forgotten.
    Request,
    /// It is older than its organization keeps it.
    Retention,
}

/// What is to be known of a submission to erase it.
#[derive(Deserialize)]
struct Target {
    organization: OrganizationId,
    submission: SubmissionId,
    /// The idempotency key that it came with.
    request: Option<KeyHash>,
    outcomes: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    revision: i32,
    outcome: Outcome,
    lead: Option<LeadId>,
    trace: Trace,
}

#[derive(Serialize)]
struct Emptied {
    organization: OrganizationId,
    id: Uuid,
    body_hash: BodyHash,
    erased_at: Timestamp,
    erased_by: By,
}

#[derive(Serialize, Deserialize)]
struct Retold {
    organization: OrganizationId,
    submission: SubmissionId,
    revision: i32,
    trace: Trace,
}

#[derive(Serialize)]
struct Request {
    organization: OrganizationId,
    key: KeyHash,
    submission: SubmissionId,
}

#[derive(Serialize)]
struct Taken {
    organization: OrganizationId,
    lead: LeadId,
    submission: SubmissionId,
}

#[derive(Serialize)]
struct ToRebuild {
    organization: OrganizationId,
    id: LeadId,
    since: Timestamp,
}

/// Empties submissions that are not empty yet, their traces and their entries of the quarantine, and other entries.
///
/// On request their consents lose their person, too, and the leads that they made or changed are to be rebuilt. By
/// age alone the person of a consent stays for as long as the lead.
pub(crate) fn empty(
    session: &mut Session,
    organization: OrganizationId,
    submissions: &[SubmissionId],
    entries: &[Uuid],
    by: By,
) -> Result<Erased, Fault> {
    let now = Timestamp::now();
    let emptied = |id: Uuid| Emptied {
        organization,
        id,
        body_hash: BodyHash::erased(id),
        erased_at: now,
        erased_by: by,
    };
    let ids: Vec<_> = submissions.iter().map(|id| One { organization, id: *id }).collect();
    let targets: Vec<Target> = load(session, session.sql.erasure.targets, &ids)?;
    let rows: Vec<_> = targets.iter().map(|target| emptied(target.submission.as_uuid())).collect();
    let mut erased =
        Erased { submissions: execute(session, session.sql.erasure.empty, &rows)?, ..Erased::default() };
    let own = targets.iter().map(|target| target.submission.as_uuid());
    let entries: Vec<_> = entries.iter().copied().chain(own).map(emptied).collect();
    erased.quarantined = execute(session, session.sql.erasure.empty_entries, &entries)?;
    erased.claims = execute(session, session.sql.erasure.forget_requests, &requests(&targets))?;
    if by == By::Request {
        erased.consents = execute(session, session.sql.consents.forget_people, &ids)?;
        erased.claims += execute(session, session.sql.erasure.release_taken, &taken(&targets))?;
        execute(session, session.sql.erasure.to_rebuild, &changed(&targets, now))?;
    }
    let retold: Vec<_> = targets.into_iter().flat_map(|target| retold(target, now)).collect();
    erased.traces = execute(session, session.sql.erasure.retell, &retold)?;
    Ok(erased)
}

/// The submissions that made or met leads.
pub(crate) fn submissions_of(
    session: &mut Session,
    leads: &[One<LeadId>],
) -> Result<Vec<SubmissionId>, Fault> {
    load(session, session.sql.erasure.submissions_of, leads)
}

pub(super) fn load<R: Serialize, T: serde::de::DeserializeOwned>(
    session: &mut Session,
    text: &'static str,
    rows: &[R],
) -> Result<Vec<T>, Fault> {
    if rows.is_empty() { Ok(Vec::new()) } else { session.load(text, rows) }
}

fn execute<R: Serialize>(session: &mut Session, text: &'static str, rows: &[R]) -> Result<usize, Fault> {
    if rows.is_empty() { Ok(0) } else { session.execute(text, rows) }
}

/// The traces of a lead's other submissions may hold what was inferred from the erased ones.
pub(super) fn remove_inferred(session: &mut Session, lead: One<LeadId>) -> Result<(), Fault> {
    let told: Vec<Retold> = load(session, session.sql.erasure.traces, &[lead])?;
    let retold = told.into_iter().map(|told| Retold { trace: told.trace.without_inferred(), ..told });
    execute(session, session.sql.erasure.retell, &retold.collect::<Vec<_>>()).map(drop)
}

fn requests(targets: &[Target]) -> Vec<Request> {
    let request = |target: &Target| {
        let Target { organization, submission, request, .. } = *target;
        Some(Request { organization, key: request?, submission })
    };
    targets.iter().filter_map(request).collect()
}

fn taken(targets: &[Target]) -> Vec<Taken> {
    let taken = targets.iter().flat_map(|target| {
        let Target { organization, submission, .. } = *target;
        let leads: BTreeSet<_> = target.outcomes.iter().filter_map(|told| told.lead).collect();
        leads.into_iter().map(move |lead| Taken { organization, lead, submission })
    });
    taken.collect()
}

fn changed(targets: &[Target], since: Timestamp) -> Vec<ToRebuild> {
    let leads = targets.iter().flat_map(|target| {
        let changed = |told: &&Told| matches!(told.outcome, Outcome::Created | Outcome::Updated);
        target.outcomes.iter().filter(changed).filter_map(|told| Some((target.organization, told.lead?)))
    });
    let leads: BTreeSet<_> = leads.collect();
    leads.into_iter().map(|(organization, id)| ToRebuild { organization, id, since }).collect()
}

fn retold(target: Target, now: Timestamp) -> impl Iterator<Item = Retold> {
    let Target { organization, submission, outcomes, .. } = target;
    outcomes.into_iter().map(move |told| Retold {
        organization,
        submission,
        revision: told.revision,
        trace: told.trace.erased(now),
    })
}
