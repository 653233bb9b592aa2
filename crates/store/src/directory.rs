//! The snapshot of organizations, sources and keys that gateway and worker hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use leadgate_domain::{ApiKey, Dialect, KeyId, Organization, OrganizationId, Source, SourceId};
use tokio::sync::watch;

use crate::error::StoreError;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// A snapshot that can be brought up to date.
pub struct Directory {
    store: Store,
    snapshot: ArcSwap<Snapshot>,
    shards: watch::Sender<u16>,
}

impl Directory {
    /// Empty until the first [`Directory::refresh`].
    pub fn new(store: Store) -> Self {
        let snapshot = ArcSwap::from_pointee(Snapshot::empty());
        Self { store, snapshot, shards: watch::Sender::new(1) }
    }

    /// Asks the store what changed: one small row, if nothing did.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let changes = self.store.changes_since(self.snapshot.load().generation).await?;
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

    /// How many queues of the broker leads are spread over; 1 until the store tells.
    pub fn shards(&self) -> watch::Receiver<u16> {
        self.shards.subscribe()
    }

    /// How long ago the store last told its latest; `None` if it never did.
    pub fn age(&self) -> Option<Duration> {
        self.snapshot.load().asked.map(|asked| asked.elapsed())
    }

    /// The generation that this holds; -1 if the store never told.
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

    /// See [`Snapshot::origin_is_allowed`].
    pub fn origin_is_allowed(&self, origin: &str) -> bool {
        self.snapshot.load().origin_is_allowed(origin)
    }

    /// Everything at once, for a caller who needs several parts to agree.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Adds a key that was looked up on its own. One that is there already is newer and stays.
    pub fn insert_key(&self, key: ApiKey) {
        let key = Arc::new(key);
        self.add(|snapshot| {
            if snapshot.key(&key.id).is_none() {
                snapshot.put_key(Arc::clone(&key));
            }
        });
    }

    /// Adds a source that was looked up on its own. One that is there already is newer and stays.
    pub fn insert_source(&self, source: Source) {
        let source = Arc::new(source);
        self.add(|snapshot| {
            if snapshot.source(source.id).is_none() {
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
