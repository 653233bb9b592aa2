//! The keys that this gateway knows: a snapshot that follows the store, and single look-ups for what it lacks.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use leadgate_domain::secret::{MatchKey, Pepper};
use leadgate_domain::{ApiKey, KeyId, OrganizationId, Source, SourceId};
use leadgate_operations::JudgeContext;
use leadgate_pipeline::{GeoDatabase, Pipeline};
use leadgate_store::{Directory, Store, StoreError};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::GatewayConfig;
use crate::caller::Caller;
use crate::key_lookups::KeyLookups;
use crate::refusal::Refusal;

pub(crate) struct KeyCache {
    pub(crate) pepper: Pepper,
    pub(crate) directory: Arc<Directory>,
    store: Store,
    lookups: KeyLookups,
    /// Kept in the store; it never changes.
    match_key: OnceLock<MatchKey>,
    /// Judges what is only to be validated, by the same key.
    pipeline: OnceLock<Arc<Pipeline>>,
    places: Option<Arc<GeoDatabase>>,
    stale_max: Duration,
    poll: Duration,
    store_timeout: Duration,
}

/// How good the snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// Several polls failed; the last snapshot still serves.
    Aging,
    /// The last snapshot is too old to authenticate requests.
    Stale,
    /// No snapshot was loaded yet.
    Missing,
}

impl KeyCache {
    pub(crate) fn new(
        store: Store,
        directory: Arc<Directory>,
        pepper: Pepper,
        places: Option<Arc<GeoDatabase>>,
        config: &GatewayConfig,
    ) -> Self {
        Self {
            pepper,
            directory,
            store,
            lookups: KeyLookups::new(),
            match_key: OnceLock::new(),
            pipeline: OnceLock::new(),
            places,
            stale_max: config.stale_max,
            poll: config.directory_poll,
            store_timeout: config.store_timeout,
        }
    }

    pub(crate) fn freshness(&self) -> Freshness {
        match self.directory.age() {
            Some(_) if self.match_key.get().is_none() => Freshness::Missing,
            Some(age) if age > self.stale_max => Freshness::Stale,
            // A poll may take as long as the store is waited for.
            Some(age) if age > self.poll * 2 + self.store_timeout => Freshness::Aging,
            Some(_) => Freshness::Fresh,
            None => Freshness::Missing,
        }
    }

    /// What hashes idempotency keys.
    pub(crate) fn match_key(&self) -> Result<&MatchKey, Refusal> {
        self.match_key.get().ok_or(Refusal::KeysUnavailable)
    }

    /// What says how a lead would be judged.
    pub(crate) fn pipeline(&self) -> Result<&Arc<Pipeline>, Refusal> {
        self.pipeline.get().ok_or(Refusal::KeysUnavailable)
    }

    /// What an operation reads and judges by.
    pub(crate) fn judge_context(&self) -> Result<JudgeContext, Refusal> {
        Ok(JudgeContext { known: self.directory.snapshot(), pipeline: Arc::clone(self.pipeline()?) })
    }

    /// What a source is called, if it is known here.
    pub(crate) fn source_title(&self, id: SourceId) -> Option<String> {
        self.directory.source(id).map(|source| source.display_name())
    }

    /// The caller of a key id, if the snapshot contains it and is recent enough.
    pub(crate) fn get(&self, id: &KeyId) -> Result<Option<Caller>, Refusal> {
        match self.freshness() {
            Freshness::Fresh | Freshness::Aging => {}
            Freshness::Stale | Freshness::Missing => return Err(Refusal::KeysUnavailable),
        }
        let Some(key) = self.directory.key(id) else { return Ok(None) };
        match self.directory.source(key.source) {
            Some(source) if source.organization == key.organization => Ok(Some(Caller::new(key, source))),
            // The snapshot may have read the sources just before this one was made.
            _ => Ok(None),
        }
    }

    /// An organization that was created a moment ago may be missing in the snapshot; it counts as enabled.
    pub(crate) fn is_disabled(&self, organization: OrganizationId) -> bool {
        self.directory.organization(organization).is_some_and(|found| found.disabled_at.is_some())
    }

    /// Asks the store for a key that the snapshot lacks. `None` is remembered for a moment.
    pub(crate) async fn look_up(
        &self,
        id: &KeyId,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, Refusal> {
        let found = self.lookups.run(id, address, self.fetch(id)).await?;
        Ok(found.map(|(key, source)| Caller::new(key, source)))
    }

    async fn fetch(&self, id: &KeyId) -> Result<Option<(Arc<ApiKey>, Arc<Source>)>, Refusal> {
        let fetching = async {
            let Some(key) = self.store.find_key(id).await? else { return Ok(None) };
            let source = self.store.source(key.organization, key.source).await?;
            Ok::<_, StoreError>(Some((key, source)))
        };
        let found = timeout(self.store_timeout, fetching).await;
        let Some((key, source)) = found.map_err(|_| Refusal::KeysUnavailable)?.map_err(|error| {
            tracing::debug!(%error, "key not looked up");
            Refusal::KeysUnavailable
        })?
        else {
            return Ok(None);
        };
        // A source that only a newer build can read: another gateway may know better.
        let source = source.ok_or(Refusal::KeysUnavailable)?;
        self.directory.insert_source(source.clone());
        self.directory.insert_key(key.clone());
        Ok(Some((Arc::new(key), Arc::new(source))))
    }

    /// Asks the store what changed.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        self.directory.refresh().await?;
        if self.match_key.get().is_none() {
            let key = self.store.match_key().await?;
            let pipeline = || Arc::new(Pipeline::new(key.clone()).with_places(self.places.clone()));
            self.pipeline.get_or_init(pipeline);
            self.match_key.get_or_init(|| key);
        }
        Ok(())
    }

    /// Polls the store until cancelled. Logs once when the store becomes unreachable and once when it recovers.
    pub(crate) async fn poll_store(&self, stop: &CancellationToken) {
        let mut ticks = interval(self.poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut well = true;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.refresh().await {
                Ok(()) if !well => tracing::info!("keys and sources are refreshed again"),
                Ok(()) => {}
                Err(error) if well => tracing::warn!(%error, "keys and sources cannot be refreshed"),
                Err(_) => {}
            }
            well = self.freshness() == Freshness::Fresh;
        }
    }
}
