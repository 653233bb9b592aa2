//! The comparison of what was answered with what is held.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::report::OracleReport;
use super::{ObservedOutcome, ObservedSubmission, RecordedRequest, RequestState};

pub(super) fn check(requests: &[RecordedRequest], stored: &[ObservedSubmission]) -> OracleReport {
    let mut report = OracleReport::default();
    for request in requests {
        match request.state {
            RequestState::Acked(_) => {}
            RequestState::Refused(_) => report.refused += 1,
            RequestState::Unknown => report.unknown += 1,
        }
    }
    let promises = acked_submissions(requests, &mut report);
    let held = stored_submissions(stored, &mut report);
    report.acked = promises.len();
    for (submission, promise) in &promises {
        match held.get(submission) {
            None => report.add_lost(format!("submission {submission} was acked and is not held")),
            Some(observed) if observed.body_hash != promise.body_hash => {
                report
                    .add_invented(format!("submission {submission} is held with a body nobody sent for it"));
            }
            Some(_) => {}
        }
    }
    let recovered = recover(requests, &promises, &held, &mut report);
    count_effects(&promises, &recovered, &held, &mut report);
    report
}

/// The submissions that were acked, each with the first request that was given its id. Two requests may share one,
/// but only by repeating themselves.
fn acked_submissions<'a>(
    requests: &'a [RecordedRequest],
    report: &mut OracleReport,
) -> BTreeMap<Uuid, &'a RecordedRequest> {
    let mut promises: BTreeMap<Uuid, &RecordedRequest> = BTreeMap::new();
    for request in requests {
        let RequestState::Acked(submission) = request.state else { continue };
        let first = promises.entry(submission).or_insert(request);
        if first.body_hash != request.body_hash {
            report.add_lost(format!("submission {submission} was named for two different bodies"));
        }
    }
    promises
}

fn stored_submissions<'a>(
    stored: &'a [ObservedSubmission],
    report: &mut OracleReport,
) -> BTreeMap<Uuid, &'a ObservedSubmission> {
    let mut held = BTreeMap::new();
    for observed in stored {
        if held.insert(observed.submission, observed).is_some() {
            report.add_doubled(format!("submission {} is held twice", observed.submission));
        }
    }
    for observed in held.values() {
        match observed.outcome {
            ObservedOutcome::Created | ObservedOutcome::Updated | ObservedOutcome::Linked => {
                report.stored += 1
            }
            ObservedOutcome::Duplicate => report.duplicate += 1,
            ObservedOutcome::Quarantined => report.quarantined += 1,
            ObservedOutcome::Parked => report.parked += 1,
        }
    }
    held
}

/// Explains what is held without an ack by requests that may have been stored: each explains one.
fn recover<'a>(
    requests: &'a [RecordedRequest],
    promises: &BTreeMap<Uuid, &RecordedRequest>,
    held: &BTreeMap<Uuid, &'a ObservedSubmission>,
    report: &mut OracleReport,
) -> Vec<(&'a ObservedSubmission, Option<&'a str>)> {
    let mut possible: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for request in requests {
        if matches!(request.state, RequestState::Unknown | RequestState::Refused(503)) {
            possible.entry(&request.body_hash).or_default().push(request.key.as_deref());
        }
    }
    // Where one body went out under several keys, nobody can tell which of them was stored.
    let ambiguous: BTreeSet<&str> = possible
        .iter()
        .filter(|(_, keys)| keys.iter().collect::<BTreeSet<_>>().len() > 1)
        .map(|(hash, _)| *hash)
        .collect();
    let mut recovered = Vec::new();
    for (submission, observed) in held {
        if promises.contains_key(submission) {
            continue;
        }
        let hash = observed.body_hash.as_str();
        match possible.get_mut(hash).and_then(Vec::pop) {
            Some(key) => recovered.push((*observed, key.filter(|_| !ambiguous.contains(hash)))),
            None => {
                report.add_invented(format!("submission {submission} is held and nobody can have sent it"))
            }
        }
    }
    report.recovered = recovered.len();
    recovered
}

/// An idempotency key has at most one effect, however many submissions carried it.
fn count_effects(
    promises: &BTreeMap<Uuid, &RecordedRequest>,
    recovered: &[(&ObservedSubmission, Option<&str>)],
    held: &BTreeMap<Uuid, &ObservedSubmission>,
    report: &mut OracleReport,
) {
    let acked = promises
        .iter()
        .filter_map(|(submission, request)| Some((held.get(submission).copied()?, request.key.as_deref()?)));
    let found = recovered.iter().filter_map(|(observed, key)| Some((*observed, (*key)?)));
    let mut effects: BTreeMap<&str, usize> = BTreeMap::new();
    for (observed, key) in acked.chain(found) {
        if matches!(
            observed.outcome,
            ObservedOutcome::Created | ObservedOutcome::Updated | ObservedOutcome::Linked
        ) {
            *effects.entry(key).or_default() += 1;
        }
    }
    for (key, count) in effects {
        for _ in 1..count {
            report.add_doubled(format!("idempotency key {key} took effect {count} times"));
        }
    }
}
