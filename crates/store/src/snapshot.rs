//! The snapshot of organizations, sources and keys at one generation.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use leadgate_domain::{
    ActiveScoring, ApiKey, Dialect, KeyId, Organization, OrganizationId, Source, SourceId,
};
use rpds::HashTrieMapSync;

use crate::installation::DirectoryChanges;

/// The directory at one generation. It never changes, and a look-up takes no lock.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) generation: i64,
    /// When the store was asked for the latest generation that this holds.
    pub(crate) asked: Option<Instant>,
    organizations: SharedMap<OrganizationId, Arc<Organization>>,
    sources: SharedMap<SourceId, Arc<Source>>,
    keys: SharedMap<KeyId, Arc<ApiKey>>,
    campaigns: SharedMap<String, SourceId>,
    /// The sources without a name.
    defaults: SharedMap<(OrganizationId, Dialect), SourceId>,
}

/// A copy shares everything with its original; an insertion into it copies the few nodes on the way to its
/// place. So a key that comes costs the same in an installation of ten keys and of a million.
type SharedMap<K, V> = HashTrieMapSync<K, V>;

impl Snapshot {
    pub(crate) fn empty() -> Self {
        Self {
            generation: -1,
            asked: None,
            organizations: SharedMap::default(),
            sources: SharedMap::default(),
            keys: SharedMap::default(),
            campaigns: SharedMap::default(),
            defaults: SharedMap::default(),
        }
    }

    /// A key, revoked or not.
    pub fn key(&self, id: &KeyId) -> Option<Arc<ApiKey>> {
        self.keys.get(id).cloned()
    }

    pub fn source(&self, id: SourceId) -> Option<Arc<Source>> {
        self.sources.get(&id).cloned()
    }

    pub fn organization(&self, id: OrganizationId) -> Option<Arc<Organization>> {
        self.organizations.get(&id).cloned()
    }

    /// The active scoring of an organization. The standard scoring for an unknown organization.
    pub fn scoring(&self, organization: OrganizationId) -> Arc<ActiveScoring> {
        let known = self.organizations.get(&organization);
        known.map_or_else(ActiveScoring::standard, |organization| Arc::clone(&organization.scoring))
    }

    /// The source with this KickoffLabs campaign id.
    pub fn campaign(&self, campaign: &str) -> Option<Arc<Source>> {
        self.source(*self.campaigns.get(campaign)?)
    }

    /// The default source of the organization for a dialect, if it exists.
    pub fn default_source(&self, organization: OrganizationId, dialect: Dialect) -> Option<Arc<Source>> {
        self.source(*self.defaults.get(&(organization, dialect))?)
    }

    pub(crate) fn apply(&mut self, changes: &DirectoryChanges, asked: Instant) {
        // Two refreshes may overtake each other; the one that knows less must not undo a revocation.
        if changes.generation < self.generation {
            return;
        }
        self.generation = changes.generation;
        self.asked = self.asked.max(Some(asked));
        for organization in &changes.organizations {
            self.organizations.insert_mut(organization.id, Arc::new(organization.clone()));
        }
        for source in &changes.sources {
            self.put_source(Arc::new(source.clone()));
        }
        for key in &changes.keys {
            self.put_key(Arc::new(key.clone()));
        }
    }

    pub(crate) fn put_source(&mut self, source: Arc<Source>) {
        let id = source.id;
        let old = self.source(id);
        self.sources.insert_mut(id, Arc::clone(&source));
        let place = |source: &Source| (source.organization, source.dialect);
        let was = |source: &Arc<Source>| source.name.is_none().then(|| place(source));
        reindex(&mut self.defaults, old.as_ref().and_then(was), was(&source), id);
        reindex(&mut self.campaigns, old.and_then(|old| old.campaign.clone()), source.campaign.clone(), id);
    }

    pub(crate) fn put_key(&mut self, key: Arc<ApiKey>) {
        self.keys.insert_mut(key.id.clone(), key);
    }
}

