//! An installation: programs of one revision with their own database, virtual host and key prefix, or with their
//! own data folder.

mod backlog;
mod queue;
mod workers;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use leadgate_testkit::logs::TestProcess;
use leadgate_testkit::oracle::{ObservedOutcome, OracleReport};
use leadgate_testkit::servers::Vhost;
use leadgate_testkit::{SECRET, free_port};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::load::{End, LeadTemplate, Load, LoadReport, native_body};
use crate::page::ResultPage;
use crate::programs::ProgramFolder;
use crate::servers::BenchServers;

use workers::RunningWorker;

/// The organization of an installation.
pub(crate) const ORGANIZATION: &str = "acme";
/// A limit that no load reaches.
const UNLIMITED: &str = "10000000/min";
/// The time in which a process must be ready, or must end.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the leads of an installation are.
#[derive(Debug)]
enum Site {
    Embedded,
    Distributed { vhost: Vhost, database: String },
}

/// Running programs with an organization and a key.
#[derive(Debug)]
pub(crate) struct BenchInstallation {
    /// `host:port` of the gateway.
    pub(crate) address: String,
    /// An organization-wide key without a limit.
    pub(crate) key: String,
    pub(crate) programs: ProgramFolder,
    pub(crate) environment: Vec<(String, String)>,
    site: Site,
    server: Option<TestProcess>,
    workers: Vec<RunningWorker>,
    /// Committed by workers that were stopped.
    committed_before: u64,
    ledger: Ledger,
    next_person: u64,
    folder: TempDir,
}

impl BenchInstallation {
    /// The distributed shape, without workers.
    pub(crate) async fn distributed(
        servers: &BenchServers,
        programs: &ProgramFolder,
    ) -> anyhow::Result<Self> {
        let vhost = servers.rabbitmq.vhost().await?;
        let database = servers.postgres.database().await?;
        let (redis, prefix) = servers.redis.url_with_prefix();
        let environment = [
            ("LEADGATE_STORE_URL", database.as_str()),
            ("LEADGATE_QUEUE_URL", &vhost.amqp_url),
            ("LEADGATE_QUEUE_MANAGEMENT_URL", &vhost.management_url()),
            ("LEADGATE_LIMITER_URL", &redis),
            ("LEADGATE_LIMITER_PREFIX", &prefix),
            ("LEADGATE_SECRET", SECRET),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::start(
            programs,
            environment.to_vec(),
            Site::Distributed { vhost, database },
            tempfile::tempdir()?,
        )
        .await
    }

    /// The embedded shape.
    pub(crate) async fn embedded(programs: &ProgramFolder) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().display().to_string();
        Self::start(programs, vec![("LEADGATE_DATA".to_owned(), data)], Site::Embedded, folder).await
    }

    async fn start(
        programs: &ProgramFolder,
        environment: Vec<(String, String)>,
        site: Site,
        folder: TempDir,
    ) -> anyhow::Result<Self> {
        programs.cli(&["migrate"], &environment).await?;
        let mut installation = Self {
            address: format!("127.0.0.1:{}", free_port()?),
            key: String::new(),
            programs: programs.clone(),
            environment,
            site,
            server: None,
            workers: Vec::new(),
            committed_before: 0,
            ledger: Ledger::default(),
            next_person: 0,
            folder,
        };
        installation.key = installation.create_organization(ORGANIZATION).await?;
        let server = TestProcess::spawn("bench-server", &installation.server_command())?;
        server.await_ready(&format!("http://{}", installation.address), PROCESS_TIMEOUT).await?;
        installation.server = Some(server);
        Ok(installation)
    }

    /// Creates an organization, and returns a key without a limit.
    pub(crate) async fn create_organization(&self, name: &str) -> anyhow::Result<String> {
        let arguments = ["key", "create", "--organization", name, "--rate", UNLIMITED];
        // Older programs create an organization without the option, and refuse it.
        let created = match self.cli(&[&arguments[..], &["--create-organization"]].concat()).await {
            Ok(created) => created,
            Err(_) => self.cli(&arguments).await?,
        };
        text(&created, "key")
    }

