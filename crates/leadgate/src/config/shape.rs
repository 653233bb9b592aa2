//! Checks that the configured queue and store belong to the same shape.

use anyhow::ensure;

use super::Config;

impl Config {
    /// Refuses a local queue file with a database server, and the reverse, unless `allow_mixed_shape` is set:
    /// leads could be accepted into a file that no worker reads.
    pub(crate) fn check_shape(&self) -> anyhow::Result<()> {
        let (store, queue) = (self.store_url(), self.queue_url());
        ensure!(
            self.allow_mixed_shape || is_file(&store) == is_file(&queue),
            "the store is {} and the queue is {}: one is a local file and the other one a server. Set both store.url \
             and queue.url (LEADGATE_STORE_URL, LEADGATE_QUEUE_URL), or set allow_mixed_shape to allow it",
            without_credentials(&store),
            without_credentials(&queue),
        );
        Ok(())
    }

    /// The check for gateway and worker processes, which must share a queue.
    pub(crate) fn check_shared_queue(&self) -> anyhow::Result<()> {
        ensure!(
            !self.queue.url.is_empty(),
            "queue.url is not set: gateways and workers must use the same queue. Set queue.url (LEADGATE_QUEUE_URL) \
             to amqp://…, or run `leadgate serve`, which is gateway and worker in one process"
        );
        ensure!(
            self.allow_mixed_shape || !is_file(&self.queue.url),
            "the queue is {}, a local file: gateways and workers must use the same queue. Set queue.url \
             (LEADGATE_QUEUE_URL) to amqp://…, run `leadgate serve`, which is gateway and worker in one process, or set \
             allow_mixed_shape to allow it",
            without_credentials(&self.queue.url),
        );
        self.check_shape()
    }

    /// Whether the store is a file that exists.
    pub(crate) fn store_file_exists(&self) -> bool {
        self.store_url().strip_prefix("sqlite:").is_some_and(|file| std::path::Path::new(file).exists())
    }

    /// The URLs of store, queue and limiter without users and passwords, for logs and errors.
    pub(crate) fn addresses(&self) -> [String; 3] {
        [self.store_url(), self.queue_url(), self.limiter.url.clone()].map(|url| without_credentials(&url))
    }
}

fn is_file(url: &str) -> bool {
    url.starts_with("sqlite:")
}

/// Also removes the query, which may contain a password.
fn without_credentials(text: &str) -> String {
    if is_file(text) || text.starts_with("memory:") {
        return text.to_owned();
    }
    let Ok(mut url) = url::Url::parse(text) else {
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        return format!("{scheme}:(not shown)");
    };
    url.set_query(None);
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    if cleared.is_ok() { url.to_string() } else { format!("{}:(not shown)", url.scheme()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(store: &str, queue: &str) -> Config {
        let mut config = Config::default();
        (config.store.url, config.queue.url) = (store.to_owned(), queue.to_owned());
        config
    }

    #[test]
    fn a_mixed_shape_is_refused_unless_it_is_allowed() {
        let (postgres, amqp) = ("postgres://ann:secret@db/leadgate", "amqp://ann:secret@broker/%2f");
        for (store, queue) in [("", ""), ("sqlite:s.db", "sqlite:q.db"), (postgres, amqp)] {
            config(store, queue).check_shape().unwrap();
        }
        for (store, queue) in [(postgres, ""), ("", amqp), (postgres, "sqlite:q.db")] {
            let mut mixed = config(store, queue);
            let error = mixed.check_shape().unwrap_err().to_string();
            assert!(error.contains("allow_mixed_shape") && !error.contains("secret"), "{error}");
            mixed.allow_mixed_shape = true;
            mixed.check_shape().unwrap();
        }
    }

    #[test]
    fn a_gateway_or_a_worker_needs_a_shared_queue() {
        config("postgres://db/leadgate", "amqp://broker/%2f").check_shared_queue().unwrap();
        let mut without_queue = config("postgres://db/leadgate", "");
        let error = without_queue.check_shared_queue().unwrap_err().to_string();
        assert!(error.starts_with("queue.url is not set"), "{error}");
        without_queue.allow_mixed_shape = true;
        assert!(without_queue.check_shared_queue().is_err(), "the default file is never a shared queue");
        assert!(config("", "sqlite:q.db").check_shared_queue().is_err());
    }

    #[test]
    fn addresses_are_logged_without_credentials() {
        for (url, shown) in [
            ("postgres://ann:secret@db:5432/leadgate?password=secret", "postgres://db:5432/leadgate"),
            ("amqps://ann:secret@broker/%2f", "amqps://broker/%2f"),
            ("rediss://:secret@cache:6379/0", "rediss://cache:6379/0"),
            ("postgres://ann:secret@one:5432,two:5432/leadgate", "postgres:(not shown)"),
            ("sqlite:./leadgate-data/store.db", "sqlite:./leadgate-data/store.db"),
            ("memory:", "memory:"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
