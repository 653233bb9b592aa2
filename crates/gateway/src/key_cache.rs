//! The keys and sources that this gateway knows: a polled snapshot, and single look-ups for keys that it does
//! not contain.

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
    /// Stored in the store. It never changes.
    match_key: OnceLock<MatchKey>,
    /// For the validation of leads. It uses the match key, too.
    pipeline: OnceLock<Arc<Pipeline>>,
    geolocation: Option<Arc<GeoDatabase>>,
    snapshot_max_age: Duration,
    poll_interval: Duration,
    store_timeout: Duration,
}

/// The age class of the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// Several polls failed. The last snapshot is still used.
    Aging,
    /// The last snapshot is too old to authenticate requests.
    Stale,
    /// No snapshot has been loaded yet.
    Missing,
}

impl KeyCache {
    pub(crate) fn new(
        store: Store,
        directory: Arc<Directory>,
        pepper: Pepper,
        geolocation: Option<Arc<GeoDatabase>>,
        config: &GatewayConfig,
    ) -> Self {
        Self {
            pepper,
            directory,
            store,
            lookups: KeyLookups::new(),
            match_key: OnceLock::new(),
            pipeline: OnceLock::new(),
            geolocation,
            snapshot_max_age: config.snapshot_max_age,
            poll_interval: config.snapshot_poll_interval,
            store_timeout: config.store_timeout,
        }
    }

    pub(crate) fn freshness(&self) -> Freshness {
        match self.directory.age() {
            Some(_) if self.match_key.get().is_none() => Freshness::Missing,
            Some(age) if age > self.snapshot_max_age => Freshness::Stale,
            // A poll may take up to the store timeout.
            Some(age) if age > self.poll_interval * 2 + self.store_timeout => Freshness::Aging,
            Some(_) => Freshness::Fresh,
            None => Freshness::Missing,
        }
    }

    /// The key for hashes of idempotency keys.
    pub(crate) fn match_key(&self) -> Result<&MatchKey, Refusal> {
        self.match_key.get().ok_or(Refusal::KeysUnavailable)
    }

    /// The pipeline for the validation of leads.
    pub(crate) fn pipeline(&self) -> Result<&Arc<Pipeline>, Refusal> {
        self.pipeline.get().ok_or(Refusal::KeysUnavailable)
    }

    /// The snapshot and the pipeline for operations that read and judge submissions.
    pub(crate) fn judge_context(&self) -> Result<JudgeContext, Refusal> {
        Ok(JudgeContext { snapshot: self.directory.snapshot(), pipeline: Arc::clone(self.pipeline()?) })
    }

    /// The display name of a source, if the snapshot contains it.
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
            // The snapshot may have read the sources just before this source was created.
            _ => Ok(None),
        }
    }

    /// A new organization may be missing in the snapshot. It counts as enabled.
    pub(crate) fn is_disabled(&self, organization: OrganizationId) -> bool {
        self.directory.organization(organization).is_some_and(|found| found.disabled_at.is_some())
    }

    /// Looks up a key that is not in the snapshot. The result is cached for two seconds.
    pub(crate) async fn look_up(
        &self,
        id: &KeyId,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, Refusal> {
        let found = self.lookups.run(id, address, self.fetch(id)).await?;
        Ok(found.map(|(key, source)| Caller::new(key, source)))
    }

    async fn fetch(&self, id: &KeyId) -> Result<Option<(Arc<ApiKey>, Arc<Source>)>, Refusal> {
        let query = async {
            let Some(key) = self.store.find_key(id).await? else { return Ok(None) };
            let source = self.store.source(key.organization, key.source).await?;
            Ok::<_, StoreError>(Some((key, source)))
        };
        let found = timeout(self.store_timeout, query).await;
        let Some((key, source)) = found.map_err(|_| Refusal::KeysUnavailable)?.map_err(|error| {
            tracing::debug!(%error, "key look-up failed");
            Refusal::KeysUnavailable
        })?
        else {
            return Ok(None);
        };
        // Only a newer build can read this source. With 503 the client tries again, maybe at a newer gateway.
        let source = source.ok_or(Refusal::KeysUnavailable)?;
        self.directory.insert_source(source.clone());
        self.directory.insert_key(key.clone());
        Ok(Some((Arc::new(key), Arc::new(source))))
    }

    /// Loads changes from the store.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        self.directory.refresh().await?;
        if self.match_key.get().is_none() {
            let key = self.store.match_key().await?;
            let pipeline = || Arc::new(Pipeline::new(key.clone()).with_geolocation(self.geolocation.clone()));
            self.pipeline.get_or_init(pipeline);
            self.match_key.get_or_init(|| key);
        }
        Ok(())
    }

    /// Polls the store until cancelled. Logs once when the store becomes unreachable and once when it
    /// recovers.
    pub(crate) async fn poll_store(&self, stop: &CancellationToken) {
        let mut ticks = interval(self.poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_fresh = true;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.refresh().await {
                Ok(()) if !is_fresh => tracing::info!("keys and sources are refreshed again"),
                Ok(()) => {}
                Err(error) if is_fresh => tracing::warn!(%error, "keys and sources cannot be refreshed"),
                Err(_) => {}
            }
            is_fresh = self.freshness() == Freshness::Fresh;
        }
    }
}
