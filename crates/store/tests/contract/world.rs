//! Gives each test its own store, and helpers to fill it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leadgate_domain::id::SubmissionIdGenerator;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    ActiveScoring, ClientInfo, Consent, Dialect, DuplicatePolicy, Fields, Judge, NormalizedSubmission,
    Organization, Patch, Source, Submission, SubmissionId, Timestamp,
};
use leadgate_pipeline::Pipeline;
use leadgate_store::{CommitResult, Store, StoreConfig, SubmissionSummary};
use leadgate_testkit::SECRET;
use leadgate_testkit::servers::{PostgresServer, shared};

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) config: StoreConfig,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) organization: Organization,
    pub(crate) source: Arc<Source>,
    ids: SubmissionIdGenerator,
    clock: AtomicU64,
    pub(crate) folder: tempfile::TempDir,
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

pub(crate) async fn postgres() -> &'static PostgresServer {
    shared().postgres().await.unwrap()
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Self::at(StoreConfig::worker(url), folder).await
    }

    pub(crate) async fn postgres() -> Self {
        let url = postgres().await.database().await.unwrap();
        Self::at(StoreConfig::worker(url), tempfile::tempdir().unwrap()).await
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.config.url.starts_with("sqlite:")
    }

    pub(crate) async fn at(config: StoreConfig, folder: tempfile::TempDir) -> Self {
        let secret = RootSecret::new(SECRET, None).unwrap();
        let config = config.with_secret(&secret);
        let store = Store::open(&config).unwrap();
        store.migrate().await.unwrap();
        let pipeline = Arc::new(Pipeline::new(store.match_key().await.unwrap()));
        let organization = store.ensure_organization("acme").await.unwrap();
        let source = store
            .ensure_default_source(
                organization.id,
                &leadgate_dialect::protocol(Dialect::Native).source_defaults,
            )
            .await
            .unwrap();
        Self {
            store,
            config,
            pipeline,
            organization,
            source: Arc::new(source),
            ids: SubmissionIdGenerator::new(secret.ids()),
            clock: AtomicU64::new(0),
            folder,
        }
    }

    pub(crate) fn judge(&self) -> Arc<dyn Judge> {
        self.pipeline.clone()
    }

    /// A source of the same organization with the policy `update`.
    pub(crate) async fn updating_source(&self) -> Arc<Source> {
        let now = Timestamp::now();
        let mut source = Source::new(
            self.organization.id,
            &leadgate_dialect::protocol(Dialect::Native).source_defaults,
            Some("crm".into()),
            now,
        );
        source.policy = DuplicatePolicy::Update;
        self.store.create_source(&source).await.unwrap();
        Arc::new(source)
    }

    /// A submission with a phone. It is received later than all earlier ones.
    pub(crate) fn phone(&self, phone: &str) -> Submission {
        self.submission(Fields { phone: Patch::Value(phone.to_owned()), ..Fields::default() })
    }

    /// A submission of an eligible lead.
    pub(crate) fn eligible(&self, phone: &str, email: &str) -> Submission {
        let consent = Consent {
            consent_timestamp: Some("2026-01-01T00:00:00Z".into()),
            consent_text_version: Some("v1".into()),
            source_url: Some("https://example.com/form".into()),
            ..Consent::default()
        };
        self.submission(Fields {
            phone: Patch::Value(phone.to_owned()),
            email: Patch::Value(email.to_owned()),
            consent: Patch::Value(consent),
            ..Fields::default()
        })
    }

    pub(crate) fn submission(&self, fields: Fields) -> Submission {
        let tick = Duration::from_micros(self.clock.fetch_add(1, Ordering::Relaxed));
        let received_at = Timestamp::from_microseconds(1_790_000_000_000_000).plus(tick);
        let body = serde_json::to_vec(&fields).unwrap();
        let id = self.ids.make(self.organization.id, received_at);
        let client = ClientInfo { address: Some("192.0.2.1".into()), ..ClientInfo::default() };
        Submission { client, ..Submission::new(id, &self.source, received_at, fields, &body) }
    }

    /// The same submission, received now.
    pub(crate) fn received_now(&self, submission: Submission) -> Submission {
        let received_at = Timestamp::now();
        Submission { id: self.ids.make(self.organization.id, received_at), received_at, ..submission }
    }

    /// The same submission, received after an erasure of this moment and beyond the tolerance for clock skew.
    pub(crate) fn after_erasure(&self, submission: Submission) -> Submission {
        let received_at = Timestamp::now().plus(Duration::from_secs(31));
        Submission { received_at, ..self.received_now(submission) }
    }

    pub(crate) fn normalize(&self, submission: Submission) -> NormalizedSubmission {
        self.normalize_by(&self.source, submission)
    }

    /// Normalizes with the settings of another source.
    pub(crate) fn normalize_by(&self, source: &Arc<Source>, submission: Submission) -> NormalizedSubmission {
        self.pipeline.normalize(submission, Some(Arc::clone(source)), ActiveScoring::standard())
    }

    pub(crate) async fn commit(&self, submissions: &[Submission]) -> CommitResult {
        let batch: Vec<_> = submissions.iter().map(|submission| self.normalize(submission.clone())).collect();
        self.store.commit(batch, self.judge()).await.unwrap()
    }

    /// Runs SQL on a separate connection.
    pub(crate) async fn sql(&self, sql: &str) {
        use diesel::connection::{Connection, SimpleConnection};
        match self.config.url.strip_prefix("sqlite:") {
            Some(file) => {
                let mut connection = diesel::SqliteConnection::establish(file).unwrap();
                connection.batch_execute(&format!("PRAGMA busy_timeout = 5000; {sql}")).unwrap();
            }
            None => {
                postgres().await.sql(&self.config.url, sql).await.unwrap();
            }
        }
    }

    /// An id in SQL.
    pub(crate) fn id_literal(&self, id: impl Into<uuid::Uuid>) -> String {
        let id = id.into();
        match self.is_sqlite() {
            true => format!("x'{}'", id.simple()),
            false => format!("'{id}'"),
        }
    }

    /// A time in SQL.
    pub(crate) fn time_literal(&self, at: Timestamp) -> String {
        match self.is_sqlite() {
            true => at.as_microseconds().to_string(),
            false => format!("'{at}'"),
        }
    }

    /// The text of a column of ids in SQL.
    pub(crate) fn id_text(&self, column: &str) -> String {
        match self.is_sqlite() {
            true => format!("lower(hex({column}))"),
            false => format!("{column}::text"),
        }
    }

    /// Reads the text column `line` of a query on a separate connection.
    pub(crate) fn lines(&self, sql: &str) -> Vec<String> {
        use diesel::RunQueryDsl as _;
        use diesel::connection::Connection as _;
        let lines: Vec<Line> = match self.config.url.strip_prefix("sqlite:") {
            Some(file) => {
                let mut connection = diesel::SqliteConnection::establish(file).unwrap();
                diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).unwrap();
                diesel::sql_query(sql).load(&mut connection).unwrap()
            }
            None => {
                let mut connection = diesel::PgConnection::establish(&self.config.url).unwrap();
                diesel::sql_query(sql).load(&mut connection).unwrap()
            }
        };
        lines.into_iter().map(|line| line.line).collect()
    }

    /// The contents of all tables as text, followed by their decoded base64 values.
    pub(crate) fn dump(&self) -> String {
        let (tables, columns) = match self.is_sqlite() {
            true => (
                "SELECT name AS line FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
                "SELECT 'coalesce(iif(typeof(' || name || ') = ''blob'', hex(' || name || '), ' || name || '), '''')' AS line
                 FROM pragma_table_info('TABLE')",
            ),
            false => (
                "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public'",
                "SELECT 'TABLE::text' AS line",
            ),
        };
        let mut dump = String::new();
        for table in self.lines(tables) {
            let columns = self.lines(&columns.replace("TABLE", &table)).join(" || ' | ' || ");
            for line in self.lines(&format!("SELECT '{table}: ' || {columns} AS line FROM {table}")) {
                dump.push_str(&line);
                dump.push('\n');
            }
        }
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let encoded = dump.split(|c| !is_base64(c)).filter(|word| word.len() > 40);
        let decoded = encoded.filter_map(|word| STANDARD.decode(word).ok());
        let decoded: String = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
        dump + &decoded
    }

    /// Waits until the task waits for a lock. Returns at once on SQLite, which has only one writer.
    pub(crate) async fn wait_until_blocked_or_done<T>(&self, task: &tokio::task::JoinHandle<T>) {
        if self.is_sqlite() {
            return;
        }
        let waiting = "select count(*) from pg_stat_activity \
                       where datname = current_database() and wait_event_type = 'Lock'";
        while !task.is_finished() {
            if postgres().await.sql(&self.config.url, waiting).await.unwrap().trim() != "0" {
                return;
            }
        }
    }

    /// Waits until the task queries the running commits. Returns at once on SQLite, which has only one
    /// writer.
    pub(crate) async fn wait_until_it_queries_commits<T>(&self, task: &tokio::task::JoinHandle<T>) {
        if self.is_sqlite() {
            return;
        }
        let querying = "select count(*) from pg_stat_activity \
                       where datname = current_database() and query like '%l.virtualtransaction%' \
                       and pid <> pg_backend_pid()";
        while !task.is_finished() {
            if postgres().await.sql(&self.config.url, querying).await.unwrap().trim() != "0" {
                return;
            }
        }
    }

    /// All stored submissions.
    pub(crate) async fn stored_submissions(&self) -> Vec<SubmissionSummary> {
        let (mut all, mut after): (Vec<SubmissionSummary>, Option<SubmissionId>) = (Vec::new(), None);
        loop {
            let page = self.store.submissions(self.organization.id, after, 100).await.unwrap();
            all.extend(page.data);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }
}

/// Runs each test of a file on both databases.
macro_rules! over_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                $crate::explain::watch();
                super::$name($crate::world::World::sqlite().await).await;
                $crate::explain::check();
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::world::World::postgres().await).await;
            })+
        }
    };
}
pub(crate) use over_both;
