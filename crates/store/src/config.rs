//! The configuration of a store: address, secret and timeouts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::Region;
use leadgate_domain::sealing_key::SealingKey;
use leadgate_domain::secret::RootSecret;

/// The configuration of a store. `Default` has no address. Use [`StoreConfig::api`] or
/// [`StoreConfig::worker`].
#[derive(Clone)]
pub struct StoreConfig {
    /// `sqlite:PATH`, or a `postgres://…` URL of libpq with its parameters (for example `sslmode`).
    pub url: String,
    /// The maximum number of open connections. For SQLite: of connections that read.
    pub pool_size: u32,
    /// How long a call waits for a connection.
    pub acquire_timeout: Duration,
    /// How long one statement may run (PostgreSQL only).
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock. For SQLite: for a writer in another process.
    pub lock_timeout: Duration,
    /// How long a call may take after it has a connection. Then it fails as unavailable. Its work may still
    /// take effect.
    pub call_timeout: Duration,
    /// Decrypts the keys that the store contains. Without it, calls that need these keys are refused.
    pub sealing: Option<Arc<SealingKey>>,
    /// The default region of new sources, for phones without a country code.
    pub default_region: Option<Region>,
}

impl StoreConfig {
    /// For programs whose clients wait: short timeouts.
    pub fn api(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// For workers, which would only retry the same batch after a timeout: long timeouts.
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
    /// Sets the installation's secret.
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
    /// Omits the address, which may contain a password, and the key.
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
