//! How to reach a store and how long to wait for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::Region;
use leadgate_domain::sealing_key::SealingKey;
use leadgate_domain::secret::RootSecret;

/// Everything that opening a store needs. `Default` has no address; [`StoreConfig::api`] and
/// [`StoreConfig::worker`] are the two ways in which a store is used.
#[derive(Clone)]
pub struct StoreConfig {
    /// `sqlite:PATH`, or `postgres://…` as libpq reads it (`sslmode` and all).
    pub url: String,
    /// Connections that may be open at once; for SQLite, connections that read.
    pub pool_size: u32,
    /// How long a call waits for its turn and a connection.
    pub acquire_timeout: Duration,
    /// How long one statement may run; PostgreSQL only.
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock; for SQLite, for the one writer of another process.
    pub lock_timeout: Duration,
    /// How long a whole call may take, once it has a connection, before it fails as unavailable. What it was doing
    /// may still be done.
    pub call_timeout: Duration,
    /// Opens the keys that the store keeps sealed. Without it, what needs them is refused.
    pub sealing: Option<Arc<SealingKey>>,
    /// Reads phones without a country code in sources that are made from now on.
    pub default_region: Option<Region>,
}

impl StoreConfig {
    /// For programs with a waiting client.
    pub fn api(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// For workers, which would only retry the same batch.
    pub fn worker(url: impl Into<String>) -> Self {
        Self {
            acquire_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(60),
            ..Self::api(url)
        }
    }
}

impl StoreConfig {
    /// With the installation's secret.
    pub fn with_secret(self, secret: &RootSecret) -> Self {
        Self { sealing: Some(Arc::new(secret.sealing())), ..self }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            pool_size: 8,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
            call_timeout: Duration::from_secs(6),
            sealing: None,
            default_region: None,
        }
    }
}

impl fmt::Debug for StoreConfig {
    /// The address may hold a password and is left out, as is the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoreConfig")
            .field("pool_size", &self.pool_size)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .field("call_timeout", &self.call_timeout)
            .finish_non_exhaustive()
    }
}
