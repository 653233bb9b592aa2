//! Which queue, store and limiter a program uses, and which of them go together.

use anyhow::ensure;

use super::Config;

impl Config {
    /// Refuses a queue of the embedded shape beside a store of the other one, and the reverse, unless that is wanted:
    /// leads would be accepted into a file that no worker reads.
    pub(crate) fn check_shape(&self) -> anyhow::Result<()> {
        let (store, queue) = (self.store_url(), self.queue_url());
        ensure!(
            self.allow_mixed_shape || is_file(&store) == is_file(&queue),
            "the store is {} and the queue is {}: one is a local file and the other a server. Set store.url and \
             queue.url (LEADGATE_STORE_URL, LEADGATE_QUEUE_URL) together, or allow_mixed_shape to allow it",
            without_credentials(&store),
            without_credentials(&queue),
        );
        Ok(())
    }

    /// The same for a program that takes leads from others through the queue, or passes them on.
    pub(crate) fn check_shared_queue(&self) -> anyhow::Result<()> {
        ensure!(
            !self.queue.url.is_empty(),
            "queue.url is not set: gateways and workers must use the same queue. Set queue.url (LEADGATE_QUEUE_URL) to \
             amqp://…, or run `leadgate serve` for everything in one process"
        );
        ensure!(
            self.allow_mixed_shape || !is_file(&self.queue.url),
            "the queue is {}, a file: gateways and workers of their own need a queue that they share (amqp://…). Run \
             `leadgate serve` for everything in one process, or set allow_mixed_shape to allow it",
            without_credentials(&self.queue.url),
        );
        self.check_shape()
    }

    /// Whether the store is a file, and that is there.
    pub(crate) fn store_file_exists(&self) -> bool {
        self.store_url().strip_prefix("sqlite:").is_some_and(|file| std::path::Path::new(file).exists())
    }

    /// Store, queue and limiter as they may be logged: without users and passwords.
    pub(crate) fn addresses(&self) -> [String; 3] {
        [self.store_url(), self.queue_url(), self.limiter.url.clone()].map(|url| without_credentials(&url))
    }
}

fn is_file(url: &str) -> bool {
    url.starts_with("sqlite:")
}

/// A password may stand in the query, too.
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
    fn a_mixed_shape_has_to_be_named() {
        let (postgres, amqp) = ("postgres://ann:secret@db/leadgate", "amqp://ann:secret@broker/%2f");
        for (store, queue) in [("", ""), ("sqlite:s.db", "sqlite:q.db"), (postgres, amqp)] {
            config(store, queue).check_shape().unwrap();
        }
        for (store, queue) in [(postgres, ""), ("", amqp), (postgres, "sqlite:q.db")] {
            let mut mixed = config(store, queue);
            let refused = mixed.check_shape().unwrap_err().to_string();
            assert!(refused.contains("allow_mixed_shape") && !refused.contains("secret"), "{refused}");
            mixed.allow_mixed_shape = true;
            mixed.check_shape().unwrap();
        }
    }

    #[test]
    fn a_gateway_or_a_worker_needs_a_queue_that_it_shares() {
        config("postgres://db/leadgate", "amqp://broker/%2f").check_shared_queue().unwrap();
        let mut lonely = config("postgres://db/leadgate", "");
        let refused = lonely.check_shared_queue().unwrap_err().to_string();
        assert!(refused.starts_with("queue.url is not set"), "{refused}");
        lonely.allow_mixed_shape = true;
        assert!(lonely.check_shared_queue().is_err(), "a file that is only the default is never meant");
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
