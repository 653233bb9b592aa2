//! The health of an endpoint, as its attempts show it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AttemptResult, Timestamp};

/// After so many failures in a row the endpoint is degraded.
const DEGRADED_AFTER: u32 = 5;
/// After so many failures in a row, and for at least this long, the endpoint is suspended.
const SUSPENDED_AFTER: u32 = 10;
const SUSPENDED_AFTER_TIME: Duration = Duration::from_secs(60);
/// The pause of a degraded endpoint after a failure.
const DEGRADED_PAUSE: Duration = Duration::from_millis(200);
/// The time between two attempts at a suspended endpoint: as long as it is suspended already, within these limits.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const MAX_PAUSE: Duration = Duration::from_secs(10 * 60);
/// An endpoint that only fails for this long is disabled.
const DISABLED_AFTER: Duration = Duration::from_secs(5 * 24 * 60 * 60);
/// How long a busy receiver gets no request if it does not say how long, and the limits of what it can say
/// (`Retry-After`).
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(30);
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The state of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum EndpointState {
    Healthy,
    /// Its last attempts failed. It is attempted a few times a second.
    Degraded,
    /// It fails for longer. It is attempted once per pause.
    Suspended,
    /// It gets nothing until it is enabled. Its events are kept.
    Disabled,
}

impl EndpointState {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The state of an endpoint and how it got there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointHealth {
    pub state: EndpointState,
    /// Since when it has this state.
    pub since: Timestamp,
    /// Failures since the last success.
    pub failures: u32,
    /// The first of these failures.
    pub failing_since: Option<Timestamp>,
    /// No attempt is made before this time.
    pub paused_until: Option<Timestamp>,
}

impl EndpointHealth {
    /// The health of a new endpoint, and of one that was enabled.
    pub fn new(now: Timestamp) -> Self {
        Self {
            state: EndpointState::Healthy,
            since: now,
            failures: 0,
            failing_since: None,
            paused_until: None,
        }
    }

    /// The health of an endpoint that an operator disabled.
    pub fn disabled(now: Timestamp) -> Self {
        Self { state: EndpointState::Disabled, ..Self::new(now) }
    }

    /// The health after an attempt. `retry_after` is what the receiver asked for.
    #[must_use]
    pub fn after(self, result: AttemptResult, retry_after: Option<Duration>, now: Timestamp) -> Self {
        match result {
            _ if self.state == EndpointState::Disabled => self,
            AttemptResult::TemplateFailed => self,
            AttemptResult::Delivered => self.after_success(now),
            _ => self.after_failure(result, retry_after, now),
        }
    }

    fn after_success(self, now: Timestamp) -> Self {
        match self.state {
            // Another request may have been answered with a request for time.
            EndpointState::Healthy => Self { failures: 0, failing_since: None, ..self },
            EndpointState::Degraded => {
                Self { paused_until: self.paused_until.filter(|until| *until > now), ..Self::new(now) }
            }
            EndpointState::Suspended | EndpointState::Disabled => Self::new(now),
        }
    }

