//! What a limiter needs to know at its start, and what it says about itself later.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How to reach the counts.
#[derive(Clone)]
pub struct LimiterConfig {
    /// `memory:`, `redis://[user:password@]host[:port][/database]` or `rediss://…`.
    pub url: String,
    /// The file of the certificates (PEM) that sign Redis' own, with `rediss:`; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// Starts every key in Redis; all gateways of an installation share it.
    pub prefix: String,
    /// How many gateways run: without Redis each admits its part of a limit, at least one permit.
    pub gateways: u32,
    /// How long one call of Redis may take, 20 to 50 ms. A request waits for two calls at most.
    pub timeout: Duration,
    /// How many windows one organization may have open in this process; further ones share a single window.
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
    /// Without the URL: it may carry a password.
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

/// A limiter that cannot be opened: the operator has to correct its URL. Never repeats the URL.
#[derive(Debug, thiserror::Error)]
pub enum LimiterError {
    #[error("the limiter's url starts with none of `memory:`, `redis://`, `rediss://`")]
    Scheme,
    #[error("tls.ca_file cannot be used for Redis ({0})")]
    Certificates(String),
    #[error("the limiter's url is not a valid address of a redis server ({0})")]
    Address(String),
}

/// For `/readyz`: a degraded limiter still limits, so the gateway stays ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimiterStatus {
    Ready,
    /// This process counts alone. The reason is for operators and carries no address or secret.
    Degraded(String),
}
