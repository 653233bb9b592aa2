//! Markers in memory, for an installation with one gateway.

use std::future::ready;
use std::time::{Duration, Instant};

use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};
use moka::Entry;
use moka::Expiry;
use moka::future::Cache;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;

use super::{COMPLETED_LIFETIME, IdempotencyState};

/// About 50 MB. The least recently used keys are evicted; the worker still recognizes their repeats.
const MAX_MARKERS: u64 = 250_000;

#[derive(Clone)]
pub(super) struct MemoryMarkers {
    markers: Cache<ClaimKey, Marker>,
}

#[derive(Debug, Clone, Copy)]
struct Marker {
    submission: SubmissionId,
    body: BodyHash,
    completed: bool,
}

impl Marker {
    fn state_for(&self, body: BodyHash) -> IdempotencyState {
        match self {
            marker if marker.body != body => IdempotencyState::BodyMismatch,
            marker if marker.completed => IdempotencyState::Completed(marker.submission),
            _ => IdempotencyState::InFlight,
        }
    }
}

impl MemoryMarkers {
    pub(super) fn new(in_flight_lifetime: Duration) -> Self {
        let markers = Cache::builder()
            .max_capacity(MAX_MARKERS)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(MarkerExpiry { in_flight_lifetime })
            .build();
        Self { markers }
    }

    pub(super) async fn reserve(
        &self,
        key: ClaimKey,
        submission: SubmissionId,
        body: BodyHash,
    ) -> IdempotencyState {
        let mut state = IdempotencyState::FirstRequest;
        let marker = Marker { submission, body, completed: false };
        let reserve = |existing: Option<Entry<ClaimKey, Marker>>| {
            state = existing
                .as_ref()
                .map_or(IdempotencyState::FirstRequest, |existing| existing.value().state_for(body));
            ready(if existing.is_none() { Op::Put(marker) } else { Op::Nop })
        };
        self.markers.entry(key).and_compute_with(reserve).await;
        state
    }

    pub(super) async fn complete(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        let marker = Marker { submission, body, completed: true };
        let complete = |existing: Option<Entry<ClaimKey, Marker>>| {
            let is_completed = existing.is_some_and(|existing| existing.value().completed);
            ready(if is_completed { Op::Nop } else { Op::Put(marker) })
        };
        self.markers.entry(key).and_compute_with(complete).await;
    }

    pub(super) async fn release(&self, key: ClaimKey, submission: SubmissionId) {
        let release = |existing: Option<Entry<ClaimKey, Marker>>| {
            let is_reserved_by_submission =
                |marker: &Marker| !marker.completed && marker.submission == submission;
            ready(if existing.is_some_and(|existing| is_reserved_by_submission(existing.value())) {
                Op::Remove
            } else {
                Op::Nop
            })
        };
        self.markers.entry(key).and_compute_with(release).await;
    }
}

struct MarkerExpiry {
    in_flight_lifetime: Duration,
}

impl MarkerExpiry {
    fn lifetime(&self, marker: &Marker) -> Duration {
        if marker.completed { COMPLETED_LIFETIME } else { self.in_flight_lifetime }
    }
}

impl Expiry<ClaimKey, Marker> for MarkerExpiry {
    fn expire_after_create(&self, _: &ClaimKey, marker: &Marker, _: Instant) -> Option<Duration> {
        Some(self.lifetime(marker))
    }

    fn expire_after_update(
        &self,
        _: &ClaimKey,
        marker: &Marker,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.lifetime(marker))
    }
}
