//! A store with endpoints, and a dispatcher.

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_dispatcher::{AddressGuard, Dispatcher, DispatcherConfig};
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    DeliveryCounts, Endpoint, EndpointSecrets, EndpointSettings, EventId, Organization, Timestamp,
};
use leadgate_store::{AttemptRecord, DeliveryFilter, Store, StoreConfig};
use leadgate_testkit::SECRET;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Only a failing test reaches this time limit.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) organization: Organization,
    stop: CancellationToken,
    dispatcher: JoinHandle<()>,
    folder: tempfile::TempDir,
}

/// Allows the receivers of the tests.
pub(crate) fn config() -> DispatcherConfig {
    DispatcherConfig {
        guard: AddressGuard::new(["127.0.0.0/8".parse().unwrap()]),
        ..DispatcherConfig::default()
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: DispatcherConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let secret = RootSecret::new(SECRET, None).unwrap();
        let store = Store::open(&StoreConfig::api(url).with_secret(&secret)).unwrap();
        store.migrate().await.unwrap();
        let organization = store.ensure_organization("acme").await.unwrap();
        let stop = CancellationToken::new();
        let dispatcher = tokio::spawn(Dispatcher::new(store.clone(), config, stop.clone()).unwrap().run());
        Self { store, organization, stop, dispatcher, folder }
    }

    pub(crate) async fn endpoint(&self, url: &str, settings: Value) -> Endpoint {
        let mut all = json!({ "url": url, "events": ["test"] });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let settings: EndpointSettings = serde_json::from_value(all).unwrap();
        let endpoint = Endpoint::new(self.organization.id, settings, Timestamp::now());
        let headers = BTreeMap::from([("x-api-key".to_owned(), "secret-key-1".into())]);
        let secrets = EndpointSecrets::new(headers).unwrap();
        self.store.create_endpoint(&endpoint, &secrets).await.unwrap();
        endpoint
    }

    /// An event for this endpoint only.
    pub(crate) async fn event(&self, endpoint: &Endpoint) -> EventId {
        self.store.add_test_event(endpoint).await.unwrap()
    }

    /// The attempts at an endpoint, from the oldest to the newest, when there are at least `count`.
    pub(crate) async fn attempts(&self, endpoint: &Endpoint, count: usize) -> Vec<AttemptRecord> {
        let filter = DeliveryFilter { endpoint: Some(endpoint.id), ..DeliveryFilter::default() };
        let reading = async {
            loop {
                let page = self.store.attempts(self.organization.id, filter, None, 1_000).await.unwrap();
                if page.data.len() >= count {
                    return page.data.into_iter().rev().collect();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, reading).await.expect("the attempts are recorded")
    }

    pub(crate) async fn counts(&self, endpoint: &Endpoint) -> DeliveryCounts {
        self.store.count_deliveries(self.organization.id, endpoint.id).await.unwrap()
    }

    /// Stops the dispatcher and waits until it has ended. Returns the store and its folder.
    pub(crate) async fn stop(self) -> (Store, tempfile::TempDir) {
        self.stop.cancel();
        tokio::time::timeout(TEST_TIMEOUT, self.dispatcher).await.expect("the dispatcher ends").unwrap();
        (self.store, self.folder)
    }
}
