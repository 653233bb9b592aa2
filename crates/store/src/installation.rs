//! The data of the installation: its schema, match key, generation, epoch and number of shards.

use leadgate_domain::sealing_key::{SealingKey, SecretVersion};
use leadgate_domain::secret::MatchKey;
use leadgate_domain::{ApiKey, Organization, Source, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::connection::StoreConnection;
use crate::error::{StoreError, TransactionError};
use crate::keys::KeyRow;
use crate::organizations::OrganizationRow;
use crate::rows::ChangedSince;
use crate::sources::SourceRow;
use crate::store::Store;

/// Changed rows per statement: the database returns a result as a whole.
const CHANGES_AT_ONCE: usize = 5_000;

/// The changes of the directory after a generation.
#[derive(Debug, Clone)]
pub struct DirectoryChanges {
    /// The generation to pass to the next call.
    pub generation: i64,
    /// The number of broker queues for leads.
    pub shards: u16,
    pub organizations: Vec<Organization>,
    pub sources: Vec<Source>,
    /// Including revoked keys.
    pub keys: Vec<ApiKey>,
    /// The epoch, which changes after each restore of a backup.
    pub epoch: Uuid,
    /// The time by the database's clock, if it is not this machine's clock.
    pub now: Option<Timestamp>,
}

#[derive(Deserialize)]
pub(crate) struct InstallationRow {
    match_key: String,
    shards: u16,
    generation: i64,
    epoch: Uuid,
    now: Option<Timestamp>,
}

#[derive(Serialize)]
struct NewInstallationRow {
    match_key: String,
    epoch: Uuid,
}

#[derive(Serialize, Clone, Copy)]
struct EpochRow {
    epoch: Uuid,
}

#[derive(Serialize)]
struct ShardsRow {
    shards: u16,
}

/// The same key under another secret.
#[derive(Serialize)]
struct MatchKeyRow {
    before: String,
    match_key: String,
}

impl Store {
    /// Migrates the schema to this build, and initializes a new installation. It does nothing if the schema
    /// is current. Several processes may call it at once, while workers of the previous build run.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let (store, sealing) = (self.clone(), self.sealing()?);
        let migrate = move || {
            let found = |session: &mut StoreConnection| create_installation(session, &sealing);
            match store {
                Self::Postgres(store) => store.address.migrate(found),
                Self::Sqlite(store) => store.address.migrate(found),
            }
        };
        tokio::task::spawn_blocking(migrate).await.map_err(|_| StoreError::Panicked)??;
        self.match_key().await.map(drop)
    }

    /// Checks that the store is reachable and has all migrations that this build needs.
    pub async fn check(&self) -> Result<(), StoreError> {
        let needed = match self {
            Self::Postgres(_) => crate::postgres::PostgresAddress::versions(),
            Self::Sqlite(_) => crate::sqlite::SqliteAddress::versions(),
        };
        let run: Vec<String> =
            self.read(|session| session.load_all(session.sql.installation.migrations)).await?;
        if needed.iter().all(|version| run.contains(version)) { Ok(()) } else { Err(StoreError::NotMigrated) }
    }

    /// The current time by the database's clock.
    pub(crate) async fn now(&self) -> Result<Timestamp, StoreError> {
        self.read(|session| session.now()).await
    }

    /// The key for the hashes of claims and suppressions. After a rotation of the secret, the first program
    /// that decrypts the key with the previous secret encrypts it with the current one.
    pub async fn match_key(&self) -> Result<MatchKey, StoreError> {
        let (sealing, before) = (self.sealing()?, self.read(installation).await?.match_key);
        let opened = MatchKey::open(&before, &sealing);
        let (key, by) = opened.ok_or_else(|| StoreError::WrongSecret { store: self.name() })?;
        if by == SecretVersion::Previous {
            let row = MatchKeyRow { match_key: seal(&key, &sealing)?, before };
            self.write(move |session| {
                session.execute(session.sql.installation.reseal, std::slice::from_ref(&row)).map(drop)
            })
            .await?;
            tracing::info!("the match key is sealed under the current secret");
        }
        Ok(key)
    }

    /// The generation, which grows with every change of an organization, a source, a key or the number of
    /// shards.
    pub async fn generation(&self) -> Result<i64, StoreError> {
        Ok(self.read(installation).await?.generation)
    }

    /// The number of broker queues for leads.
    pub async fn shards(&self) -> Result<u16, StoreError> {
        Ok(self.read(installation).await?.shards)
    }

    /// Raises the number of shards. A smaller number changes nothing, because a shard may still contain
    /// leads.
    pub async fn raise_shards(&self, shards: u16) -> Result<(), StoreError> {
        self.write(move |session| {
            session.execute(session.sql.installation.raise_shards, &[ShardsRow { shards }]).map(drop)
        })
        .await
    }

    /// The changes after `generation`. With -1: everything.
    pub async fn changes_since(&self, generation: i64) -> Result<DirectoryChanges, StoreError> {
        self.read(move |session| {
            // Before the rows: a change between the two is then reported twice, not never.
            let InstallationRow { generation: current, shards, epoch, now, .. } = installation(session)?;
            let (mut organizations, mut sources, mut keys) = (Vec::new(), Vec::new(), Vec::new());
            if current > generation {
                organizations = organizations_since(session, generation)?;
                sources = load_since(session, session.sql.sources.since, generation, &nil())?;
                keys = load_since(session, session.sql.keys.since, generation, "")?;
            }
            Ok(DirectoryChanges {
                generation: current,
                shards,
                organizations: organizations.into_iter().map(Organization::from).collect(),
                sources: sources.into_iter().filter_map(SourceRow::read).collect(),
                keys: keys.into_iter().filter_map(KeyRow::read).collect(),
                epoch,
                now,
            })
        })
        .await
    }

    /// Must be called after a restore of a backup: the idempotency markers of gateways may refer to
    /// submissions that the store no longer contains.
    pub async fn renew_epoch(&self) -> Result<(), StoreError> {
        let row = EpochRow { epoch: Uuid::now_v7() };
        self.write(move |session| session.execute(session.sql.installation.renew, &[row])).await.map(drop)
    }
}

