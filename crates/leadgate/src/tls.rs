//! TLS settings of connections, and warnings about connections without TLS.

use std::path::PathBuf;

use url::{Host, Url};

use crate::config::Config;

/// The store's URL, with `tls.ca_file` if the URL names no file of authorities.
pub(crate) fn store_url(config: &Config) -> String {
    let url = config.store_url();
    if url.starts_with("postgres") { with_authorities(url, "sslrootcert", config) } else { url }
}

/// The queue's URL, with `tls.ca_file` if the URL names no file of authorities.
pub(crate) fn queue_url(config: &Config) -> String {
    let url = config.queue_url();
    if url.starts_with("amqps:") { with_authorities(url, "cacertfile", config) } else { url }
}

pub(crate) fn ca_file(config: &Config) -> Option<PathBuf> {
    Some(config.tls.ca_file.as_str()).filter(|file| !file.is_empty()).map(PathBuf::from)
}

fn with_authorities(mut url: String, parameter: &str, config: &Config) -> String {
    let file = config.tls.ca_file.as_str();
    if file.is_empty() || url.contains(&format!("{parameter}=")) {
        return url;
    }
    let file: String = url::form_urlencoded::byte_serialize(file.as_bytes()).collect();
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(&format!("{parameter}={}", file.replace('+', "%20")));
    url
}

/// One warning for each connection to another machine that is not encrypted or does not verify the certificate
/// of the server.
pub(crate) fn warnings(config: &Config) -> Vec<&'static str> {
    let (store, queue, limiter) = (config.store_url(), config.queue_url(), config.limiter.url.as_str());
    let mut warnings = Vec::new();
    if store.starts_with("postgres") && has_remote_host(&store) && !store.contains("sslmode=verify-full") {
        warnings.push(
            "store.url: the connection to PostgreSQL on another machine does not verify the server; add \
             `sslmode=verify-full` (docs/production.md)",
        );
    }
    if queue.starts_with("amqp:") && has_remote_host(&queue) {
        warnings.push(
            "queue.url: the connection to RabbitMQ on another machine is not encrypted; use `amqps:` \
             (docs/production.md)",
        );
    }
    if limiter.starts_with("redis:") && has_remote_host(limiter) {
        warnings.push(
            "limiter.url: the connection to Redis on another machine is not encrypted; use `rediss:` \
             (docs/production.md)",
        );
    }
    warnings
}

/// Whether a host of the URL is another machine. A URL that cannot be parsed counts as one: a needless
/// warning is better than a missing one.
fn has_remote_host(url: &str) -> bool {
    let Ok(parsed) = Url::parse(url) else { return true };
    let host_parameter = parsed.query_pairs().find(|(name, _)| name == "host" || name == "hostaddr");
    let is_local =
        |host: &str| host.starts_with('/') || Host::parse(host).is_ok_and(|host| is_loopback(&host));
    match (host_parameter, parsed.host_str()) {
        (Some((_, hosts)), _) => !hosts.split(',').all(is_local),
        // Without a host, libpq uses a local Unix socket.
        (None, None | Some("")) => false,
        (None, Some(host)) => !is_local(&percent_decoded(host)),
    }
}

fn percent_decoded(host: &str) -> String {
    host.replace("%2F", "/").replace("%2f", "/")
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(store: &str, queue: &str, limiter: &str) -> Config {
        let mut config = Config::default();
        store.clone_into(&mut config.store.url);
        queue.clone_into(&mut config.queue.url);
        limiter.clone_into(&mut config.limiter.url);
        config
    }

    #[test]
    fn an_unverified_connection_to_another_machine_is_warned_of() {
        let count = |store: &str, queue: &str, limiter: &str| warnings(&config(store, queue, limiter)).len();
        assert_eq!(count("", "", "memory:"), 0);
        assert_eq!(
            count("postgres://u@127.0.0.1/d", "amqp://localhost:5672/%2f", "redis://[::1]:6379/"),
            0,
            "on this machine"
        );
        assert_eq!(count("postgres:///d", "", "redis://127.0.0.1"), 0);
        assert_eq!(count("postgres://%2Fvar%2Frun/d", "", "memory:"), 0);
        assert_eq!(count("postgres:///d?host=/var/run", "", "memory:"), 0);
        let secured = "postgres://u@db.example/d?sslmode=verify-full";
        assert_eq!(count(secured, "amqps://u:p@mq.example/leads", "rediss://r.example:6380"), 0);
        assert_eq!(count("postgres://u@db/d", "amqp://u:p@mq/leads", "redis://r:6379"), 3);
        for weak in ["prefer", "require", "verify-ca"] {
            assert_eq!(count(&format!("postgres://u@10.0.0.2/d?sslmode={weak}"), "", "memory:"), 1, "{weak}");
        }
        assert_eq!(count("postgres://u@localhost,db.example/d", "", "memory:"), 1);
        assert_eq!(count("postgres://u@/d?host=db.example", "", "memory:"), 1);
        let warning = warnings(&config("postgres://u:hunter2@db/d", "", "memory:")).concat();
        assert!(!warning.contains("hunter2") && warning.contains("store.url"), "{warning}");
    }

    #[test]
    fn the_file_of_authorities_is_added_unless_the_url_names_one() {
        let mut config = config("postgres://h/d?sslmode=verify-full", "amqps://h/leads", "memory:");
        assert_eq!(store_url(&config), "postgres://h/d?sslmode=verify-full");
        config.tls.ca_file = "/etc/my ca.pem".to_owned();
        assert_eq!(store_url(&config), "postgres://h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fmy%20ca.pem");
        assert_eq!(queue_url(&config), "amqps://h/leads?cacertfile=%2Fetc%2Fmy%20ca.pem");
        config.store.url = "postgres://h/d?sslrootcert=/own.pem".to_owned();
        config.queue.url = "amqp://h/leads".to_owned();
        assert_eq!(store_url(&config), config.store.url);
        assert_eq!(queue_url(&config), config.queue.url, "a connection without TLS needs no authorities");
    }
}
