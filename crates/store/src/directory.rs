//! The snapshot of organizations, sources and keys that gateway and worker hold.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use leadgate_domain::{ApiKey, KeyId, Organization, OrganizationId, Source, SourceId};

use crate::error::StoreError;
use crate::installation::Changes;
use crate::store::Store;

/// Everything at one generation. Never changes; a look-up costs no lock.
#[derive(Debug, Clone)]
pub struct Snapshot {
    generation: i64,
    /// When the store was asked for the latest generation that this holds.
    asked: Option<Instant>,
    organizations: Shared<OrganizationId, Organization>,
    sources: Shared<SourceId, Source>,
    keys: Shared<KeyId, ApiKey>,
}

impl Snapshot {
    fn empty() -> Self {
        Self {
            generation: -1,
            asked: None,
            organizations: Arc::default(),
            sources: Arc::default(),
            keys: Arc::default(),
        }
    }

    fn apply(&mut self, changes: &Changes, asked: Instant) {
        // Two refreshes may overtake each other; the one that knows less must not undo a revocation.
        if changes.generation < self.generation {
            return;
        }
        self.generation = changes.generation;
        self.asked = self.asked.max(Some(asked));
        extend(&mut self.organizations, &changes.organizations, |one| one.id);
        extend(&mut self.sources, &changes.sources, |one| one.id);
        extend(&mut self.keys, &changes.keys, |one| one.id.clone());
    }
}

type Shared<K, V> = Arc<HashMap<K, Arc<V>>>;

/// Copies the map only if there is something to add.
fn extend<K: Clone + Eq + Hash, V: Clone>(map: &mut Shared<K, V>, rows: &[V], key: impl Fn(&V) -> K) {
    if !rows.is_empty() {
        Arc::make_mut(map).extend(rows.iter().map(|row| (key(row), Arc::new(row.clone()))));
    }
}

/// A snapshot that can be brought up to date.
pub struct Directory {
    store: Store,
    snapshot: ArcSwap<Snapshot>,
}

impl Directory {
    /// Empty until the first [`Directory::refresh`].
    pub fn new(store: Store) -> Self {
        Self { store, snapshot: ArcSwap::from_pointee(Snapshot::empty()) }
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
        Ok(())
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
        self.snapshot.load().keys.get(id).cloned()
    }

    pub fn source(&self, id: SourceId) -> Option<Arc<Source>> {
        self.snapshot.load().sources.get(&id).cloned()
    }

    pub fn organization(&self, id: OrganizationId) -> Option<Arc<Organization>> {
        self.snapshot.load().organizations.get(&id).cloned()
    }

    /// Everything at once, for a caller who needs several parts to agree.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Adds a key that was looked up on its own. One that is there already is newer and stays.
    pub fn insert_key(&self, key: ApiKey) {
        let key = Arc::new(key);
        self.add(|snapshot| {
            Arc::make_mut(&mut snapshot.keys).entry(key.id.clone()).or_insert_with(|| Arc::clone(&key));
        });
    }

    /// Adds a source that was looked up on its own. One that is there already is newer and stays.
    pub fn insert_source(&self, source: Source) {
        let source = Arc::new(source);
        self.add(|snapshot| {
            Arc::make_mut(&mut snapshot.sources).entry(source.id).or_insert_with(|| Arc::clone(&source));
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

#[cfg(test)]
mod tests {
    use super::*;
    use leadgate_domain::key::PresentedKey;
    use leadgate_domain::secret::Secret;
    use leadgate_domain::{KeyKind, Timestamp};

    fn key(revoked: bool) -> ApiKey {
        let pepper = Secret::new(&"s".repeat(32), None).unwrap().api_keys();
        let (presented, _) = PresentedKey::generate(KeyKind::Secret);
        ApiKey {
            id: KeyId::parse("abcdefghij").unwrap(),
            revoked_at: revoked.then(Timestamp::now),
            ..ApiKey::new(&presented, OrganizationId::generate(), SourceId::generate(), Vec::new(), &pepper)
        }
    }

    #[test]
    fn a_refresh_that_was_overtaken_undoes_nothing() {
        let at = |generation, revoked| Changes {
            generation,
            organizations: Vec::new(),
            sources: Vec::new(),
            keys: vec![key(revoked)],
        };
        let mut snapshot = Snapshot::empty();
        let (slow, quick) = (Instant::now(), Instant::now());
        snapshot.apply(&at(6, true), quick);
        snapshot.apply(&at(5, false), slow);
        assert!(snapshot.keys.values().all(|key| key.revoked_at.is_some()));
        assert_eq!((snapshot.generation, snapshot.asked), (6, Some(quick)));
    }
}