/// The organizations that changed after a generation.
pub(crate) fn organizations_since(
    session: &mut StoreConnection,
    generation: i64,
) -> Result<Vec<OrganizationRow>, TransactionError> {
    load_since(session, session.sql.organizations.since, generation, &nil())
}

/// The rows that changed after a generation, page by page. `first` comes before every id. A row that changes
/// meanwhile is read again at its new place, or at the next refresh.
fn load_since<Row: DeserializeOwned>(
    session: &mut StoreConnection,
    text: &'static str,
    generation: i64,
    first: &str,
) -> Result<Vec<Row>, TransactionError> {
    let mut rows = Vec::new();
    let mut since = ChangedSince { generation: generation + 1, id: first.to_owned(), most: CHANGES_AT_ONCE };
    loop {
        let page: Vec<(i64, String, Row)> = session.load(text, std::slice::from_ref(&since))?;
        let is_last = page.len() < CHANGES_AT_ONCE;
        for (generation, id, row) in page {
            (since.generation, since.id) = (generation, id);
            rows.push(row);
        }
        if is_last {
            return Ok(rows);
        }
    }
}

fn nil() -> String {
    Uuid::nil().to_string()
}

fn seal(key: &MatchKey, sealing: &SealingKey) -> Result<String, StoreError> {
    key.seal(sealing).ok_or_else(|| StoreError::Bug("the match key cannot be sealed".to_owned()))
}

fn create_installation(session: &mut StoreConnection, sealing: &SealingKey) -> Result<(), TransactionError> {
    let row = NewInstallationRow { match_key: seal(&MatchKey::generate(), sealing)?, epoch: Uuid::now_v7() };
    session.execute(session.sql.installation.found, &[row]).map(drop)
}

fn installation(session: &mut StoreConnection) -> Result<InstallationRow, TransactionError> {
    let row = session.load_all(session.sql.installation.read)?.into_iter().next();
    row.ok_or_else(|| StoreError::NotMigrated.into())
}

/// The next generation. Its row stays locked until the transaction ends, so that generations become visible
/// in their order.
pub(crate) fn advance(session: &mut StoreConnection) -> Result<i64, TransactionError> {
    let next = session.load_all(session.sql.installation.advance)?.into_iter().next();
    next.ok_or_else(|| StoreError::NotMigrated.into())
}
