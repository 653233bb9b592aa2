//! A separate installation for each test: real programs, a database, a virtual host and a key prefix.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use leadgate_domain::OrganizationId;
use leadgate_store::{Store, StoreConfig};
use leadgate_testkit::logs::TestProcess;
use leadgate_testkit::oracle::{LeadClient, ObservedSubmission, Oracle, RequestState};
use leadgate_testkit::proxy::Proxy;
use leadgate_testkit::servers::{PostgresServer, RabbitMqServer, RedisServer, Vhost, shared};
use leadgate_testkit::{free_port, http_client};
use serde_json::Value;

const LEADGATE: &str = env!("CARGO_BIN_EXE_leadgate");
const GATEWAY: &str = env!("CARGO_BIN_EXE_leadgate-gateway");
const WORKER: &str = env!("CARGO_BIN_EXE_leadgate-worker");
const DISPATCHER: &str = env!("CARGO_BIN_EXE_leadgate-dispatcher");

/// How long a test waits for something that normally takes a moment.
pub const TIMEOUT: Duration = Duration::from_secs(180);

/// Longer time limits than the defaults: on a busy machine a confirm or a reply can take more than a few seconds.
const PATIENT: [(&str, &str); 2] =
    [("LEADGATE_QUEUE_CONFIRM_TIMEOUT", "20s"), ("LEADGATE_GATEWAY_REPLY_TIMEOUT", "20s")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Embedded,
    Distributed,
}

/// The servers of the distributed shape: shared by all tests, or private ones that a test breaks.
pub struct Servers<'s> {
    pub postgres: &'s PostgresServer,
    pub rabbitmq: &'s RabbitMqServer,
    pub redis: &'s RedisServer,
}

impl Servers<'static> {
    pub async fn shared() -> Self {
        Self {
            postgres: shared().postgres().await.unwrap(),
            rabbitmq: shared().rabbitmq().await.unwrap(),
            redis: shared().redis().await.unwrap(),
        }
    }
}

/// Additional environment variables of a test.
pub type Settings<'s> = &'s [(&'s str, &'s str)];

pub struct World {
    pub shape: Shape,
    pub base: String,
    pub key: String,
    pub organization: OrganizationId,
    pub store: Store,
    pub vhost: Option<Vhost>,
    /// The gateway, or the single process of the embedded shape.
    pub server: TestProcess,
    pub workers: Vec<TestProcess>,
    name: String,
    environment: Vec<(String, String)>,
    port: u16,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn start(shape: Shape, name: &str) -> Self {
        Self::start_with(shape, name, &[]).await
    }

    pub async fn start_with(shape: Shape, name: &str, settings: Settings<'_>) -> Self {
        match shape {
            Shape::Embedded => Self::embedded_with(name, settings).await,
            Shape::Distributed => Self::distributed_with(name, &Servers::shared().await, 2, settings).await,
        }
    }

    pub async fn embedded(name: &str) -> Self {
        Self::embedded_with(name, &[]).await
    }

