//! Every statement finds its rows by an index.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::SQL;

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[test]
fn no_statement_reads_a_whole_table() {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    connection.batch_execute(include_str!("../../../../migrations/sqlite/0001_first_tables/up.sql")).unwrap();
    let hot = [
        SQL.submissions.insert,
        SQL.submissions.decide,
        SQL.submissions.read,
        SQL.submissions.page,
        SQL.submissions.find,
        SQL.claims.lock,
        SQL.claims.read,
        SQL.claims.write,
        SQL.claims.release,
        SQL.leads.lock,
        SQL.leads.lock_listed,
        SQL.leads.insert,
        SQL.leads.update,
        SQL.leads.read,
        SQL.leads.page,
        SQL.quarantine.insert,
        SQL.quarantine.insert_reused,
        SQL.suppressions.among,
        SQL.suppressions.insert,
        SQL.suppressions.remove,
        SQL.suppressions.page,
        SQL.attempts.begin,
        SQL.attempts.forget,
        SQL.sources.of,
        SQL.sources.by_id,
        SQL.sources.since,
        SQL.keys.of,
        SQL.keys.by_id,
        SQL.keys.since,
        SQL.organizations.since,
    ];
    for text in hot {
        let explain = format!("EXPLAIN QUERY PLAN {}", text.replace("$1", "'[]'"));
        let steps: Vec<Step> = diesel::sql_query(explain).load(&mut connection).unwrap();
        for Step { detail } in &steps {
            // What a statement may read whole is its own rows.
            let whole = detail.strip_prefix("SCAN ").map(|table| table.split(' ').next().unwrap_or_default());
            let own = whole.is_none_or(|table| {
                ["json_each", "r", "p", "met", "listed"].contains(&table) || detail.contains("CONSTANT ROW")
            });
            assert!(own, "{detail}: {text}");
        }
    }
}
