//! Markers in memory, for an installation with one gateway.

use std::future::ready;
use std::time::{Duration, Instant};

use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};
use moka::Entry;
use moka::Expiry;
use moka::future::Cache;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;

use super::{DONE_LIFETIME, IdempotencyState};

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
    done: bool,
}

impl Marker {
    fn state_for(&self, body: BodyHash) -> IdempotencyState {
        match self {
            marker if marker.body != body => IdempotencyState::BodyMismatch,
            marker if marker.done => IdempotencyState::Done(marker.submission),
            _ => IdempotencyState::InFlight,
        }
    }
}

impl MemoryMarkers {
    pub(super) fn new(in_flight: Duration) -> Self {
        let markers = Cache::builder()
            .max_capacity(MAX_MARKERS)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Lifetime { in_flight })
            .build();
        Self { markers }
    }

    pub(super) async fn begin(
        &self,
        key: ClaimKey,
        submission: SubmissionId,
        body: BodyHash,
    ) -> IdempotencyState {
        let mut state = IdempotencyState::First;
        let marker = Marker { submission, body, done: false };
        let begin = |existing: Option<Entry<ClaimKey, Marker>>| {
            state = existing
                .as_ref()
                .map_or(IdempotencyState::First, |existing| existing.value().state_for(body));
            ready(if existing.is_none() { Op::Put(marker) } else { Op::Nop })
        };
        self.markers.entry(key).and_compute_with(begin).await;
        state
    }

    pub(super) async fn done(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        let marker = Marker { submission, body, done: true };
        let done = |existing: Option<Entry<ClaimKey, Marker>>| {
            let is_done = existing.is_some_and(|existing| existing.value().done);
            ready(if is_done { Op::Nop } else { Op::Put(marker) })
        };
        self.markers.entry(key).and_compute_with(done).await;
    }

    pub(super) async fn forget(&self, key: ClaimKey, submission: SubmissionId) {
        let forget = |existing: Option<Entry<ClaimKey, Marker>>| {
            let is_ours = |marker: &Marker| !marker.done && marker.submission == submission;
            ready(if existing.is_some_and(|existing| is_ours(existing.value())) {
                Op::Remove
            } else {
                Op::Nop
            })
        };
        self.markers.entry(key).and_compute_with(forget).await;
    }
}

struct Lifetime {
    in_flight: Duration,
}

impl Lifetime {
    fn of(&self, marker: &Marker) -> Duration {
        if marker.done { DONE_LIFETIME } else { self.in_flight }
    }
}

impl Expiry<ClaimKey, Marker> for Lifetime {
    fn expire_after_create(&self, _: &ClaimKey, marker: &Marker, _: Instant) -> Option<Duration> {
        Some(self.of(marker))
    }

    fn expire_after_update(
        &self,
        _: &ClaimKey,
        marker: &Marker,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.of(marker))
    }
}
