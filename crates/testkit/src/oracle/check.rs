//! Compares the responses with the stored submissions.

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
    let acked = acked_submissions(requests, &mut report);
    let observed_by_id = stored_submissions(stored, &mut report);
    report.acked = acked.len();
    for (submission, request) in &acked {
        match observed_by_id.get(submission) {
            None => report.add_lost(format!("submission {submission} was acked and is not stored")),
            Some(observed) if observed.body_hash != request.body_hash => {
                report.add_unexpected(format!(
                    "submission {submission} is stored with a body that was not sent"
                ));
            }
            Some(_) => {}
        }
    }
    let recovered = recover(requests, &acked, &observed_by_id, &mut report);
    count_effects(&acked, &recovered, &observed_by_id, &mut report);
    report
}

/// Maps each acked submission to the first request that received its id. Two requests may have the
/// same id only if they have the same body.
fn acked_submissions<'a>(
    requests: &'a [RecordedRequest],
    report: &mut OracleReport,
) -> BTreeMap<Uuid, &'a RecordedRequest> {
    let mut acked: BTreeMap<Uuid, &RecordedRequest> = BTreeMap::new();
    for request in requests {
        let RequestState::Acked(submission) = request.state else { continue };
        let first = acked.entry(submission).or_insert(request);
        if first.body_hash != request.body_hash {
            report.add_lost(format!("submission {submission} was the response to two different bodies"));
        }
    }
    acked
}

fn stored_submissions<'a>(
    stored: &'a [ObservedSubmission],
    report: &mut OracleReport,
) -> BTreeMap<Uuid, &'a ObservedSubmission> {
    let mut observed_by_id = BTreeMap::new();
    for observed in stored {
        if observed_by_id.insert(observed.submission, observed).is_some() {
            report.add_duplicated(format!("submission {} is stored twice", observed.submission));
        }
    }
    for observed in observed_by_id.values() {
        match observed.outcome {
            ObservedOutcome::Created | ObservedOutcome::Updated | ObservedOutcome::Linked => {
                report.stored += 1
            }
            ObservedOutcome::Duplicate => report.duplicate += 1,
            ObservedOutcome::Quarantined => report.quarantined += 1,
            ObservedOutcome::Parked => report.parked += 1,
        }
    }
    observed_by_id
}

/// Assigns each submission that is stored without an ack to a request that may have been stored.
fn recover<'a>(
    requests: &'a [RecordedRequest],
    acked: &BTreeMap<Uuid, &RecordedRequest>,
    observed_by_id: &BTreeMap<Uuid, &'a ObservedSubmission>,
    report: &mut OracleReport,
) -> Vec<(&'a ObservedSubmission, Option<&'a str>)> {
    let mut possible: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for request in requests {
        if matches!(request.state, RequestState::Unknown | RequestState::Refused(503)) {
            possible.entry(&request.body_hash).or_default().push(request.key.as_deref());
        }
    }
    // If a body was sent with several keys, the oracle cannot know which of them was stored.
    let ambiguous: BTreeSet<&str> = possible
        .iter()
        .filter(|(_, keys)| keys.iter().collect::<BTreeSet<_>>().len() > 1)
        .map(|(hash, _)| *hash)
        .collect();
    let mut recovered = Vec::new();
    for (submission, observed) in observed_by_id {
        if acked.contains_key(submission) {
            continue;
        }
        let hash = observed.body_hash.as_str();
        match possible.get_mut(hash).and_then(Vec::pop) {
            Some(key) => recovered.push((*observed, key.filter(|_| !ambiguous.contains(hash)))),
            None => report.add_unexpected(format!("submission {submission} is stored and was not sent")),
        }
    }
    report.recovered = recovered.len();
    recovered
}

/// Checks that each idempotency key has at most one effect, even if several submissions have this key.
fn count_effects(
    acked: &BTreeMap<Uuid, &RecordedRequest>,
    recovered: &[(&ObservedSubmission, Option<&str>)],
    observed_by_id: &BTreeMap<Uuid, &ObservedSubmission>,
    report: &mut OracleReport,
) {
    let acked_keys = acked.iter().filter_map(|(submission, request)| {
        Some((observed_by_id.get(submission).copied()?, request.key.as_deref()?))
    });
    let recovered_keys = recovered.iter().filter_map(|(observed, key)| Some((*observed, (*key)?)));
    let mut effects: BTreeMap<&str, usize> = BTreeMap::new();
    for (observed, key) in acked_keys.chain(recovered_keys) {
        if matches!(
            observed.outcome,
            ObservedOutcome::Created | ObservedOutcome::Updated | ObservedOutcome::Linked
        ) {
            *effects.entry(key).or_default() += 1;
        }
    }
    for (key, count) in effects {
        for _ in 1..count {
            report.add_duplicated(format!("idempotency key {key} had {count} effects"));
        }
    }
}
