//! Counts and logs leads without a recognized phone or email. The field names of their form, or its mapping,
//! are probably wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use leadgate_domain::{CommitAction, NormalizedSubmission, Outcome, SourceId, SubmissionId};
use leadgate_store::CommitResult;

/// Minimum time between two log lines about a source.
const LOG_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Maximum number of sources in the map. A full map is cleared, and its sources are logged again.
const MAX_SOURCES: usize = 1_000;

#[derive(Clone, Default)]
pub(crate) struct NoContactLog {
    counts: Arc<Mutex<BTreeMap<SourceId, NoContactCount>>>,
}

/// When a source was last logged, and the number of leads since then.
struct NoContactCount {
    logged_at: Instant,
    leads: u64,
}

impl NoContactLog {
    /// Counts the leads that a commit created, per source. Logs a source at its first lead, then once an
    /// hour.
    pub(crate) fn record(&self, batch: &[NormalizedSubmission], committed: &CommitResult) {
        let created = committed.settled.iter().filter(|settled| settled.outcome == Outcome::Created);
        let created: BTreeSet<SubmissionId> = created.map(|settled| settled.submission).collect();
        let is_counted = |normalized: &&NormalizedSubmission| {
            created.contains(&normalized.submission.id) && has_no_contact(normalized)
        };
        for normalized in batch.iter().filter(is_counted) {
            let source = normalized.submission.source;
            metrics::counter!("leadgate_worker_no_contact_total", "source" => source.to_string())
                .increment(1);
            if let Some(leads) = self.leads_to_log(source, Instant::now()) {
                tracing::warn!(
                    source.id = %source,
                    leads,
                    "leads of a source have no recognized phone or email; run `leadgate mapping suggest`"
                );
            }
        }
    }

    /// Counts a lead. Returns the number of leads to log, if a log line is due.
    fn leads_to_log(&self, source: SourceId, now: Instant) -> Option<u64> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_SOURCES && !counts.contains_key(&source) {
            counts.clear();
        }
        let Some(count) = counts.get_mut(&source) else {
            counts.insert(source, NoContactCount { logged_at: now, leads: 0 });
            return Some(1);
        };
        count.leads += 1;
        if now.duration_since(count.logged_at) < LOG_INTERVAL {
            return None;
        }
        count.logged_at = now;
        Some(std::mem::take(&mut count.leads))
    }
}

fn has_no_contact(normalized: &NormalizedSubmission) -> bool {
    match &normalized.action {
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
    fn a_source_is_logged_at_its_first_lead_and_then_once_an_hour() {
        let (log, start) = (NoContactLog::default(), Instant::now());
        let [source, other] = [SourceId::generate(), SourceId::generate()];
        let after = |minutes: u64| start + Duration::from_secs(60 * minutes);
        assert_eq!(log.leads_to_log(source, start), Some(1));
        assert_eq!((log.leads_to_log(source, after(1)), log.leads_to_log(other, after(2))), (None, Some(1)));
        assert_eq!(
            (log.leads_to_log(source, after(59)), log.leads_to_log(source, after(60))),
            (None, Some(3))
        );
        assert_eq!(log.leads_to_log(source, after(61)), None);
    }
}
