//! Tests that every statement finds its rows by an index.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::SQL;

/// Names of what statements make themselves.
const OWN: [&str; 14] = [
    "json_each",
    "r",
    "p",
    "met",
    "listed",
    "received",
    "touched",
    "t",
    "once",
    "judged",
    "few",
    "entry",
    "page",
    "sized",
];

/// Statements that may read a whole table or index.
const WHOLE: [&str; 10] = [
    // Submissions that crashed a worker in the last days.
    "crash_attempts.purge",
    // One row, and one for each migration.
    "installation.advance",
    "installation.migrations",
    "installation.raise_shards",
    "installation.read",
    "installation.renew",
    "installation.reseal",
    // Tables that refer to sources. SQLite reads them only while a violated foreign key is pending.
    "sources.insert",
    "sources.insert_default",
    // The index of pending entries.
    "suppressions.overdue",
];

#[derive(QueryableByName)]
struct PlanStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn migrated() -> SqliteConnection {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    // diesel's own.
    connection.batch_execute("CREATE TABLE __diesel_schema_migrations (version TEXT PRIMARY KEY)").unwrap();
    for migration in [
        include_str!("../../../../migrations/sqlite/0001_first_tables/up.sql"),
        include_str!("../../../../migrations/sqlite/0002_mappings_tags_release/up.sql"),
        include_str!("../../../../migrations/sqlite/0003_submissions_by_source/up.sql"),
        include_str!("../../../../migrations/sqlite/0004_consent_age/up.sql"),
        include_str!("../../../../migrations/sqlite/0005_suppression_lists/up.sql"),
        include_str!("../../../../migrations/sqlite/0006_consent_evidence/up.sql"),
        include_str!("../../../../migrations/sqlite/0007_scorings/up.sql"),
        include_str!("../../../../migrations/sqlite/0008_audit/up.sql"),
        include_str!("../../../../migrations/sqlite/0010_erasure/up.sql"),
        include_str!("../../../../migrations/sqlite/0011_repairs/up.sql"),
        include_str!("../../../../migrations/sqlite/0012_retention_of_leads/up.sql"),
    ] {
        connection.batch_execute(migration).unwrap();
    }
    connection
}

/// Every statement under the names of its group and its own.
fn statements() -> impl Iterator<Item = (String, String)> {
    let groups: BTreeMap<String, BTreeMap<String, Option<String>>> =
        serde_json::from_value(serde_json::to_value(&SQL).unwrap()).unwrap();
    groups.into_iter().flat_map(|(group, statements)| {
        let named = move |(name, text): (String, Option<String>)| Some((format!("{group}.{name}"), text?));
        statements.into_iter().filter_map(named)
    })
}

fn plan(connection: &mut SqliteConnection, text: &str) -> Vec<PlanStep> {
    let explain = format!("EXPLAIN QUERY PLAN {}", text.replace("$1", "'[]'"));
    diesel::sql_query(explain).load(connection).unwrap()
}

#[test]
fn a_report_reads_the_ids_of_its_day_alone() {
    let mut connection = migrated();
    for (text, submissions) in [
        (SQL.reports.intake, "(organization=? AND id>? AND id<?)"),
        (SQL.reports.intake_of_source, "(organization=? AND source=? AND id>? AND id<?)"),
    ] {
        let steps = plan(&mut connection, text);
        let range = |table: &str, range: &str| {
            let read = |step: &PlanStep| step.detail.starts_with(table) && step.detail.ends_with(range);
            steps.iter().any(read)
        };
        let details: Vec<_> = steps.iter().map(|step| &step.detail).collect();
        assert!(range("SEARCH s USING", submissions), "{details:#?}");
        assert!(range("SEARCH q USING", "(organization=? AND id>? AND id<?)"), "{details:#?}");
    }
}

#[test]
fn a_page_of_the_audit_log_reads_its_entries_alone() {
    let mut connection = migrated();
    for (text, range) in [
        (SQL.audit.page, "PRIMARY KEY (organization=? AND id>? AND id<?)"),
        (SQL.audit.page_of_actor, "INDEX audit_by_actor (organization=? AND actor=? AND id>? AND id<?)"),
        (SQL.audit.page_of_action, "INDEX audit_by_action (organization=? AND action=? AND id>? AND id<?)"),
    ] {
        let details: Vec<_> = plan(&mut connection, text).into_iter().map(|step| step.detail).collect();
        assert!(details.contains(&format!("SEARCH a USING {range}")), "{details:#?}");
        assert!(!details.iter().any(|detail| detail.contains("TEMP B-TREE")), "{details:#?}");
    }
}

#[test]
fn no_statement_reads_a_whole_table() {
    let mut connection = migrated();
    let mut whole = BTreeSet::new();
    for (name, text) in statements() {
        for PlanStep { detail } in &plan(&mut connection, &text) {
            // What a statement may read whole is its own rows.
            let scanned =
                detail.strip_prefix("SCAN ").map(|table| table.split(' ').next().unwrap_or_default());
            // What a subquery reads has a step of its own.
            let made = |table: &str| OWN.contains(&table) || table.starts_with("(subquery-");
            if !scanned.is_none_or(|table| made(table) || detail.contains("CONSTANT ROW")) {
                whole.insert(name.clone());
            }
        }
    }
    assert_eq!(whole, WHOLE.map(str::to_owned).into());
}
