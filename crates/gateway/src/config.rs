//! The configuration of a gateway.

use std::net::SocketAddr;
use std::time::Duration;

use leadgate_domain::{Network, Rate};

/// Sizes are in bytes. The defaults suit a small machine.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The maximum size of the body of a single lead.
    pub body_limit: usize,
    /// The maximum size of a bulk body.
    pub bulk_limit: usize,
    /// How long a body may take to arrive after its header.
    pub body_timeout: Duration,
    /// How long the header of a request may take to arrive.
    pub header_timeout: Duration,
    /// How long a response may wait while the client reads nothing.
    pub write_timeout: Duration,
    /// How long an idle connection is kept for the next request.
    pub keep_alive: Duration,
    /// The number of server threads. 0 means one per core.
    pub threads: usize,
    /// The maximum number of connections per thread. Further connections wait to be accepted.
    pub max_connections: usize,
    /// How long requests in flight may take after the stop signal.
    pub shutdown_timeout: Duration,
    /// How long the last snapshot of keys is used while the store is unreachable.
    pub snapshot_max_age: Duration,
    /// The interval at which keys and sources are refreshed from the store. A revoked key is refused within
    /// this interval plus [`GatewayConfig::store_timeout`].
    pub snapshot_poll_interval: Duration,
    /// The interval at which refusals and repeated errors are summarized in the log.
    pub refusal_report_interval: Duration,
    /// How long a read waits for the store before it is refused.
    pub store_timeout: Duration,
    /// The limit of unauthenticated requests per client address.
    pub unauthenticated_rate: Rate,
    /// The limit, per client address, of bodies that are read before authentication because they may contain
    /// the key.
    pub body_read_rate: Rate,
    /// How long the gateway waits for the worker's result, for clients that expect the outcome in the
    /// response.
    pub reply_timeout: Duration,
    /// The maximum time that a client can request with `Prefer: wait=N`.
    pub max_reply_wait: Duration,
    /// The public URL of the gateways (`https://leads.example.com`), for URLs in responses. With `None` the
    /// `Host` of the request is used.
    pub public_url: Option<String>,
    /// A separate address for `/metrics` and for `/readyz` with its reasons. With `None` the public address
    /// serves them, to requests from this machine only.
    pub metrics_listen: Option<SocketAddr>,
    /// The networks of proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<Network>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            body_limit: 64 * 1024,
            bulk_limit: 10 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            threads: 0,
            max_connections: 10_000,
            shutdown_timeout: Duration::from_secs(10),
            snapshot_max_age: Duration::from_secs(60 * 60),
            snapshot_poll_interval: Duration::from_secs(2),
            refusal_report_interval: Duration::from_secs(60),
            store_timeout: Duration::from_millis(2_500),
            unauthenticated_rate: Rate::per_minute(120),
            body_read_rate: Rate::per_minute(600),
            reply_timeout: Duration::from_secs(2),
            max_reply_wait: Duration::from_secs(10),
            public_url: None,
            metrics_listen: None,
            trusted_proxies: Vec::new(),
        }
    }
}