/// Moves an id from one place of an index to another. Another entry may have taken the old one already.
fn reindex<K: Clone + Eq + Hash>(
    index: &mut SharedMap<K, SourceId>,
    old: Option<K>,
    new: Option<K>,
    id: SourceId,
) {
    if old == new {
        return;
    }
    if let Some(old) = old.filter(|old| index.get(old) == Some(&id)) {
        index.remove_mut(&old);
    }
    if let Some(new) = new {
        index.insert_mut(new, id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use leadgate_domain::key::PresentedKey;
    use leadgate_domain::secret::RootSecret;
    use leadgate_domain::{KeyKind, Timestamp};

    use super::*;

    fn key() -> ApiKey {
        let pepper = RootSecret::new(&"s".repeat(32), None).unwrap().api_keys();
        let (presented, _) = PresentedKey::generate(KeyKind::Publishable);
        ApiKey::new(&presented, OrganizationId::generate(), SourceId::generate(), Vec::new(), &pepper)
    }

    fn at(generation: i64, keys: Vec<ApiKey>) -> DirectoryChanges {
        let epoch = uuid::Uuid::nil();
        let (organizations, sources, now) = (Vec::new(), Vec::new(), Timestamp::now());
        DirectoryChanges { generation, shards: 1, organizations, sources, keys, epoch, now }
    }

    #[test]
    fn a_refresh_that_was_overtaken_undoes_nothing() {
        let good = key();
        let revoked = ApiKey { revoked_at: Some(Timestamp::now()), ..good.clone() };
        let mut snapshot = Snapshot::empty();
        let (slow, quick) = (Instant::now(), Instant::now());
        snapshot.apply(&at(6, vec![revoked]), quick);
        snapshot.apply(&at(5, vec![good]), slow);
        assert!(snapshot.keys.values().all(|key| key.revoked_at.is_some()));
        assert_eq!((snapshot.generation, snapshot.asked), (6, Some(quick)));
    }

    /// Inserting copies a path and not the map: 50,000 keys, each into a copy of the snapshot before, take a
    /// second of the processor in a debug build, and would take minutes if each copy copied the keys before
    /// it.
    #[test]
    fn a_key_is_added_to_many_as_quickly_as_to_few() {
        let one = key();
        let mut snapshot = Snapshot::empty();
        let started = used();
        for number in 0..50_000 {
            let id = KeyId::parse(&format!("{number:010}")).unwrap();
            let mut next = snapshot.clone();
            next.put_key(Arc::new(ApiKey { id, ..one.clone() }));
            snapshot = next;
        }
        let taken = used().saturating_sub(started);
        assert_eq!(snapshot.keys.size(), 50_000);
        assert!(taken < Duration::from_secs(30), "{taken:?}");
    }

    /// The processor's time of this thread: other work on the machine does not count.
    fn used() -> Duration {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
    }

    #[test]
    fn a_campaign_moves_from_one_source_to_another_in_either_order() {
        let source = |campaign: Option<&str>| Source {
            campaign: campaign.map(str::to_owned),
            ..Source::new(
                OrganizationId::generate(),
                &leadgate_dialect::protocol(Dialect::KickoffLabs).source_defaults,
                None,
                Timestamp::now(),
            )
        };
        let (a, b) = (source(Some("11")), source(None));
        let (a_without, b_with) =
            (Source { campaign: None, ..a.clone() }, Source { campaign: Some("11".into()), ..b.clone() });
        for moved in [[&a_without, &b_with], [&b_with, &a_without]] {
            let mut snapshot = Snapshot::empty();
            for one in [&a, &b].into_iter().chain(moved) {
                snapshot.put_source(Arc::new(one.clone()));
            }
            assert_eq!(snapshot.campaign("11").map(|source| source.id), Some(b.id));
            assert_eq!(snapshot.default_source(a.organization, a.dialect).as_deref(), Some(&a_without));
            assert_eq!(snapshot.default_source(a.organization, Dialect::Native), None);
        }
    }
}
