//! Markers of the one gateway there is.

use std::future::ready;
use std::time::{Duration, Instant};

use leadgate_domain::{BodyHash, ClaimKey, SubmissionId};
use moka::Entry;
use moka::Expiry;
use moka::future::Cache;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;

use super::{IdempotencyState, REMEMBERED};

/// Some 50 MB. Of more keys in a day the oldest are forgotten; their repeats are recognized by the worker.
const MOST: u64 = 250_000;

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
    fn seen_with(&self, body: BodyHash) -> IdempotencyState {
        match self {
            known if known.body != body => IdempotencyState::BodyMismatch,
            known if known.done => IdempotencyState::Done(known.submission),
            _ => IdempotencyState::InFlight,
        }
    }
}

impl MemoryMarkers {
    pub(super) fn new(in_flight: Duration) -> Self {
        let markers = Cache::builder()
            .max_capacity(MOST)
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
        let mut begun = IdempotencyState::First;
        let fresh = Marker { submission, body, done: false };
        let begin = |known: Option<Entry<ClaimKey, Marker>>| {
            begun = known.as_ref().map_or(IdempotencyState::First, |known| known.value().seen_with(body));
            ready(if known.is_none() { Op::Put(fresh) } else { Op::Nop })
        };
        self.markers.entry(key).and_compute_with(begin).await;
        begun
    }

    pub(super) async fn done(&self, key: ClaimKey, submission: SubmissionId, body: BodyHash) {
        let durable = Marker { submission, body, done: true };
        let done = |known: Option<Entry<ClaimKey, Marker>>| {
            let kept = known.is_some_and(|known| known.value().done);
            ready(if kept { Op::Nop } else { Op::Put(durable) })
        };
        self.markers.entry(key).and_compute_with(done).await;
    }

    pub(super) async fn forget(&self, key: ClaimKey, submission: SubmissionId) {
        let forget = |known: Option<Entry<ClaimKey, Marker>>| {
            let ours = |known: &Marker| !known.done && known.submission == submission;
            ready(if known.is_some_and(|known| ours(known.value())) { Op::Remove } else { Op::Nop })
        };
        self.markers.entry(key).and_compute_with(forget).await;
    }
}

struct Lifetime {
    in_flight: Duration,
}

impl Lifetime {
    fn of(&self, marker: &Marker) -> Duration {
        if marker.done { REMEMBERED } else { self.in_flight }
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
