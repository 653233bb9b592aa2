//! Leads of which neither a phone nor an email was recognized: the names of their form, or its mapping, are likely wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use leadgate_domain::{CommitAction, NormalizedSubmission, Outcome, SourceId, SubmissionId};
use leadgate_store::CommitResult;

/// How often a source is named in the log.
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// What is kept of sources; when it is full, it is forgotten, and sources are named once more.
const MOST: usize = 1_000;

#[derive(Clone, Default)]
pub(crate) struct NoContactLog {
    since: Arc<Mutex<BTreeMap<SourceId, NoContactCount>>>,
}

/// When a source was named, and how many leads came since.
struct NoContactCount {
    named_at: Instant,
    leads: u64,
}

impl NoContactLog {
    /// Counts the leads that a commit made, per source, and names a source at once and then once an hour.
    pub(crate) fn note(&self, part: &[NormalizedSubmission], committed: &CommitResult) {
        let made = committed.settled.iter().filter(|settled| settled.outcome == Outcome::Created);
        let made: BTreeSet<SubmissionId> = made.map(|settled| settled.submission).collect();
        for one in part.iter().filter(|one| made.contains(&one.submission.id) && has_no_contact(one)) {
            let source = one.submission.source;
            metrics::counter!("leadgate_worker_no_contact_total", "source" => source.to_string())
                .increment(1);
            if let Some(leads) = self.due(source, Instant::now()) {
                tracing::warn!(
                    source.id = %source,
                    leads,
                    "leads of this source come without a recognized phone or email; see `leadgate mapping suggest`"
                );
            }
        }
    }

    /// How many leads to name now, if any.
    fn due(&self, source: SourceId, now: Instant) -> Option<u64> {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.len() >= MOST && !since.contains_key(&source) {
            since.clear();
        }
        let Some(known) = since.get_mut(&source) else {
            since.insert(source, NoContactCount { named_at: now, leads: 0 });
            return Some(1);
        };
        known.leads += 1;
        if now.duration_since(known.named_at) < PAUSE {
            return None;
        }
        known.named_at = now;
        Some(std::mem::take(&mut known.leads))
    }
}

fn has_no_contact(normalized: &NormalizedSubmission) -> bool {
    match &normalized.disposition {
        CommitAction::Judge { reading, .. } => {
            reading.phone.value().is_none() && reading.email.value().is_none()
        }
        CommitAction::Quarantine(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_at_once_and_then_once_an_hour() {
        let (log, begin) = (NoContactLog::default(), Instant::now());
        let [one, other] = [SourceId::generate(), SourceId::generate()];
        let after = |minutes: u64| begin + Duration::from_secs(60 * minutes);
        assert_eq!(log.due(one, begin), Some(1));
        assert_eq!((log.due(one, after(1)), log.due(other, after(2))), (None, Some(1)));
        assert_eq!((log.due(one, after(59)), log.due(one, after(60))), (None, Some(3)));
        assert_eq!(log.due(one, after(61)), None);
    }
}
