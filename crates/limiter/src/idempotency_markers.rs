//! Recently used idempotency keys, shared by gateways. A repeated request gets the response of the first.

mod memory;
mod redis;

use std::time::Duration;

use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};

use self::memory::MemoryMarkers;
use self::redis::RedisMarkers;
use crate::{LimiterConfig, LimiterError, LimiterStatus};

/// How long a key is kept after its submission is durable.
const DONE_LIFETIME: Duration = Duration::from_hours(24);

/// What the markers contain about a key when a request uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencyState {
    /// The key is new. The caller publishes, then calls [`IdempotencyMarkers::done`], or
    /// [`IdempotencyMarkers::forget`] if the publish was certainly refused.
    First,
    /// A request with the same key and body is in flight. It is not known yet whether its submission is
    /// durable.
    InFlight,
    /// A request with the same key and body was already published; its submission has this id and is durable.
    Done(SubmissionId),
    /// The key was used with another body.
    BodyMismatch,
    /// The state cannot be read now. The caller publishes anyway; the worker's transaction recognizes a
    /// duplicate.
    Unknown,
}

impl IdempotencyState {
    fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::InFlight => "in_flight",
            Self::Done(_) => "done",
            Self::BodyMismatch => "body_mismatch",
            Self::Unknown => "unknown",
        }
    }
}

/// Markers of idempotency keys, stored where the limiter's URL points. Clones share them.
///
/// Markers are hints. The claim in the store guarantees that a key has at most one effect.
#[derive(Clone)]
pub struct IdempotencyMarkers(MarkerStore);

#[derive(Clone)]
enum MarkerStore {
    Memory(MemoryMarkers),
    Redis(RedisMarkers),
}

impl IdempotencyMarkers {
    /// Opens the markers in the same way as [`Limiter::open`](crate::Limiter::open).
    ///
    /// `in_flight` is how long a key stays [`IdempotencyState::InFlight`] if neither [`Self::done`] nor
    /// [`Self::forget`] is called. It must be a little longer than the time limit of a publish.
    pub async fn open(config: &LimiterConfig, in_flight: Duration) -> Result<Self, LimiterError> {
        match config.url.split_once(':') {
            Some(("memory", _)) => Ok(Self(MarkerStore::Memory(MemoryMarkers::new(in_flight)))),
            Some(("redis" | "rediss", _)) => {
                Ok(Self(MarkerStore::Redis(RedisMarkers::open(config, in_flight).await?)))
            }
            _ => Err(LimiterError::Scheme),
        }
    }

    /// Records that a submission with this key will be published. Exactly one of several concurrent calls
    /// gets [`IdempotencyState::First`]. While Redis is unreachable, the call returns at once. If the
    /// connection breaks during the call, it is replaced first, which takes at most half a second.
    pub async fn begin(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) -> IdempotencyState {
        let state = match &self.0 {
            MarkerStore::Memory(markers) => markers.begin(key, submission, body).await,
            MarkerStore::Redis(markers) => markers.begin(key, submission, body).await,
        };
        metrics::counter!("leadgate_limiter_idempotency_total", "state" => state.as_str()).increment(1);
        state
    }

    /// Records that the submission is durable. Repeats of the key get [`IdempotencyState::Done`] for one day.
    /// The caller must await this before it answers the client. Otherwise the client's next request can still
    /// get [`IdempotencyState::InFlight`].
    pub async fn done(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        match &self.0 {
            MarkerStore::Memory(markers) => markers.done(key, submission, body).await,
            MarkerStore::Redis(markers) => markers.done(key, submission, body).await,
        }
    }

    /// Records that the publish was certainly refused. The key is free again if this submission still holds
    /// it.
    pub async fn forget(&self, key: ClaimKey, submission: SubmissionId) {
        match &self.0 {
            MarkerStore::Memory(markers) => markers.forget(key, submission).await,
            MarkerStore::Redis(markers) => markers.forget(key, submission).await,
        }
    }

    /// Whether the gateways currently share their keys.
    pub fn status(&self) -> LimiterStatus {
        match &self.0 {
            MarkerStore::Memory(_) => LimiterStatus::Ready,
            MarkerStore::Redis(markers) => markers.status(),
        }
    }
}
