//! What a gateway can be told.

use std::net::SocketAddr;
use std::time::Duration;

use leadgate_domain::{Network, Rate};

/// Sizes in bytes, times as durations. Every value has a default that suits a small machine.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The largest body of a single lead.
    pub body_limit: usize,
    /// The largest body of many leads.
    pub bulk_limit: usize,
    /// How long a body may take to arrive once its head is there.
    pub body_timeout: Duration,
    /// How long a request's head may take to arrive.
    pub head_timeout: Duration,
    /// How long a response may wait while its client reads nothing.
    pub write_timeout: Duration,
    /// How long an idle connection is kept for the next request.
    pub keep_alive: Duration,
    /// Threads that answer requests; 0 is one per core.
    pub threads: usize,
    /// Connections that one thread serves at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// How long what is in flight may take once the gateway was told to stop.
    pub shutdown_timeout: Duration,
    /// For how long the last snapshot of keys serves while the store is away.
    pub stale_max: Duration,
    /// How often the store is asked whether keys or sources changed. A revoked key dies within this and
    /// [`GatewayConfig::store_timeout`].
    pub directory_poll: Duration,
    /// How often refusals and repeated errors are summarized in the log.
    pub refusal_report_every: Duration,
    /// How long a read waits for the store before it is refused.
    pub store_timeout: Duration,
    /// Requests per client address that nobody could be named for.
    pub stranger_rate: Rate,
    /// Bodies per client address that are read before anybody is known, because the key may be in them.
    pub unread_rate: Rate,
    /// How long clients who expect to hear at once what became of a lead are kept waiting for the worker.
    pub reply_timeout: Duration,
    /// The longest that a client may ask to wait (`Prefer: wait=N`).
    pub longest_wait: Duration,
    /// Where clients reach the gateways (`https://leads.example.com`), for URLs in answers; `None` for the host
    /// that a request names.
    pub public_url: Option<String>,
    /// Where `/metrics`, and `/readyz` with its reasons, are served; `None` for the public address, to requests from
    /// the machine itself.
    pub metrics_listen: Option<SocketAddr>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            body_limit: 64 * 1024,
            bulk_limit: 10 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            threads: 0,
            max_connections: 10_000,
            shutdown_timeout: Duration::from_secs(10),
            stale_max: Duration::from_secs(60 * 60),
            directory_poll: Duration::from_secs(2),
            refusal_report_every: Duration::from_secs(60),
            store_timeout: Duration::from_millis(2_500),
            stranger_rate: Rate::per_minute(120),
            unread_rate: Rate::per_minute(600),
            reply_timeout: Duration::from_secs(2),
            longest_wait: Duration::from_secs(10),
            public_url: None,
            metrics_listen: None,
            trusted_proxies: Vec::new(),
        }
    }
}
