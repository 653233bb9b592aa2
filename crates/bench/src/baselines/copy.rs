//! The baseline `copy`: PostgreSQL takes the rows of stored leads by `COPY`, without any program that decides about
//! them.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use leadgate_testkit::servers::PostgresServer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::figures::float;
use crate::installation::BenchInstallation;

/// The leads of one transaction, like a batch of a worker.
const BATCH: usize = 512;
const CONNECTIONS: usize = 4;
/// A table with fewer rows for each lead is not written by every batch.
const MIN_ROWS_PER_LEAD: f64 = 0.5;

/// The tables of the database.
const TABLES: &str =
    "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'";

/// Transactions of `COPY` with the rows of stored leads, and an empty database with the same tables and indexes.
#[derive(Debug)]
pub(crate) struct CopyBaseline<'s> {
    postgres: &'s PostgresServer,
    template: String,
    leads: usize,
    transactions: Vec<Vec<u8>>,
}

impl<'s> CopyBaseline<'s> {
    /// Reads the rows of an installation whose submissions each created a lead.
    pub(crate) async fn read(
        postgres: &'s PostgresServer,
        installation: &BenchInstallation,
    ) -> anyhow::Result<Self> {
        let (_, database) = installation.distributed_site()?;
        let leads: usize = postgres.sql(database, "select count(*) from leads").await?.trim().parse()?;
        ensure!(leads > 0, "there are no leads to copy");
        let count = leads.div_ceil(BATCH);
        let mut transactions = vec![b"begin;\n".to_vec(); count];
        for table in postgres.sql(database, TABLES).await?.lines() {
            let rows = postgres.sql(database, &format!("copy (select * from {table}) to stdout")).await?;
            let rows: Vec<&str> = rows.split_inclusive('\n').collect();
            if float(u64::try_from(rows.len())?) < MIN_ROWS_PER_LEAD * float(u64::try_from(leads)?) {
                continue;
            }
            for (transaction, rows) in transactions.iter_mut().zip(rows.chunks(rows.len().div_ceil(count))) {
                transaction.extend(format!("copy {table} from stdin;\n").as_bytes());
                rows.iter().for_each(|row| transaction.extend(row.as_bytes()));
                transaction.extend(b"\\.\n");
            }
        }
        transactions.iter_mut().for_each(|transaction| transaction.extend(b"commit;\n"));
        let template = migrated_database(postgres, installation).await?;
        Ok(Self { postgres, template, leads, transactions })
    }

    /// Copies all rows into a new database over four connections. Returns leads per second.
    pub(crate) async fn round(&self) -> anyhow::Result<f64> {
        let name = format!("copy_{}", uuid::Uuid::now_v7().simple());
        let (server, template) = self.template.rsplit_once('/').context("the URL has no database")?;
        let create = format!("create database {name} template {template}");
        self.postgres.sql(self.postgres.url(), &create).await?;
        let url = format!("{server}/{name}");
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(connect(self.postgres.psql(&url)).await?);
        }
        let mut inputs = vec![Vec::new(); CONNECTIONS];
        for (transaction, client) in self.transactions.iter().zip((0..CONNECTIONS).cycle()) {
            inputs.get_mut(client).context("more clients than connections")?.extend(transaction);
        }
        let started = Instant::now();
        let mut running = JoinSet::new();
        for (client, input) in clients.into_iter().zip(inputs) {
            running.spawn(run(client, input));
        }
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        let took = started.elapsed();
        let leads: usize = self.postgres.sql(&url, "select count(*) from leads").await?.trim().parse()?;
        ensure!(leads == self.leads, "{leads} of {} leads were copied", self.leads);
        self.postgres.drop_database(&url).await?;
        Ok(float(u64::try_from(self.leads)?) / took.as_secs_f64())
    }
}

/// An empty database with the schema of the installation's programs.
async fn migrated_database(
    postgres: &PostgresServer,
    installation: &BenchInstallation,
) -> anyhow::Result<String> {
    let database = postgres.database().await?;
    let mut environment = installation.environment.clone();
    environment.push(("LEADGATE_STORE_URL".to_owned(), database.clone()));
    installation.programs.cli(&["migrate"], &environment).await?;
    Ok(database)
}

/// Starts `psql` and waits until it is connected.
async fn connect(mut psql: Command) -> anyhow::Result<Child> {
    psql.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut client = psql.spawn()?;
    client.stdin.as_mut().context("psql has no input")?.write_all(b"select 'connected';\n").await?;
    let output = client.stdout.as_mut().context("psql has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).await?;
    ensure!(line.trim() == "connected", "psql wrote {line:?}");
    Ok(client)
}

async fn run(mut client: Child, input: Vec<u8>) -> anyhow::Result<()> {
    let mut stdin = client.stdin.take().context("psql has no input")?;
    stdin.write_all(&input).await?;
    drop(stdin);
    let status = client.wait().await?;
    ensure!(status.success(), "psql ended with {status}");
    Ok(())
}
