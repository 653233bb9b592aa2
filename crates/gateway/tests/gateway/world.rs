//! A gateway with its own queue, store and limiter.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    ApiKey, DataSubject, Dialect, Judge, KeyKind, OrganizationId, Scope, Source, SourceId, Submission,
    Timestamp, message,
};
use leadgate_gateway::{Gateway, GatewayConfig, GatewayDependencies};
use leadgate_limiter::{IdempotencyMarkers, Limiter, LimiterConfig};
use leadgate_pipeline::Pipeline;
use leadgate_queue::{Queue, QueueConfig, ReceiveResult, Role};
use leadgate_store::{Directory, Store, StoreConfig};
use leadgate_testkit::http_client;
use leadgate_worker::{Worker, WorkerConfig, WorkerDependencies};
use reqwest::{Client, RequestBuilder, header};
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The timeout of the tests. No response of a gateway takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) operators: Option<SocketAddr>,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) organization: OrganizationId,
    pub(crate) source: SourceId,
    /// A key with all scopes and a practically unlimited rate.
    pub(crate) key: String,
    pub(crate) client: Client,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
    _folder: TempDir,
}

/// A configuration for tests: one thread and a short poll interval.
pub(crate) fn config() -> GatewayConfig {
    GatewayConfig {
        threads: 1,
        snapshot_poll_interval: Duration::from_millis(50),
        ..GatewayConfig::default()
    }
}

/// The same without polls, so that the gateway does not notice changes in the store.
pub(crate) fn config_without_polls() -> GatewayConfig {
    GatewayConfig { snapshot_poll_interval: Duration::from_secs(3_600), ..config() }
}

