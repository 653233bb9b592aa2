//! The conservation check: each acknowledged id is stored or still in the queue.

use std::collections::{BTreeMap, HashSet};

use leadgate_testkit::oracle::{
    ObservedOutcome, ObservedSubmission, Oracle, OracleReport, RequestState, body_hash,
};
use uuid::Uuid;

use crate::load::LoadReport;

/// All responses of an installation.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    acked: Vec<Uuid>,
    refused: BTreeMap<u16, u64>,
    unanswered: u64,
    /// Taken out of the queue between rounds.
    pub(crate) dequeued: Vec<Uuid>,
}

impl Ledger {
    pub(crate) fn record(&mut self, report: &LoadReport) {
        self.acked.extend(&report.acked);
        for (status, count) in &report.refused {
            *self.refused.entry(*status).or_default() += count;
        }
        self.unanswered += report.unanswered;
    }

    /// The number of acknowledged submissions that were not taken out of the queue.
    pub(crate) fn expected(&self) -> usize {
        let dequeued: HashSet<&Uuid> = self.dequeued.iter().collect();
        self.acked.iter().filter(|id| !dequeued.contains(id)).count()
    }

    /// The number of requests whose submission may be stored without an acknowledgement.
    pub(crate) fn uncertain(&self) -> u64 {
        self.unanswered + self.refused.get(&503).copied().unwrap_or(0)
    }

    /// The responses other than 202, such as `503: 12, no response: 1`.
    pub(crate) fn refusals(&self) -> String {
        let statuses = self.refused.iter().map(|(status, count)| format!("{status}: {count}"));
        let unanswered = (self.unanswered > 0).then(|| format!("no response: {}", self.unanswered));
        let refusals: Vec<String> = statuses.chain(unanswered).collect();
        if refusals.is_empty() { "no refusals".to_owned() } else { refusals.join(", ") }
    }

    /// Compares the responses with the outcomes in the database, by id. The load generator does not keep the
    /// bodies, so they are all the same for the oracle.
    pub(crate) fn check(&self, stored: Vec<(Uuid, ObservedOutcome)>) -> OracleReport {
        let oracle = Oracle::new();
        let record = |state| oracle.answer(oracle.issue(None, &[]), state);
        self.acked.iter().for_each(|id| record(RequestState::Acked(*id)));
        for (status, count) in &self.refused {
            (0..*count).for_each(|_| record(RequestState::Refused(*status)));
        }
        (0..self.unanswered).for_each(|_| record(RequestState::Unknown));
        let body_hash = body_hash(&[]);
        // Like the queue of parked messages, these ids are on the broker and not in the database.
        let dequeued = self.dequeued.iter().map(|id| (*id, ObservedOutcome::Parked));
        let observed = stored.into_iter().chain(dequeued).map(|(submission, outcome)| ObservedSubmission {
            submission,
            body_hash: body_hash.clone(),
            outcome,
            lead: None,
        });
        oracle.check(&observed.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_acked_id_is_stored_or_was_in_the_queue() {
        let [stored, queued, lost, recovered] = [1, 2, 3, 4].map(Uuid::from_u128);
        let mut ledger = Ledger { acked: vec![stored, queued], dequeued: vec![queued], ..Ledger::default() };
        assert!(ledger.check(vec![(stored, ObservedOutcome::Created)]).is_conserved());

        ledger.acked.push(lost);
        let report = ledger.check(vec![(stored, ObservedOutcome::Created)]);
        assert_eq!((report.lost, report.is_conserved()), (1, false));

        ledger.acked.pop();
        let both = vec![(stored, ObservedOutcome::Created), (recovered, ObservedOutcome::Created)];
        assert_eq!(ledger.check(both.clone()).unexpected, 1);
        ledger.refused.insert(503, 1);
        let report = ledger.check(both);
        assert_eq!((report.recovered, report.is_conserved()), (1, true));
    }
}
