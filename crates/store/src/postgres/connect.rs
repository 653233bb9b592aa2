//! Opens PostgreSQL connections.

use std::fmt;
use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use uuid::Uuid;

use crate::config::StoreConfig;
use crate::connection::{AnyConnection, StoreConnection};
use crate::error::{StoreError, StoreFailure};

/// What libpq does not do by itself: give up on a host that is silent, and notice one that has gone.
const TCP: &[(&str, &str)] = &[
    ("connect_timeout", "3"),
    ("keepalives_idle", "15"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
    ("application_name", "leadgate"),
];

/// A database and how long to wait for it.
#[derive(Clone)]
pub(crate) struct PostgresAddress {
    url: String,
    statement_timeout: Duration,
    lock_timeout: Duration,
}

impl PostgresAddress {
    pub(crate) fn new(config: &StoreConfig) -> Self {
        Self {
            url: with_defaults(&config.url),
            statement_timeout: config.statement_timeout,
            lock_timeout: config.lock_timeout,
        }
    }

    /// Host and database, without user, password and settings.
    pub(crate) fn name(&self) -> String {
        let place = self.url.split('?').next().unwrap_or_default();
        let place = place.split_once("://").map_or(place, |(_, place)| place);
        place.rsplit_once('@').map_or(place, |(_, place)| place).to_owned()
    }

    pub(crate) fn connect(&self) -> Result<StoreConnection, StoreError> {
        self.connect_with(&format!(
            "SET statement_timeout = {};
             SET lock_timeout = {};
             SET idle_in_transaction_session_timeout = {};",
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis(),
            // Nothing of ours idles in a transaction for longer than a judge takes.
            (self.statement_timeout * 2).as_millis(),
        ))
    }

    /// A connection for work that may take as long as it takes.
    pub(crate) fn connect_without_timeout(&self) -> Result<StoreConnection, StoreError> {
        self.connect_with("SET statement_timeout = 0; SET lock_timeout = 0;")
    }

    /// A connection that only reads, for statements that may take this long.
    pub(crate) fn connect_to_read(&self, longest: Duration) -> Result<StoreConnection, StoreError> {
        self.connect_with(&format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; SET default_transaction_read_only = on;",
            longest.as_millis(),
            self.lock_timeout.as_millis(),
        ))
    }

    fn connect_with(&self, timeouts: &str) -> Result<StoreConnection, StoreError> {
        // libpq's message names host, port, user and database. It quotes a part of the password where that is
        // not encoded.
        let unreachable = |error: diesel::ConnectionError| StoreError::Unavailable {
            failure: StoreFailure::Connection,
            detail: Some(without_password(error.to_string().trim(), &self.url)),
        };
        let connection = PgConnection::establish(&self.url).map_err(unreachable)?;
        let mut session = StoreConnection::new(AnyConnection::Postgres(connection));
        let marker = Uuid::now_v7();
        let settings = format!("{timeouts}{DURABILITY}{PLANS} SET leadgate.session = '{marker}';");
        session.batch(&settings).map_err(|error| session.classify_failure(error.into()))?;
        session.session_marker = Some(marker);
        Ok(session)
    }
}

/// Whether the session still has the marker of its settings.
pub(crate) fn has_marker(connection: &mut PgConnection, marker: Uuid) -> QueryResult<bool> {
    let found: String =
        diesel::select(sql::<Text>("coalesce(current_setting('leadgate.session', true), '')"))
            .get_result(connection)?;
    Ok(found == marker.to_string())
}

/// A commit is on the disk when it is answered, whatever is set for the role, the database or the server: the
/// queue forgets what was committed. `remote_write` is at least as durable as `on` without a standby, and
/// stays.
const DURABILITY: &str = "
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') IN ('off', 'local');";

/// A plan that was made while a table was small scans the whole table as long as the plan is cached. So each
/// execution is planned with the table's current size. All look-ups have an index and batches are small, so
/// plans that are better only for small tables are disabled. (Their cost would otherwise start JIT
/// compilation.) Measured in `docs/decisions/store-statements.md`.
const PLANS: &str = "
    SET default_transaction_isolation = 'read committed';
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET enable_material = off;
    SET plan_cache_mode = force_custom_plan;
    SET random_page_cost = 0.1;
    SET jit = off;";

/// Adds what the address does not say itself.
fn with_defaults(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in TCP {
        if !url.contains(&format!("{name}=")) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
    }
    url
}

/// Masks what the text quotes of the password in `url`.
fn without_password(text: &str, url: &str) -> String {
    let user = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':')).map_or("", |(_, password)| password);
    if password.is_empty() {
        return text.to_owned();
    }
    let parts = text.split('"').enumerate();
    let masked = parts.map(|(position, part)| match position % 2 {
        1 if !part.is_empty() && (password.contains(part) || part.contains(password)) => "***",
        _ => part,
    });
    masked.collect::<Vec<_>>().join("\"")
}

impl fmt::Debug for PostgresAddress {
    /// The address may hold a password and is left out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Address").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use leadgate_testkit::servers::shared;

    use super::*;

    /// As a pooler does that gives the next transaction another session.
    #[tokio::test]
    async fn a_session_that_lost_its_settings_is_not_used() {
        let url = shared().postgres().await.unwrap().database().await.unwrap();
        let check = move || {
            let mut session = PostgresAddress::new(&StoreConfig::api(url)).connect().unwrap();
            session.ping().unwrap();
            session.batch("RESET ALL").unwrap();
            let lost = session.ping();
            assert!(
                matches!(&lost, Err(StoreError::Config(message)) if message.contains("session mode")),
                "{lost:?}"
            );
        };
        tokio::task::spawn_blocking(check).await.unwrap();
    }

    #[test]
    fn an_error_does_not_quote_the_password() {
        for (url, text) in [
            ("postgres://u:sek%ret1@db/leads", r#"invalid percent-encoded token: "sek%ret1""#),
            (
                "postgres://u:sek ret1@db/leads",
                r#"unexpected spaces found in "postgres://u:sek ret1@db/leads""#,
            ),
        ] {
            let masked = without_password(text, url);
            assert!(masked.contains("***") && !masked.contains("ret1"), "{masked}");
        }
        let refused = r#"connection to server at "db", port 5432 failed: FATAL: no role "u""#;
        for url in [
            "postgres://u:secret@db/leads",
            "postgres://u:@db/leads",
            "postgres://u@db/leads",
            "postgres:///leads",
        ] {
            assert_eq!(without_password(refused, url), refused, "{url}");
        }
    }

    #[test]
    fn the_name_of_a_store_holds_no_password() {
        for url in ["postgres://ann:pass@word@db:5432/leads?password=x", "postgresql://db:5432/leads"] {
            let config = StoreConfig::api(url);
            assert_eq!(PostgresAddress::new(&config).name(), "db:5432/leads");
        }
    }

    #[test]
    fn the_address_has_the_last_word() {
        let url = with_defaults("postgres://u@h/d?sslmode=require&connect_timeout=9");
        assert!(url.starts_with("postgres://u@h/d?sslmode=require&connect_timeout=9&keepalives_idle="));
        assert_eq!(url.matches("connect_timeout").count(), 1);
        assert!(with_defaults("postgres://u@h/d").starts_with("postgres://u@h/d?connect_timeout=3&"));
    }
}
