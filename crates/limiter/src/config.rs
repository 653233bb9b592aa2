//! Configuration, open errors and status of a limiter.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The settings of [`Limiter`](crate::Limiter) and [`IdempotencyMarkers`](crate::IdempotencyMarkers).
#[derive(Clone)]
pub struct LimiterConfig {
    /// `memory:`, `redis://[user:password@]host[:port][/database]` or `rediss://…`.
    pub url: String,
    /// For `rediss:`, a PEM file of the certificate authorities that are trusted. If `None`, the
    /// certificate authorities of the system are trusted.
    pub ca_file: Option<PathBuf>,
    /// Prefix of every Redis key. All gateways of an installation must have the same one.
    pub prefix: String,
    /// Number of gateways. While Redis is unreachable, each one grants its share of a limit, at least one
    /// permit.
    pub gateways: u32,
    /// Time limit of one call to Redis, 20 to 50 ms is recommended. A request waits for at most two calls.
    pub timeout: Duration,
    /// Maximum number of open windows per organization in this process. Counters above this limit share one
    /// window.
    pub windows_per_owner: usize,
}

impl Default for LimiterConfig {
    fn default() -> Self {
        Self {
            url: "memory:".to_owned(),
            ca_file: None,
            prefix: "leadgate".to_owned(),
            gateways: 1,
            timeout: Duration::from_millis(25),
            windows_per_owner: 100_000,
        }
    }
}

impl fmt::Debug for LimiterConfig {
    /// Omits the URL, which can contain a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LimiterConfig")
            .field("prefix", &self.prefix)
            .field("gateways", &self.gateways)
            .field("timeout", &self.timeout)
            .field("windows_per_owner", &self.windows_per_owner)
            .finish_non_exhaustive()
    }
}

/// A limiter cannot be opened; the operator must correct the configuration. The text never contains the URL.
#[derive(Debug, thiserror::Error)]
pub enum LimiterError {
    #[error("the URL has an unknown scheme; expected `memory:`, `redis://` or `rediss://`")]
    Scheme,
    #[error("tls.ca_file cannot be read for the connection to Redis: {0}")]
    Certificates(String),
    #[error("the URL is not valid ({0}); expected `redis://[user:password@]host[:port][/database]`")]
    Address(String),
}

/// Shown at `/readyz`. A degraded limiter still limits, so the gateway stays ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimiterStatus {
    Ready,
    /// Redis is unreachable; this process counts only its own requests. The reason is for operators and
    /// contains no address or secret.
    Degraded(String),
}
