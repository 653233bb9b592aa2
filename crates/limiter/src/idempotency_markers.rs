//! Recently used idempotency keys, shared by gateways. A repeated request gets the response of the first.

mod memory;
mod redis;

use std::time::Duration;

use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};

use self::memory::MemoryMarkers;
use self::redis::RedisMarkers;
use crate::{LimiterConfig, LimiterError, LimiterStatus};

/// How long a key is kept after its submission is durable.
const COMPLETED_LIFETIME: Duration = Duration::from_hours(24);

/// What the markers contain about a key when a request reserves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencyState {
    /// The key is new. The caller publishes, then calls [`IdempotencyMarkers::complete`], or
    /// [`IdempotencyMarkers::release`] if the publish was certainly refused.
    FirstRequest,
    /// A request with the same key and body is in flight. It is not known yet whether its submission is
    /// durable.
    InFlight,
    /// A request with the same key and body was already published; its submission has this id and is durable.
    Completed(SubmissionId),
    /// The key was used with another body.
    BodyMismatch,
    /// The state cannot be read now. The caller publishes anyway; the worker's transaction recognizes a
    /// duplicate.
    Unknown,
}

impl IdempotencyState {
    fn as_str(self) -> &'static str {
        match self {
            Self::FirstRequest => "first_request",
            Self::InFlight => "in_flight",
            Self::Completed(_) => "completed",
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
    /// `in_flight_lifetime` is how long a key stays [`IdempotencyState::InFlight`] if neither
    /// [`Self::complete`] nor [`Self::release`] is called. It must be a little longer than the time limit of a
    /// publish.
    pub async fn open(config: &LimiterConfig, in_flight_lifetime: Duration) -> Result<Self, LimiterError> {
        let store = match config.url.split_once(':') {
            Some(("memory", _)) => MarkerStore::Memory(MemoryMarkers::new(in_flight_lifetime)),
            Some(("redis" | "rediss", _)) => {
                MarkerStore::Redis(RedisMarkers::open(config, in_flight_lifetime).await?)
            }
            _ => return Err(LimiterError::Scheme),
        };
        Ok(Self(store))
    }

    /// Reserves the key for a submission that will be published. Exactly one of several concurrent calls gets
    /// [`IdempotencyState::FirstRequest`]. While Redis is unreachable, the call returns at once. If the
    /// connection breaks during the call, it is replaced first, which takes at most half a second.
    pub async fn reserve(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) -> IdempotencyState {
        let state = match &self.0 {
            MarkerStore::Memory(markers) => markers.reserve(key, submission, body).await,
            MarkerStore::Redis(markers) => markers.reserve(key, submission, body).await,
        };
        metrics::counter!("leadgate_limiter_idempotency_total", "state" => state.as_str()).increment(1);
        state
    }

    /// Records that the submission is durable. Repeats of the key get [`IdempotencyState::Completed`] for one
    /// day. The caller must await this before it answers the client. Otherwise the client's next request can
    /// still get [`IdempotencyState::InFlight`].
    pub async fn complete(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        match &self.0 {
            MarkerStore::Memory(markers) => markers.complete(key, submission, body).await,
            MarkerStore::Redis(markers) => markers.complete(key, submission, body).await,
        }
    }

    /// Releases the key after a publish that was certainly refused, if this submission still holds the key.
    pub async fn release(&self, key: ClaimKey, submission: SubmissionId) {
        match &self.0 {
            MarkerStore::Memory(markers) => markers.release(key, submission).await,
            MarkerStore::Redis(markers) => markers.release(key, submission).await,
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
