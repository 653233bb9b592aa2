//! Makes refusals visible to operators without flooding the log. Each refusal is counted by code, key and
//! source in a metric. Once a minute there is one log line for each key and source. A server error is logged
//! at once, and its repetitions are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadgate_domain::{KeyId, SourceId};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;

/// The maximum number of different key and source labels in the metric, during the lifetime of the process. A
/// client with many tokens must not fill the memory of this process and of the monitoring.
const MAX_LABELS: usize = 500;

/// The maximum number of keys and sources with a separate line in one report.
const MAX_LINES: usize = 100;

/// The authenticated caller of a refused request. An unauthenticated key id is never used as a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallerLabel {
    Unknown,
    Known {
        key: KeyId,
        source: SourceId,
    },
    /// Any caller beyond the maximum number of lines or labels.
    Other,
}

impl CallerLabel {
    pub(crate) fn from_caller(caller: &Caller) -> Self {
        Self::Known { key: caller.key.id.clone(), source: caller.source.id }
    }

    fn labels(&self) -> (String, String) {
        match self {
            Self::Unknown => ("unknown".to_owned(), "unknown".to_owned()),
            Self::Known { key, source } => (key.to_string(), source.to_string()),
            Self::Other => ("other".to_owned(), "other".to_owned()),
        }
    }
}

/// The identity of a server error: the same code at the same route counts as a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerError {
    pub(crate) code: &'static str,
    pub(crate) route: &'static str,
}

/// The number of responses per code.
#[derive(Debug, Default, PartialEq, Eq)]
struct CodeCounts(BTreeMap<&'static str, u64>);

/// `invalid_lead=3 rate_limited=12`
impl fmt::Display for CodeCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (code, count)) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(formatter, "{space}{code}={count}")?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct RefusalCounts {
    labelled: BTreeSet<CallerLabel>,
    /// Refusals since the last report.
    refused: BTreeMap<CallerLabel, CodeCounts>,
    /// Server errors that were logged at once, with the number of repetitions since the last report.
    repeated: BTreeMap<ServerError, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct RefusalLog(Mutex<RefusalCounts>);

impl RefusalLog {
    /// Counts a refusal.
    pub(crate) fn count(&self, caller: Option<CallerLabel>, code: &'static str) {
        let (key, source) = self.counts().count(caller.unwrap_or(CallerLabel::Unknown), code).labels();
        metrics::counter!("leadgate_gateway_refusals_total", "code" => code, "key" => key, "source" => source)
            .increment(1);
    }

    /// Whether a server error must be logged now. Only the first one is. Repetitions are counted for the next
    /// report.
    pub(crate) fn is_first(&self, error: ServerError) -> bool {
        self.counts().is_first(error)
    }

    /// Writes a report at every interval, and a last one when `stop` is cancelled.
    pub(crate) async fn run(&self, every: Duration, stop: &CancellationToken) {
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.report();
        }
        self.report();
    }

    fn report(&self) {
        let (refused, repeated) = self.counts().take();
        for (caller, codes) in refused {
            let (key, source) = caller.labels();
            let refusals: u64 = codes.0.values().sum();
            tracing::info!(key.id = key, source.id = source, refusals, %codes, "requests refused");
        }
        for (ServerError { code, route }, repetitions) in repeated {
            tracing::error!(
                http.route = route,
                problem.code = code,
                repetitions,
                "request failed repeatedly"
            );
        }
    }

    fn counts(&self) -> MutexGuard<'_, RefusalCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RefusalCounts {
    /// Counts a refusal. Returns the label for the metric.
    fn count(&mut self, caller: CallerLabel, code: &'static str) -> CallerLabel {
        let is_unknown = caller == CallerLabel::Unknown;
        let has_line = self.refused.len() < MAX_LINES || self.refused.contains_key(&caller);
        let line = if is_unknown || has_line { caller.clone() } else { CallerLabel::Other };
        *self.refused.entry(line).or_default().0.entry(code).or_default() += 1;
        if is_unknown || self.labelled.contains(&caller) {
            return caller;
        }
        if self.labelled.len() >= MAX_LABELS {
            return CallerLabel::Other;
        }
        self.labelled.insert(caller.clone());
        caller
    }

    fn is_first(&mut self, error: ServerError) -> bool {
        match self.repeated.get_mut(&error) {
            Some(repetitions) => {
                *repetitions += 1;
                false
            }
            None => {
                self.repeated.insert(error, 0);
                true
            }
        }
    }

    /// Takes the counts since the last report. An error without repetitions is forgotten, so that its next
    /// occurrence is logged at once.
    fn take(&mut self) -> (BTreeMap<CallerLabel, CodeCounts>, BTreeMap<ServerError, u64>) {
        self.repeated.retain(|_, repetitions| *repetitions > 0);
        let repeated = self.repeated.clone();
        self.repeated.values_mut().for_each(|repetitions| *repetitions = 0);
        (std::mem::take(&mut self.refused), repeated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNAVAILABLE: ServerError = ServerError { code: "queue_unavailable", route: "/v1/leads" };

    fn known(number: usize) -> CallerLabel {
        let key = KeyId::parse(&format!("{number:010}")).unwrap();
        CallerLabel::Known { key, source: SourceId::generate() }
    }

    #[test]
    fn the_number_of_lines_and_labels_is_limited() {
        let mut counts = RefusalCounts::default();
        let callers: Vec<_> = (0..2_000).map(known).collect();
        let labels: BTreeSet<_> =
            callers.iter().map(|caller| counts.count(caller.clone(), "rate_limited")).collect();
        assert_eq!(labels.len(), MAX_LABELS + 1);
        assert_eq!(counts.count(CallerLabel::Unknown, "invalid_key"), CallerLabel::Unknown);
        assert_eq!(counts.count(callers[0].clone(), "rate_limited"), callers[0]);
        let (refused, _) = counts.take();
        assert_eq!(
            refused.len(),
            MAX_LINES + 2,
            "plus one line for all other callers and one for unknown callers"
        );
        assert_eq!(refused[&callers[0]].to_string(), "rate_limited=2");
        assert_eq!(refused[&CallerLabel::Other].to_string(), "rate_limited=1900");
        assert!(counts.take().0.is_empty());
    }

    #[test]
    fn an_error_is_logged_again_after_a_report_without_it() {
        let mut counts = RefusalCounts::default();
        assert!(counts.is_first(UNAVAILABLE));
        assert!(!counts.is_first(UNAVAILABLE));
        assert!(counts.is_first(ServerError { route: "/v1/tags", ..UNAVAILABLE }));
        assert_eq!(counts.take().1, BTreeMap::from([(UNAVAILABLE, 1)]));
        assert!(!counts.is_first(UNAVAILABLE), "it continues");
        assert_eq!(counts.take().1, BTreeMap::from([(UNAVAILABLE, 1)]));
        assert!(counts.take().1.is_empty());
        assert!(counts.is_first(UNAVAILABLE), "it occurs again after a pause");
    }
}
