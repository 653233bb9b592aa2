//! The directory: the snapshot of organizations, sources and keys in a gateway or worker, and its refresh.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use leadgate_domain::{
    ApiKey, Dialect, KeyId, MonotonicClock, Organization, OrganizationId, Source, SourceId, Timestamp,
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::error::StoreError;
use crate::snapshot::Snapshot;
use crate::store::Store;

const LARGE_ABOVE: Duration = Duration::from_secs(1);

/// A program whose clock and the database's are further apart is not ready.
pub(crate) const MAX_CLOCK_SKEW: Duration = Duration::from_secs(30);

/// The skew between the clocks of this program and of the database. Their times are compared with each other:
/// a suppression entry expires by the database's clock, a submission is received by a gateway's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockSkew {
    /// Up to one second, or not known yet.
    Small,
    /// Up to 30 s: programs report that they are degraded.
    Large,
    /// More than 30 s: programs are not ready.
    TooLarge,
}

impl ClockSkew {
    /// The explanation for operators.
    pub const REASON: &str = "the clocks of this program and of the database differ; synchronize both machines (NTP) and \
                              restart this program if its machine's clock was set back";

    fn from_difference(skew: Duration) -> Self {
        match skew {
            skew if skew <= LARGE_ABOVE => Self::Small,
            skew if skew <= MAX_CLOCK_SKEW => Self::Large,
            _ => Self::TooLarge,
        }
    }
}

/// Further values that a refresh reads with the snapshot.
#[derive(Clone, Copy)]
struct RefreshResult {
    epoch: Uuid,
    skew: Duration,
}

/// A snapshot that can be refreshed.
pub struct Directory {
    store: Store,
    clock: MonotonicClock,
    snapshot: ArcSwap<Snapshot>,
    shards: watch::Sender<u16>,
    observed: ArcSwapOption<RefreshResult>,
}

impl Directory {
    /// Empty until the first [`Directory::refresh`].
    pub fn new(store: Store) -> Self {
        let (snapshot, observed) = (ArcSwap::from_pointee(Snapshot::empty()), ArcSwapOption::empty());
        Self { store, clock: MonotonicClock::new(), snapshot, shards: watch::Sender::new(1), observed }
    }

    /// Reads the changes from the store. Without changes this reads one small row and the database's clock.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let (asked, before) = (Instant::now(), self.clock.peek());
        let changes = self.store.changes_since(self.snapshot.load().generation).await?;
        let skew = distance(changes.now, before, self.clock.peek());
        metrics::gauge!("leadgate_clock_skew_seconds").set(skew.as_secs_f64());
        self.observed.store(Some(Arc::new(RefreshResult { epoch: changes.epoch, skew })));
        self.snapshot.rcu(|snapshot| {
            let mut next = Snapshot::clone(snapshot);
            next.apply(&changes, asked);
            next
        });
        // Of two refreshes that overtake each other the larger number is the newer one.
        self.shards.send_if_modified(|shards| {
            let grown = changes.shards > *shards;
            *shards = changes.shards.max(*shards);
            grown
        });
        Ok(())
    }

    /// The number of broker queues for leads. 1 until the first refresh.
    pub fn shards(&self) -> watch::Receiver<u16> {
        self.shards.subscribe()
    }

    /// The time since the last successful refresh. `None` before the first one.
    pub fn age(&self) -> Option<Duration> {
        self.snapshot.load().asked.map(|asked| asked.elapsed())
    }

    /// The clock for the receipt times of this program's submissions. A refresh measures its skew.
    pub fn clock(&self) -> &MonotonicClock {
        &self.clock
    }

    /// The clock skew at the last refresh.
    pub fn clock_skew(&self) -> ClockSkew {
        self.observed
            .load()
            .as_ref()
            .map_or(ClockSkew::Small, |observed| ClockSkew::from_difference(observed.skew))
    }

    /// The epoch of the store, which changes after each restore of a backup. `None` before the first refresh.
    pub fn epoch(&self) -> Option<Uuid> {
        self.observed.load().as_ref().map(|observed| observed.epoch)
    }

    /// The generation of the snapshot. -1 before the first refresh.
    pub fn generation(&self) -> i64 {
        self.snapshot.load().generation
    }

    /// A key, revoked or not.
    pub fn key(&self, id: &KeyId) -> Option<Arc<ApiKey>> {
        self.snapshot.load().key(id)
    }

    pub fn source(&self, id: SourceId) -> Option<Arc<Source>> {
        self.snapshot.load().source(id)
    }

    pub fn organization(&self, id: OrganizationId) -> Option<Arc<Organization>> {
        self.snapshot.load().organization(id)
    }

    /// See [`Snapshot::campaign`].
    pub fn campaign(&self, campaign: &str) -> Option<Arc<Source>> {
        self.snapshot.load().campaign(campaign)
    }

    /// See [`Snapshot::default_source`].
    pub fn default_source(&self, organization: OrganizationId, dialect: Dialect) -> Option<Arc<Source>> {
        self.snapshot.load().default_source(organization, dialect)
    }

    /// The whole snapshot, for callers that need several consistent values.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Adds a key that was looked up separately. A key that the snapshot contains is newer and stays.
    pub fn insert_key(&self, key: ApiKey) {
        let key = Arc::new(key);
        self.add(|snapshot| {
            if snapshot.key(&key.id).is_none() {
                snapshot.put_key(Arc::clone(&key));
            }
        });
    }

    /// Adds a source that was looked up or changed separately, unless the snapshot contains a later revision.
    pub fn insert_source(&self, source: Source) {
        let source = Arc::new(source);
        self.add(|snapshot| {
            if snapshot.source(source.id).is_none_or(|known| known.revision < source.revision) {
                snapshot.put_source(Arc::clone(&source));
            }
        });
    }

    fn add(&self, add: impl Fn(&mut Snapshot)) {
        self.snapshot.rcu(|snapshot| {
            let mut next = Snapshot::clone(snapshot);
            add(&mut next);
            next
        });
    }
}

/// How far a time lies outside of the interval between request and response: the response time does not count
/// as skew.
fn distance(time: Timestamp, begin: Timestamp, end: Timestamp) -> Duration {
    begin.since(time).max(time.since(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_no_skew() {
        let at = |seconds: i64| Timestamp::from_microseconds(seconds * 1_000_000);
        for (time, skew, verdict) in [
            (at(100), 0, ClockSkew::Small),
            (at(109), 0, ClockSkew::Small),
            (at(111), 1, ClockSkew::Small),
            (at(112), 2, ClockSkew::Large),
            (at(70), 30, ClockSkew::Large),
            (at(69), 31, ClockSkew::TooLarge),
        ] {
            let found = distance(time, at(100), at(110));
            assert_eq!(
                (found, ClockSkew::from_difference(found)),
                (Duration::from_secs(skew), verdict),
                "{time}"
            );
        }
    }
}