pub(crate) fn secret() -> RootSecret {
    RootSecret::new("a root secret for tests, long enough", None).unwrap()
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: GatewayConfig) -> Self {
        Self::with_limiter(LimiterConfig::default(), config).await
    }

    /// Starts a gateway over a migrated store.
    pub(crate) async fn with_store(store: Store, config: GatewayConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::with_organization(folder, store, LimiterConfig::default(), config).await
    }

    /// Starts a gateway with this limiter.
    pub(crate) async fn with_limiter(limiter: LimiterConfig, config: GatewayConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.migrate().await.unwrap();
        Self::with_organization(folder, store, limiter, config).await
    }

    async fn with_organization(
        folder: TempDir,
        store: Store,
        limiter: LimiterConfig,
        config: GatewayConfig,
    ) -> Self {
        let organization = store.ensure_organization("ours").await.unwrap().id;
        let source = store
            .ensure_default_source(organization, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
            .await
            .unwrap()
            .id;
        let (key, text) = make_key(organization, source);
        store.create_key(&key).await.unwrap();
        Self { organization, source, key: text, ..Self::over_store(folder, store, limiter, config).await }
    }

    /// Starts a gateway over a store that may have no schema. Its key is not stored.
    pub(crate) async fn over(folder: TempDir, store: Store, config: GatewayConfig) -> Self {
        Self::over_store(folder, store, LimiterConfig::default(), config).await
    }

    async fn over_store(
        folder: TempDir,
        store: Store,
        limiter: LimiterConfig,
        config: GatewayConfig,
    ) -> Self {
        crate::logs::keep();
        let (organization, source) = (OrganizationId::generate(), SourceId::generate());
        let (_, key) = make_key(organization, source);
        let queue = QueueConfig::new(format!("sqlite:{}", folder.path().join("queue.db").display()));
        let queue = Queue::open(queue, Role::AllInOne).await.unwrap();
        let dependencies = GatewayDependencies {
            store: store.clone(),
            directory: Arc::new(Directory::new(store.clone())),
            queue: queue.clone(),
            limiter: Limiter::open(limiter).await.unwrap(),
            markers: IdempotencyMarkers::open(&LimiterConfig::default(), Duration::from_secs(4))
                .await
                .unwrap(),
            source_signing_key: secret().signatures(),
            export_signing_key: secret().export_signatures(),
            pepper: secret().api_keys(),
            id_key: secret().ids(),
            geolocation: None,
            render_metrics: Arc::new(|| "leadgate_up 1\n".to_owned()),
        };
        let stop = CancellationToken::new();
        let gateway = Gateway::bind(("127.0.0.1", 0), dependencies, config, stop.clone()).unwrap();
        let (address, operators) = (gateway.addresses()[0], gateway.operators_address());
        let serving = tokio::spawn(gateway.run());
        let client = http_client();
        Self {
            address,
            operators,
            store,
            queue,
            organization,
            source,
            key,
            client,
            stop,
            serving,
            _folder: folder,
        }
    }

    /// Creates another key with the given changes.
    pub(crate) async fn key_with(&self, change: impl FnOnce(&mut ApiKey)) -> String {
        let (mut key, text) = make_key(self.organization, self.source);
        change(&mut key);
        self.store.create_key(&key).await.unwrap();
        text
    }

    /// Creates a key of another organization.
    pub(crate) async fn stranger(&self) -> String {
        let organization = self.store.ensure_organization("theirs").await.unwrap().id;
        let source = self
            .store
            .ensure_default_source(organization, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
            .await
            .unwrap()
            .id;
        let (key, text) = make_key(organization, source);
        self.store.create_key(&key).await.unwrap();
        text
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(&self.key)
    }

    /// A post without a body.
    pub(crate) fn post(&self) -> RequestBuilder {
        self.client
            .post(self.url("/v1/leads"))
            .bearer_auth(&self.key)
            .header(header::CONTENT_TYPE, "application/json")
    }

    /// Posts a lead, asserts that it is accepted, and returns its id.
    pub(crate) async fn accepted(&self, lead: &Value) -> String {
        let answer = send(self.post().body(lead.to_string())).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn published(&self) -> u64 {
        let depth = self.queue.depth().await.unwrap();
        depth.ready + depth.in_flight
    }

    /// The only published submission, as a worker reads it.
    pub(crate) async fn only_submission(&self) -> Submission {
        let ReceiveResult::Deliveries(deliveries) = self.queue.consumer().receive(10).await else { panic!() };
        let mut submissions = message::decode(deliveries[0].payload()).unwrap().submissions;
        assert_eq!((deliveries.len(), submissions.len()), (1, 1));
        submissions.remove(0)
    }

    /// Processes everything in the queue.
    pub(crate) async fn work(&self) {
        let mut consumer_task = self.worker().await.consumer_task();
        while self.published().await > 0 {
            consumer_task.run_once().await;
        }
    }

    /// Starts a worker that runs until the end of the test.
    pub(crate) async fn start_worker(&self) {
        tokio::spawn(self.worker().await.run());
    }

    async fn worker(&self) -> Worker {
        let pipeline = Arc::new(Pipeline::new(self.store.match_key().await.unwrap()));
        let directory = Arc::new(Directory::new(self.store.clone()));
        directory.refresh().await.unwrap();
        let parts = WorkerDependencies {
            queue: self.queue.clone(),
            store: self.store.clone(),
            directory,
            judge: pipeline.clone(),
            pipeline,
        };
        Worker::new(parts, WorkerConfig::default(), self.stop.clone())
    }

    pub(crate) async fn judge(&self) -> Arc<dyn Judge> {
        Arc::new(Pipeline::new(self.store.match_key().await.unwrap()))
    }

    /// Erases a person.
    pub(crate) async fn erase(&self, subject: DataSubject) {
        let person = self.store.find_subject(self.organization, subject, &[]).await.unwrap();
        self.store.erase(self.organization, &person, None, self.judge().await, |_| {}).await.unwrap();
    }

    /// Creates a source of a dialect, with a key.
    pub(crate) async fn source_of(
        &self,
        dialect: Dialect,
        change: impl FnOnce(&mut Source),
    ) -> (Source, String) {
        let name = Some(format!("{dialect} {}", uuid::Uuid::now_v7()));
        let mut source = Source::new(
            self.organization,
            &leadgate_dialect::protocol(dialect).source_defaults,
            name,
            Timestamp::now(),
        );
        change(&mut source);
        self.store.create_source(&source).await.unwrap();
        let key = self
            .key_with(|key| {
                key.source = source.id;
                key.organization_wide = source.name.is_none();
                key.rate = None;
            })
            .await;
        (source, key)
    }

    /// Creates another key of a kind with the given changes.
    pub(crate) async fn credential(&self, kind: KeyKind, change: impl FnOnce(&mut ApiKey)) -> String {
        let (presented, text) = PresentedKey::generate(kind);
        let pepper = secret().api_keys();
        let mut key = ApiKey::new(&presented, self.organization, self.source, vec![Scope::Write], &pepper);
        change(&mut key);
        key.organization_wide = kind == KeyKind::Secret && key.source == self.source;
        self.store.create_key(&key).await.unwrap();
        text.expose_secret().to_owned()
    }

    /// Waits until the gateway answers `/readyz` with this status.
    pub(crate) async fn until_ready_is(&self, status: u16) -> Answer {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = send(self.client.get(self.url("/readyz"))).await;
            if answer.status == status {
                return answer;
            }
            assert!(tokio::time::Instant::now() < deadline, "still {}: {}", answer.status, answer.body);
            tokio::task::yield_now().await;
        }
    }

    /// Stops the gateway. Every test ends with this call.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        drop(self.client);
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .expect("the gateway stops in time")
            .unwrap()
            .unwrap();
        self.queue.shutdown().await;
    }
}

pub(crate) fn store(folder: &TempDir) -> Store {
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    Store::open(&StoreConfig::api(url).with_secret(&secret())).unwrap()
}

pub(crate) fn make_key(organization: OrganizationId, source: SourceId) -> (ApiKey, String) {
    let (presented, text) = PresentedKey::generate(KeyKind::Secret);
    let key = ApiKey {
        rate: "1000000/min".parse().ok(),
        organization_wide: true,
        ..ApiKey::new(&presented, organization, source, Scope::ALL.to_vec(), &secret().api_keys())
    };
    (key, text.expose_secret().to_owned())
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and code of a refusal. Asserts the common form of refusals.
    pub(crate) fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        (self.status, self.body["code"].as_str().unwrap())
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
    Answer { status, headers, body }
}