    fn after_failure(self, result: AttemptResult, retry_after: Option<Duration>, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        let failing_since = self.failing_since.unwrap_or(now);
        let failing_for = now.since(failing_since);
        let state = if result == AttemptResult::Gone || failing_for >= DISABLED_AFTER {
            EndpointState::Disabled
        } else if failures >= SUSPENDED_AFTER && failing_for >= SUSPENDED_AFTER_TIME {
            EndpointState::Suspended
        } else if failures >= DEGRADED_AFTER {
            EndpointState::Degraded
        } else {
            self.state
        };
        let since = if state == self.state { self.since } else { now };
        let asked = (result == AttemptResult::Busy)
            .then(|| retry_after.unwrap_or(DEFAULT_RETRY_AFTER).clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER));
        let pause = match state {
            EndpointState::Healthy | EndpointState::Disabled => None,
            EndpointState::Degraded => Some(DEGRADED_PAUSE),
            EndpointState::Suspended => Some(now.since(since).clamp(FIRST_PAUSE, MAX_PAUSE)),
        };
        let paused_until = self.paused_until.max(pause.max(asked).map(|pause| now.plus(pause)));
        Self { state, since, failures, failing_since: Some(failing_since), paused_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn start() -> Timestamp {
        Timestamp::from_microseconds(1_790_000_000_000_000)
    }

    /// The health after `failures` failures, one each minute.
    fn failing(failures: u32) -> EndpointHealth {
        (0..failures).fold(EndpointHealth::new(start()), |health, minute| {
            health.after(AttemptResult::ServerError, None, start().plus(MINUTE * minute))
        })
    }

    #[test]
    fn an_endpoint_that_fails_is_degraded_then_suspended_then_disabled() {
        assert_eq!(failing(4).state, EndpointState::Healthy);
        assert_eq!(failing(5).state, EndpointState::Degraded);
        let paused = start().plus(MINUTE * 8).plus(DEGRADED_PAUSE);
        assert_eq!((failing(9).state, failing(9).paused_until), (EndpointState::Degraded, Some(paused)));
        let suspended = failing(10);
        let now = start().plus(MINUTE * 9);
        assert_eq!((suspended.state, suspended.since), (EndpointState::Suspended, now));
        assert_eq!(suspended.paused_until, Some(now.plus(FIRST_PAUSE)));
        let pause = |failures: u32| {
            failing(failures).paused_until.unwrap().since(start().plus(MINUTE * (failures - 1)))
        };
        assert_eq!([pause(11), pause(12), pause(15)], [MINUTE, MINUTE * 2, MINUTE * 5]);
        let later = failing(30);
        assert_eq!(later.paused_until, Some(start().plus(MINUTE * 29).plus(MAX_PAUSE)));
        let days = start().plus(DISABLED_AFTER);
        assert_eq!(later.after(AttemptResult::TimedOut, None, days).state, EndpointState::Disabled);
    }

    #[test]
    fn many_failures_within_a_minute_do_not_suspend() {
        let health = (0..100).fold(EndpointHealth::new(start()), |health, _| {
            health.after(AttemptResult::ConnectFailed, None, start())
        });
        assert_eq!(health.state, EndpointState::Degraded);
        assert_eq!(health.paused_until, Some(start().plus(DEGRADED_PAUSE)));
    }

    #[test]
    fn a_success_heals_and_410_disables() {
        for failures in [4, 5, 10, 30] {
            let now = start().plus(MINUTE * 60);
            let healed = failing(failures).after(AttemptResult::Delivered, None, now);
            assert_eq!((healed.state, healed.failures), (EndpointState::Healthy, 0));
            assert_eq!((healed.failing_since, healed.paused_until), (None, None));
        }
        let gone = EndpointHealth::new(start()).after(AttemptResult::Gone, None, start());
        assert_eq!(gone.state, EndpointState::Disabled);
        let late = gone.after(AttemptResult::Delivered, None, start());
        assert_eq!(late.state, EndpointState::Disabled, "an attempt in flight does not enable it");
    }

    #[test]
    fn a_busy_receiver_gets_the_time_that_it_asks_for() {
        let after = |result, seconds: Option<u64>| {
            let health = EndpointHealth::new(start());
            health.after(result, seconds.map(Duration::from_secs), start())
        };
        let paused = |result, seconds| after(result, seconds).paused_until.map(|until| until.since(start()));
        assert_eq!(paused(AttemptResult::Busy, Some(7)), Some(Duration::from_secs(7)));
        assert_eq!(paused(AttemptResult::Busy, Some(1_000_000)), Some(MAX_RETRY_AFTER));
        assert_eq!(paused(AttemptResult::Busy, Some(0)), Some(MIN_RETRY_AFTER));
        assert_eq!(paused(AttemptResult::Busy, None), Some(DEFAULT_RETRY_AFTER));
        assert_eq!(paused(AttemptResult::ServerError, Some(7)), None);
        // Requests that were sent before are answered later.
        let busy = after(AttemptResult::Busy, Some(600));
        let others = [AttemptResult::Delivered, AttemptResult::ServerError];
        assert!(
            others
                .iter()
                .all(|late| { busy.clone().after(*late, None, start()).paused_until == busy.paused_until })
        );
    }
}
