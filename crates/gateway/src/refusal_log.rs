//! Makes refusals visible to operators without flooding the log: counts each by code, key and source in a metric, and
//! logs one line for each key and source once a minute. A server error is logged at once; its repetitions are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadgate_domain::{KeyId, SourceId};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;

/// How many keys and sources have labels of their own in the metric, for as long as the process runs. A client with many
/// tokens must not fill the memory of this process and of the monitoring.
const MOST_LABELLED: usize = 500;

/// How many keys and sources have lines of their own in one report.
const MOST_LINES: usize = 100;

/// Where a refused request came from, as far as that was proven. What a client only claims is never a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallerLabel {
    Unknown,
    Known {
        key: KeyId,
        source: SourceId,
    },
    /// One more key or source than have lines or labels of their own.
    Other,
}

impl CallerLabel {
    pub(crate) fn of(caller: &Caller) -> Self {
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

/// A server error, told from others by what an operator has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerError {
    pub(crate) code: &'static str,
    pub(crate) route: &'static str,
}

/// How often each code was answered.
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
    /// Server errors that were logged at once, and how often each came again since the last report.
    repeated: BTreeMap<ServerError, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct RefusalLog(Mutex<RefusalCounts>);

impl RefusalLog {
    /// Counts a refusal.
    pub(crate) fn count(&self, caller: Option<CallerLabel>, code: &'static str) {
        let (key, source) = self.counted().count(caller.unwrap_or(CallerLabel::Unknown), code).labels();
        metrics::counter!("leadgate_gateway_refusals_total", "code" => code, "key" => key, "source" => source)
            .increment(1);
    }

    /// Whether a server error is to be logged now: the first is, its repetitions are counted for the next report.
    pub(crate) fn is_first(&self, error: ServerError) -> bool {
        self.counted().is_first(error)
    }

    /// Reports what was counted at regular times, and once more at the end.
    pub(crate) async fn run(&self, every: Duration, stop: &CancellationToken) {
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.report();
        }
        self.report();
    }

    fn report(&self) {
        let (refused, repeated) = self.counted().take();
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

    fn counted(&self) -> MutexGuard<'_, RefusalCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RefusalCounts {
    /// Where the metric counts it.
    fn count(&mut self, caller: CallerLabel, code: &'static str) -> CallerLabel {
        let is_unknown = caller == CallerLabel::Unknown;
        let has_line = self.refused.len() < MOST_LINES || self.refused.contains_key(&caller);
        let line = if is_unknown || has_line { caller.clone() } else { CallerLabel::Other };
        *self.refused.entry(line).or_default().0.entry(code).or_default() += 1;
        if is_unknown || self.labelled.contains(&caller) {
            return caller;
        }
        if self.labelled.len() >= MOST_LABELLED {
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

    /// What was counted since the last report. An error that did not come again is logged at once the next time.
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
    fn many_keys_have_a_bounded_number_of_lines_and_labels() {
        let mut counted = RefusalCounts::default();
        let callers: Vec<_> = (0..2_000).map(known).collect();
        let labels: BTreeSet<_> =
            callers.iter().map(|caller| counted.count(caller.clone(), "rate_limited")).collect();
        assert_eq!(labels.len(), MOST_LABELLED + 1);
        assert_eq!(counted.count(CallerLabel::Unknown, "invalid_key"), CallerLabel::Unknown);
        assert_eq!(counted.count(callers[0].clone(), "rate_limited"), callers[0]);
        let (refused, _) = counted.take();
        assert_eq!(refused.len(), MOST_LINES + 2, "and one line each for the others and for unknown callers");
        assert_eq!(refused[&callers[0]].to_string(), "rate_limited=2");
        assert_eq!(refused[&CallerLabel::Other].to_string(), "rate_limited=1900");
        assert!(counted.take().0.is_empty());
    }

    #[test]
    fn an_error_is_logged_at_once_again_after_a_report_without_it() {
        let mut counted = RefusalCounts::default();
        assert!(counted.is_first(UNAVAILABLE));
        assert!(!counted.is_first(UNAVAILABLE));
        assert!(counted.is_first(ServerError { route: "/v1/tags", ..UNAVAILABLE }));
        assert_eq!(counted.take().1, BTreeMap::from([(UNAVAILABLE, 1)]));
        assert!(!counted.is_first(UNAVAILABLE), "it lasts");
        assert_eq!(counted.take().1, BTreeMap::from([(UNAVAILABLE, 1)]));
        assert!(counted.take().1.is_empty());
        assert!(counted.is_first(UNAVAILABLE), "it ended and came back");
    }
}