    /// Creates a source with these options, and returns its id and a key for it.
    pub(crate) async fn create_source(&self, options: &[&str]) -> anyhow::Result<(String, String)> {
        let create = ["source", "create", "--organization", ORGANIZATION, "--dialect", "native"];
        let source = text(&self.cli(&[&create[..], options].concat()).await?, "id")?;
        let key = ["key", "create", "--organization", ORGANIZATION, "--rate", UNLIMITED, "--source", &source];
        let key = text(&self.cli(&key).await?, "key")?;
        Ok((source, key))
    }

    /// Sets the mapping of a source, in TOML.
    pub(crate) async fn set_mapping(&self, source: &str, mapping: &str) -> anyhow::Result<()> {
        let file = self.folder.path().join("mapping.toml");
        std::fs::write(&file, mapping)?;
        let file = file.to_str().context("the folder of temporary files is not UTF-8")?;
        self.cli(&["mapping", "set", "--source", source, "--organization", ORGANIZATION, file])
            .await
            .map(drop)
    }

    /// Runs `leadgate` with these arguments.
    pub(crate) async fn cli(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.programs.cli(arguments, &self.environment).await
    }

    /// Starts the gateway, or the single process of the embedded shape.
    pub(crate) fn server_command(&self) -> std::process::Command {
        let listen = ["--listen", &self.address];
        match self.site {
            Site::Embedded => {
                self.programs.command("leadgate", &[&["serve"], &listen[..]].concat(), &self.environment)
            }
            Site::Distributed { .. } => self.programs.command("leadgate-gateway", &listen, &self.environment),
        }
    }

    /// Stops the gateway, or the single process of the embedded shape.
    pub(crate) async fn stop_server(&mut self) -> anyhow::Result<()> {
        let server = self.server.take().context("the gateway is stopped already")?;
        server.terminate(PROCESS_TIMEOUT).await.map(drop)
    }

    /// The highest memory of the gateway so far, in MB.
    pub(crate) fn gateway_memory_mb(&self) -> anyhow::Result<f64> {
        crate::machine::peak_memory_mb(self.server.as_ref().context("the gateway is stopped")?.pid()?)
    }

    /// Plain leads with the key of the installation.
    pub(crate) fn template(&self) -> LeadTemplate {
        LeadTemplate::new(&self.key, &native_body("Acme"))
    }

    /// A load of people who were not posted before.
    pub(crate) fn load(&self, template: LeadTemplate, connections: usize, end: End) -> Load {
        let load = Load::closed_loop(&self.address, template, connections, end);
        Load { first_person: self.next_person, ..load }
    }

    /// The number of submissions that were acknowledged.
    pub(crate) fn accepted(&self) -> usize {
        self.ledger.expected()
    }

    /// Runs a load and records its responses.
    pub(crate) async fn post(&mut self, load: Load) -> anyhow::Result<LoadReport> {
        let first = load.first_person;
        let report = load.run().await?;
        self.record(first, &report);
        Ok(report)
    }

    /// Records the responses to a load, whose first post was about `first_person`.
    pub(crate) fn record(&mut self, first_person: u64, report: &LoadReport) {
        let sent = report.accepted + report.refused.values().sum::<u64>() + report.unanswered;
        self.next_person = self.next_person.max(first_person + sent);
        self.ledger.record(report);
    }