    async fn embedded_with(name: &str, settings: Settings<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("store.db").display());
        let mut environment = vec![variable("LEADGATE_DATA", folder.path().display())];
        environment.extend(PATIENT.map(|(name, value)| variable(name, value)));
        environment.extend(settings.iter().map(|(name, value)| variable(name, value)));
        Self::build(Shape::Embedded, name, folder, environment, &store, None).await
    }

    /// The distributed shape with the given servers.
    pub async fn distributed(name: &str, servers: &Servers<'_>, workers: usize) -> Self {
        Self::distributed_with(name, servers, workers, &[]).await
    }

    pub async fn distributed_with(
        name: &str,
        servers: &Servers<'_>,
        workers: usize,
        settings: Settings<'_>,
    ) -> Self {
        let vhost = servers.rabbitmq.vhost().await.unwrap();
        let database = servers.postgres.database().await.unwrap();
        let (redis, prefix) = servers.redis.url_with_prefix();
        let mut environment = vec![
            variable("LEADGATE_STORE_URL", &database),
            variable("LEADGATE_QUEUE_URL", &vhost.amqp_url),
            variable("LEADGATE_LIMITER_URL", redis),
            variable("LEADGATE_LIMITER_PREFIX", prefix),
            variable("LEADGATE_SECRET", "only a test's secret, but long enough for one"),
        ];
        environment.extend(PATIENT.map(|(name, value)| variable(name, value)));
        environment.extend(settings.iter().map(|(name, value)| variable(name, value)));
        let folder = tempfile::tempdir().unwrap();
        let mut world =
            Self::build(Shape::Distributed, name, folder, environment, &database, Some(vhost)).await;
        for _ in 0..workers {
            world.start_worker().await;
        }
        world
    }

    async fn build(
        shape: Shape,
        name: &str,
        folder: tempfile::TempDir,
        environment: Vec<(String, String)>,
        store: &str,
        vhost: Option<Vhost>,
    ) -> Self {
        let port = free_port().unwrap();
        run(&environment, &["migrate"]).await;
        let create = ["key", "create", "--organization", "acme", "--create-organization"];
        let created = run(&environment, &[&create[..], &["--rate", "10000000/min"]].concat()).await;
        let store = Store::open(&StoreConfig::api(store)).unwrap();
        let organization = store.organization_named("acme").await.unwrap().unwrap().id;
        let server = start_server_process(shape, name, &environment, port).await;
        Self {
            shape,
            base: format!("http://127.0.0.1:{port}"),
            key: created["key"].as_str().unwrap().to_owned(),
            organization,
            store,
            vhost,
            server,
            workers: Vec::new(),
            name: name.to_owned(),
            environment,
            port,
            _folder: folder,
        }
    }

    /// The embedded shape with an existing data folder and a key of its store.
    pub async fn with_data_folder(
        folder: tempfile::TempDir,
        environment: Vec<(String, String)>,
        key: String,
    ) -> Self {
        let data = &environment.iter().find(|(name, _)| name == "LEADGATE_DATA").unwrap().1;
        let store = Store::open(&StoreConfig::api(format!("sqlite:{data}/store.db"))).unwrap();
        let organization = store.organization_named("acme").await.unwrap().unwrap().id;
        let port = free_port().unwrap();
        let name = "restored".to_owned();
        Self {
            shape: Shape::Embedded,
            base: format!("http://127.0.0.1:{port}"),
            key,
            organization,
            store,
            vhost: None,
            server: start_server_process(Shape::Embedded, &name, &environment, port).await,
            workers: Vec::new(),
            name,
            environment,
            port,
            _folder: folder,
        }
    }

    pub async fn start_worker(&mut self) {
        let name = format!("{}-worker", self.name);
        self.workers.push(spawn(&name, WORKER, &[], &self.environment));
    }

    /// Starts a dispatcher. The embedded shape has one.
    pub fn start_dispatcher(&self) -> TestProcess {
        spawn(&format!("{}-dispatcher", self.name), DISPATCHER, &[], &self.environment)
    }

    /// The database of the distributed shape.
    pub fn store_url(&self) -> &str {
        &self.environment.iter().find(|(name, _)| name == "LEADGATE_STORE_URL").unwrap().1
    }

    /// Programs that are started after this call connect to the database through the proxy.
    pub fn use_database_proxy(&mut self, proxy: &Proxy) {
        let mut proxied_url = reqwest::Url::parse(self.store_url()).unwrap();
        proxied_url.set_port(Some(proxy.port())).unwrap();
        self.set("LEADGATE_STORE_URL", proxied_url.as_str());
    }

    /// Programs that are started after this call have this setting.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push(variable(name, value));
    }

    /// Starts the server again, with the same address and data.
    pub async fn start_server(&mut self) {
        self.server = start_server_process(self.shape, &self.name, &self.environment, self.port).await;
    }

    /// Starts another gateway, with its own settings.
    pub async fn start_gateway(&self, settings: Settings<'_>) -> Gateway {
        let mut environment = self.environment.clone();
        environment.extend(settings.iter().map(|(name, value)| variable(name, value)));
        let (name, port) = (format!("{}-gateway", self.name), free_port().unwrap());
        let process = start_server_process(Shape::Distributed, &name, &environment, port).await;
        Gateway { base: format!("http://127.0.0.1:{port}"), process, name, environment, port }
    }

    /// Runs `leadgate --json …` while the programs run.
    pub async fn cli(&self, arguments: &[&str]) -> Value {
        run(&self.environment, arguments).await
    }

    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    pub fn client(&self) -> LeadClient {
        LeadClient::new(&self.base, &self.key).timeout(Duration::from_secs(30))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let request = http().get(format!("{}{path}", self.base)).bearer_auth(&self.key);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    pub async fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = http().post(format!("{}/v1/leads", self.base)).bearer_auth(&self.key);
        request.header("content-type", "application/json").body(body).send().await.unwrap()
    }

    /// All submissions of the organization in the store.
    pub async fn observed_submissions(&self) -> Vec<ObservedSubmission> {
        let mut observed = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.submissions(self.organization, after, 5_000).await.unwrap();
            observed.extend(page.data.iter().filter_map(|summary| {
                let outcome =
                    serde_json::from_value(serde_json::to_value(summary.outcome?).unwrap()).unwrap();
                Some(ObservedSubmission {
                    submission: summary.id.as_uuid(),
                    body_hash: summary.body_hash.to_string(),
                    outcome,
                    lead: summary.lead.map(|lead| lead.as_uuid()),
                })
            }));
            match page.next {
                Some(next) => after = Some(next),
                None => return observed,
            }
        }
    }

    /// Waits until all acknowledged submissions have an outcome or the time is over. Returns all stored
    /// submissions.
    pub async fn wait_until_processed(&self, oracle: &Oracle) -> Vec<ObservedSubmission> {
        let deadline = Instant::now() + TIMEOUT * 3;
        loop {
            let observed = self.observed_submissions().await;
            let stored: BTreeSet<_> = observed.iter().map(|submission| submission.submission).collect();
            let is_missing =
                |state: &RequestState| matches!(state, RequestState::Acked(id) if !stored.contains(id));
            let missing = oracle.states().iter().filter(|state| is_missing(state)).count();
            if missing == 0 || Instant::now() > deadline {
                return observed;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// An additional gateway of an installation.
pub struct Gateway {
    pub base: String,
    pub process: TestProcess,
    name: String,
    environment: Vec<(String, String)>,
    port: u16,
}

impl Gateway {
    /// Starts the gateway again, with the same address.
    pub async fn start_again(&mut self) {
        self.process =
            start_server_process(Shape::Distributed, &self.name, &self.environment, self.port).await;
    }
}

fn variable(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

pub fn http() -> reqwest::Client {
    http_client()
}

async fn start_server_process(
    shape: Shape,
    name: &str,
    environment: &[(String, String)],
    port: u16,
) -> TestProcess {
    let listen = format!("127.0.0.1:{port}");
    let (program, arguments) = match shape {
        Shape::Embedded => (LEADGATE, vec!["serve", "--listen", &listen]),
        Shape::Distributed => (GATEWAY, vec!["--listen", &listen]),
    };
    let process = spawn(name, program, &arguments, environment);
    process.await_ready(&format!("http://{listen}"), TIMEOUT).await.unwrap();
    process
}

fn spawn(name: &str, program: &str, arguments: &[&str], environment: &[(String, String)]) -> TestProcess {
    let mut command = Command::new(program_path(program));
    command.args(arguments).envs(environment.iter().cloned());
    TestProcess::spawn(name, &command).unwrap()
}

/// The program of this build, or that of the same name in the folder `LEADGATE_TEST_PROGRAMS`.
fn program_path(program: &str) -> PathBuf {
    let folder = std::env::var_os("LEADGATE_TEST_PROGRAMS").map(PathBuf::from);
    let name = Path::new(program).file_name().unwrap();
    folder.map_or_else(|| program.into(), |folder| folder.join(name))
}

/// Runs `leadgate --json`, expects success, and returns its output.
pub async fn run(environment: &[(String, String)], arguments: &[&str]) -> Value {
    let (ok, output) = try_run(environment, arguments).await;
    assert!(ok, "leadgate {arguments:?}: {output}");
    output
}

/// Runs `leadgate --json`. Returns whether it succeeded, and its output.
pub async fn try_run(environment: &[(String, String)], arguments: &[&str]) -> (bool, Value) {
    let (code, output) = run_with_exit_code(environment, arguments).await;
    (code == 0, output)
}

/// Runs `leadgate --json`. Returns its exit code and its output.
pub async fn run_with_exit_code(environment: &[(String, String)], arguments: &[&str]) -> (i32, Value) {
    let mut command = tokio::process::Command::new(program_path(LEADGATE));
    command.arg("--json").args(arguments).envs(environment.iter().cloned());
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let document = serde_json::from_str(text.trim()).unwrap_or_else(|_| {
        panic!("no JSON from {arguments:?}: {text} {}", String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code().unwrap(), document)
}

/// Runs `leadgate` without `--json`. Returns its standard output and standard error.
pub async fn run_as_text(environment: &[(String, String)], arguments: &[&str]) -> (String, String) {
    let mut command = tokio::process::Command::new(program_path(LEADGATE));
    let output = command.args(arguments).envs(environment.iter().cloned()).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

/// Repeats `attempt` until it returns a value, or panics after [`TIMEOUT`].
pub async fn until<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(Instant::now() < deadline, "timeout while waiting for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
