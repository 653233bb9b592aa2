//! The data of the installation: its schema, match key, generation, epoch and number of shards.

use diesel::Queryable;
use leadgate_domain::sealing_key::{SealingKey, SecretVersion};
use leadgate_domain::secret::MatchKey;
use leadgate_domain::{ApiKey, Organization, Source, Timestamp};
use uuid::Uuid;

use crate::connection::{StoreConnection, query};
use crate::error::{StoreError, TransactionError};
use crate::store::Store;
use crate::values::Id;

/// Changed rows per statement: the database returns a result as a whole.
pub(crate) const PAGE_OF_CHANGES: i64 = 5_000;

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
    /// The time by the database's clock.
    pub now: Timestamp,
}

/// The columns of the installation.
#[derive(Queryable)]
pub(crate) struct Installation {
    match_key: String,
    #[diesel(deserialize_as = i32)]
    shards: u16,
    generation: i64,
    #[diesel(deserialize_as = Id)]
    pub(crate) epoch: Uuid,
}

/// A row that changed, and its place in the order of changes.
pub(crate) struct ChangedRow<Key, T> {
    pub(crate) generation: i64,
    pub(crate) id: Key,
    /// `None` if only a newer build can read it.
    pub(crate) value: Option<T>,
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
        let run = self.read(|session| query!(session, installation::migrations())).await?;
        if needed.iter().all(|version| run.contains(version)) { Ok(()) } else { Err(StoreError::NotMigrated) }
    }

    /// The current time by the database's clock.
    pub(crate) async fn now(&self) -> Result<Timestamp, StoreError> {
        self.read(|session| session.now()).await
    }

    /// The key for the hashes of claims and suppressions. After a rotation of the secret, the first program
    /// that decrypts the key with the previous secret encrypts it with the current one.
    pub async fn match_key(&self) -> Result<MatchKey, StoreError> {
        let (sealing, before) = (self.sealing()?, self.read(read_installation).await?.match_key);
        let opened = MatchKey::open(&before, &sealing);
        let (key, by) = opened.ok_or_else(|| StoreError::WrongSecret { store: self.name() })?;
        if by == SecretVersion::Previous {
            let after = seal(&key, &sealing)?;
            self.write(move |session| query!(session, installation::replace_match_key(&before, &after)))
                .await?;
            tracing::info!("the match key is sealed under the current secret");
        }
        Ok(key)
    }

    /// The generation, which grows with every change of an organization, a source, a key or the number of
    /// shards.
    pub async fn generation(&self) -> Result<i64, StoreError> {
        Ok(self.read(read_installation).await?.generation)
    }

    /// The number of broker queues for leads.
    pub async fn shards(&self) -> Result<u16, StoreError> {
        Ok(self.read(read_installation).await?.shards)
    }

    /// Raises the number of shards. A smaller number changes nothing, because a shard may still contain
    /// leads.
    pub async fn raise_shards(&self, shards: u16) -> Result<(), StoreError> {
        self.write(move |session| query!(session, installation::raise_shards(shards))).await.map(drop)
    }

    /// The changes after `generation`. With -1: everything.
    pub async fn changes_since(&self, generation: i64) -> Result<DirectoryChanges, StoreError> {
        self.read(move |session| {
            // Before the rows: a change between the two is then reported twice, not never.
            let Installation { generation: current, shards, epoch, .. } = read_installation(session)?;
            let now = session.now()?;
            let (mut organizations, mut sources, mut keys) = (Vec::new(), Vec::new(), Vec::new());
            if current > generation {
                organizations = organizations_since(session, generation)?;
                sources = changes_since(generation, first_id(), |after| {
                    query!(session, sources::changed_sources(after))
                })?;
                keys = changes_since(generation, String::new(), |after| {
                    query!(session, keys::changed_keys(after))
                })?;
            }
            Ok(DirectoryChanges { generation: current, shards, organizations, sources, keys, epoch, now })
        })
        .await
    }

    /// Must be called after a restore of a backup: the idempotency markers of gateways may refer to
    /// submissions that the store no longer contains, and readers of changed leads may have seen other ones.
    pub async fn renew_epoch(&self) -> Result<(), StoreError> {
        let epoch = Uuid::now_v7();
        self.write(move |session| query!(session, installation::set_epoch(epoch))).await?;
        self.renumber_unreached_changes().await
    }
}

/// The organizations that changed after a generation.
pub(crate) fn organizations_since(
    session: &mut StoreConnection,
    generation: i64,
) -> Result<Vec<Organization>, TransactionError> {
    changes_since(generation, first_id(), |after| {
        query!(session, organizations::changed_organizations(after))
    })
}

/// The rows that changed after a generation, page by page. `first` comes before every id. A row that changes
/// meanwhile is read again at its new place, or at the next refresh.
fn changes_since<Key, T>(
    generation: i64,
    first: Key,
    mut page: impl FnMut(&(i64, Key)) -> Result<Vec<ChangedRow<Key, T>>, TransactionError>,
) -> Result<Vec<T>, TransactionError> {
    let (mut values, mut after) = (Vec::new(), (generation + 1, first));
    loop {
        let rows = page(&after)?;
        let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < PAGE_OF_CHANGES);
        for ChangedRow { generation, id, value } in rows {
            after = (generation, id);
            values.extend(value);
        }
        if is_last {
            return Ok(values);
        }
    }
}

fn first_id() -> Id {
    Id(Uuid::nil())
}

fn seal(key: &MatchKey, sealing: &SealingKey) -> Result<String, StoreError> {
    key.seal(sealing).ok_or_else(|| StoreError::Bug("the match key cannot be sealed".to_owned()))
}

fn create_installation(session: &mut StoreConnection, sealing: &SealingKey) -> Result<(), TransactionError> {
    let (match_key, epoch) = (seal(&MatchKey::generate(), sealing)?, Uuid::now_v7());
    query!(session, installation::create_installation(&match_key, epoch)).map(drop)
}

pub(crate) fn read_installation(session: &mut StoreConnection) -> Result<Installation, TransactionError> {
    query!(session, installation::read_installation())?.ok_or_else(|| StoreError::NotMigrated.into())
}

/// The next generation. Its row stays locked until the transaction ends, so that generations become visible
/// in their order.
pub(crate) fn advance(session: &mut StoreConnection) -> Result<i64, TransactionError> {
    query!(session, installation::next_generation())?.ok_or_else(|| StoreError::NotMigrated.into())
}