    /// Waits until running workers have committed everything, and checks that all acknowledged submissions are
    /// stored or were in the queue. Then it ends the programs and deletes their data.
    pub(crate) async fn finish(
        mut self,
        servers: &BenchServers,
        what: &str,
        page: &mut ResultPage,
    ) -> anyhow::Result<()> {
        if matches!(self.site, Site::Embedded) || !self.workers.is_empty() {
            self.await_all_committed().await?;
        }
        self.stop_workers().await?;
        self.empty_queue().await?;
        let (conserved, counts) = match &self.site {
            Site::Embedded => self.compare_with_report().await?,
            Site::Distributed { database, .. } => self.compare_with_outcomes(servers, database).await?,
        };
        let (revision, refusals) = (&self.programs.revision, self.ledger.refusals());
        page.add_conservation(conserved, format!("{what}, {revision}: {counts}; {refusals}"));
        drop(self.server);
        if let Site::Distributed { vhost, database } = self.site {
            // Millions of leads need the disk for the next scenarios.
            servers.postgres.drop_database(&database).await?;
            vhost.remove().await?;
        }
        Ok(())
    }

    /// Compares all ids.
    async fn compare_with_outcomes(
        &self,
        servers: &BenchServers,
        database: &str,
    ) -> anyhow::Result<(bool, String)> {
        let sql = "select distinct on (submission) submission, outcome from outcomes \
                   order by submission, revision desc";
        let rows = servers.postgres.sql(database, sql).await?;
        let report = self.ledger.check(rows.lines().map(stored_outcome).collect::<anyhow::Result<_>>()?);
        let OracleReport { acked, stored, duplicate, quarantined, parked: dequeued, recovered, .. } = report;
        let OracleReport { lost, duplicated, unexpected, .. } = report;
        let counts = format!(
            "{acked} acked; {stored} stored, {duplicate} duplicate, {quarantined} quarantined, {dequeued} taken out \
             of the queue, of which {recovered} without a response; {lost} lost, {duplicated} duplicated, \
             {unexpected} unexpected"
        );
        Ok((report.is_conserved(), counts))
    }

    /// Compares only the number of submissions: the file of the embedded store has no client here.
    async fn compare_with_report(&self) -> anyhow::Result<(bool, String)> {
        let report = self.cli(&["report", "intake", "--organization", ORGANIZATION]).await?;
        let stored =
            report.get("accepted").and_then(Value::as_u64).context("the report has no `accepted`")?;
        let (acked, uncertain) = (u64::try_from(self.ledger.expected())?, self.ledger.uncertain());
        Ok(((acked..=acked + uncertain).contains(&stored), format!("{acked} acked; {stored} stored")))
    }

    /// The tables and indexes of the database, largest first, each with its bytes on disk.
    pub(crate) async fn disk_sizes(&self, servers: &BenchServers) -> anyhow::Result<Vec<(String, u64)>> {
        let (_, database) = self.distributed_site()?;
        let sql = "select relname, pg_table_size(oid) from pg_class \
                   where relnamespace = 'public'::regnamespace and relkind in ('r', 'i') order by 2 desc";
        let sizes = servers.postgres.sql(database, sql).await?;
        let size = |line: &str| -> anyhow::Result<_> {
            let (relation, bytes) = line.split_once('|').context("a relation without a size")?;
            Ok((relation.to_owned(), bytes.parse()?))
        };
        sizes.lines().map(size).collect()
    }

    /// The database and the broker of the distributed shape.
    pub(crate) fn distributed_site(&self) -> anyhow::Result<(&Vhost, &str)> {
        match &self.site {
            Site::Distributed { vhost, database } => Ok((vhost, database)),
            Site::Embedded => anyhow::bail!("the embedded shape has no servers"),
        }
    }
}

fn text(document: &Value, member: &str) -> anyhow::Result<String> {
    let text = document.get(member).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("no `{member}` in {document}"))
}

fn stored_outcome(row: &str) -> anyhow::Result<(Uuid, ObservedOutcome)> {
    let (submission, outcome) = row.split_once('|').context("a row without an outcome")?;
    ensure!(submission.len() == 36, "the id of a submission is `{submission}`");
    Ok((Uuid::try_parse(submission)?, serde_json::from_value(Value::from(outcome))?))
}
