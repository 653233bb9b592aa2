//! Every query that a test of this program runs on SQLite finds its rows by an index.

use std::collections::BTreeSet;
use std::sync::{Mutex, Once};

use diesel::connection::{InstrumentationEvent, SimpleConnection, set_default_instrumentation};
use diesel::prelude::*;
use diesel::sql_types::Text;

/// The queries so far, those without a plan and those with one.
static QUERIES: Mutex<(BTreeSet<String>, BTreeSet<String>)> = Mutex::new((BTreeSet::new(), BTreeSet::new()));

/// Tables that may be read whole: they have one row, or one for each migration, crash, organization with settings,
/// endpoint or periodic task. Of suppressions it is the index of pending entries.
const MAY_BE_READ_WHOLE: [&str; 8] = [
    "SCAN endpoints",
    "SCAN installation",
    "SCAN __diesel_schema_migrations",
    "SCAN crash_attempts",
    "SCAN retention",
    "SCAN sweeps",
    "SCAN suppressions USING COVERING INDEX suppressions_pending",
    "SCAN suppressions USING INDEX suppressions_pending",
];

#[derive(QueryableByName)]
struct PlanStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Notes the queries of all connections that are opened from now on.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_default_instrumentation(|| Some(Box::new(note))).unwrap());
}

fn note(event: InstrumentationEvent<'_>) {
    let InstrumentationEvent::StartQuery { query, .. } = event else { return };
    let query = query.to_string();
    let text = query.split(" -- binds").next().unwrap_or_default();
    // diesel quotes names in this way for SQLite alone, and the SQL of tests has no quotes.
    let is_query = ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| text.starts_with(verb));
    if is_query && text.contains('`') {
        let mut queries = QUERIES.lock().unwrap();
        if !queries.1.contains(text) {
            queries.0.insert(text.to_owned());
        }
    }
}

/// Explains the queries that are new.
pub(crate) fn check() {
    let new = {
        let mut queries = QUERIES.lock().unwrap();
        let new = std::mem::take(&mut queries.0);
        queries.1.extend(new.iter().cloned());
        new
    };
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    connection.batch_execute("CREATE TABLE __diesel_schema_migrations (version TEXT PRIMARY KEY)").unwrap();
    connection.batch_execute(include_str!("../../../../migrations/sqlite/0001_tables/up.sql")).unwrap();
    for text in new {
        let plan: Vec<PlanStep> =
            diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}")).load(&mut connection).unwrap();
        for PlanStep { detail } in plan {
            // What a subquery reads has a step of its own. A new source is checked against the tables that refer to
            // sources only while a foreign key is violated.
            let is_whole = detail.starts_with("SCAN ")
                && !detail.contains("CONSTANT ROW")
                && !detail.starts_with("SCAN (subquery")
                && !text.starts_with("INSERT INTO `sources`")
                && !MAY_BE_READ_WHOLE.iter().any(|table| detail.starts_with(table));
            assert!(!is_whole, "{detail}: {text}");
        }
    }
}
