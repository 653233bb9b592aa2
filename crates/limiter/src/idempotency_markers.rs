//! Idempotency keys that were just used: what gateways share for a moment, so that a repeat is answered like the first.

mod memory;
mod redis;

use std::time::Duration;

use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};

use self::memory::MemoryMarkers;
use self::redis::RedisMarkers;
use crate::{LimiterConfig, LimiterError, LimiterStatus};

/// For how long a key whose submission is durable is remembered.
const REMEMBERED: Duration = Duration::from_hours(24);

/// What is known of a key at the moment when somebody uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencyState {
    /// Nobody used it. Publish, then tell [`IdempotencyMarkers::done`], or [`IdempotencyMarkers::forget`] if that was refused for certain.
    First,
    /// With the same body, and whether that became durable is not known yet.
    InFlight,
    /// With the same body, by this submission, which is durable.
    Done(SubmissionId),
    /// With another body.
    BodyMismatch,
    /// Nobody can tell now. Go on without: the worker's transaction decides all the same.
    Unknown,
}

impl IdempotencyState {
    fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::InFlight => "in_flight",
            Self::Done(_) => "done",
            Self::BodyMismatch => "other_body",
            Self::Unknown => "unknown",
        }
    }
}

/// Markers of idempotency keys, in the place that the limiter's URL names. Clones share them.
///
/// They are hints: a claim in the store is what makes a key count once.
#[derive(Clone)]
pub struct IdempotencyMarkers(MarkerStore);

#[derive(Clone)]
enum MarkerStore {
    Memory(MemoryMarkers),
    Redis(RedisMarkers),
}

impl IdempotencyMarkers {
    /// Opens them as [`Limiter::open`](crate::Limiter::open) does.
    ///
    /// `in_flight` is for how long a key counts as being made durable when nobody says how that ended: a little
    /// longer than a publish may take.
    pub async fn open(config: &LimiterConfig, in_flight: Duration) -> Result<Self, LimiterError> {
        match config.url.split_once(':') {
            Some(("memory", _)) => Ok(Self(MarkerStore::Memory(MemoryMarkers::new(in_flight)))),
            Some(("redis" | "rediss", _)) => {
                Ok(Self(MarkerStore::Redis(RedisMarkers::open(config, in_flight).await?)))
            }
            _ => Err(LimiterError::Scheme),
        }
    }

    /// Notes that a submission with this key is about to be published. Of many at once exactly one is
    /// [`IdempotencyState::First`]. While Redis is away it answers at once; a connection that turns out to be broken is replaced
    /// first, which takes half a second at most.
    pub async fn begin(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) -> IdempotencyState {
        let begun = match &self.0 {
            MarkerStore::Memory(markers) => markers.begin(key, submission, body).await,
            MarkerStore::Redis(markers) => markers.begin(key, submission, body).await,
        };
        metrics::counter!("leadgate_limiter_markers_total", "begun" => begun.as_str()).increment(1);
        begun
    }

    /// The submission is durable: whoever repeats the key within a day is told so. Await it before answering the
    /// client, or the client's next request may still be told [`IdempotencyState::InFlight`].
    pub async fn done(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        match &self.0 {
            MarkerStore::Memory(markers) => markers.done(key, submission, body).await,
            MarkerStore::Redis(markers) => markers.done(key, submission, body).await,
        }
    }

    /// The submission was refused for certain: the key is free again, if it is still this submission's.
    pub async fn forget(&self, key: ClaimKey, submission: SubmissionId) {
        match &self.0 {
            MarkerStore::Memory(markers) => markers.forget(key, submission).await,
            MarkerStore::Redis(markers) => markers.forget(key, submission).await,
        }
    }

    /// Whether gateways know of each other's keys at this moment.
    pub fn status(&self) -> LimiterStatus {
        match &self.0 {
            MarkerStore::Memory(_) => LimiterStatus::Ready,
            MarkerStore::Redis(markers) => markers.status(),
        }
    }
}
