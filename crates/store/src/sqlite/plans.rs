//! Every statement finds its rows by an index.

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

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn migrated() -> SqliteConnection {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
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

fn plan(connection: &mut SqliteConnection, text: &str) -> Vec<Step> {
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
            let read = |step: &Step| step.detail.starts_with(table) && step.detail.ends_with(range);
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
    let hot = [
        SQL.submissions.insert,
        SQL.submissions.decide,
        SQL.submissions.decide_again,
        SQL.submissions.recent,
        SQL.submissions.read,
        SQL.submissions.page,
        SQL.submissions.find,
        SQL.claims.lock,
        SQL.claims.read,
        SQL.claims.write,
        SQL.claims.release,
        SQL.leads.lock,
        SQL.leads.lock_listed,
        SQL.leads.lock_listed_free,
        SQL.leads.insert,
        SQL.leads.update,
        SQL.leads.read,
        SQL.leads.page,
        SQL.leads.page_at,
        SQL.leads.count,
        SQL.quarantine.insert,
        SQL.quarantine.insert_reused,
        SQL.quarantine.release,
        SQL.quarantine.reopen,
        SQL.quarantine.page,
        SQL.quarantine.page_in_state,
        SQL.quarantine.entry,
        SQL.quarantine.discard,
        SQL.quarantine.repair,
        SQL.submissions.of_leads,
        SQL.submissions.makers,
        SQL.suppressions.find,
        SQL.suppressions.among_pending,
        SQL.suppressions.write,
        SQL.suppressions.page,
        SQL.suppressions.pending,
        SQL.suppressions.pending_contacts,
        SQL.suppressions.settle,
        SQL.suppressions.lapse,
        SQL.suppressions.lapsing,
        SQL.leads.at_domain,
        SQL.leads.contacts,
        SQL.sweeps.lease,
        SQL.sweeps.end,
        SQL.sweeps.position,
        SQL.sweeps.set_position,
        SQL.claims.purge,
        SQL.attempts.begin,
        SQL.attempts.forget,
        SQL.sources.of,
        SQL.sources.by_id,
        SQL.sources.since,
        SQL.sources.campaign,
        SQL.sources.update,
        SQL.mappings.add,
        SQL.mappings.activate,
        SQL.mappings.of,
        SQL.keys.retire,
        SQL.tags.insert,
        SQL.tags.named,
        SQL.tags.by_id,
        SQL.tags.of,
        SQL.keys.of,
        SQL.keys.by_id,
        SQL.keys.since,
        SQL.organizations.since,
        SQL.consents.insert,
        SQL.consents.insert_people,
        SQL.consents.page,
        SQL.consents.page_of_lead,
        SQL.consents.of_submission,
        SQL.consents.forget_people,
        SQL.erasure.contacts,
        SQL.erasure.submissions_of,
        SQL.erasure.entries,
        SQL.erasure.contents,
        SQL.erasure.targets,
        SQL.erasure.empty,
        SQL.erasure.traces,
        SQL.erasure.retell,
        SQL.erasure.empty_entries,
        SQL.erasure.forget_requests,
        SQL.erasure.forget_people_of,
        SQL.erasure.release_taken,
        SQL.erasure.release_claims_of,
        SQL.erasure.delete_leads,
        SQL.erasure.blank,
        SQL.erasure.to_rebuild,
        SQL.erasure.rebuilding,
        SQL.erasure.rebuilt,
        SQL.retention.set,
        SQL.retention.of,
        SQL.retention.progress,
        SQL.retention.submissions,
        SQL.retention.leads,
        SQL.retention.entries,
        SQL.retention.audit,
        SQL.retention.leads_progress,
        SQL.leads.crowded,
        SQL.leads.with_phone,
        SQL.leads.with_email,
        SQL.scorings.add,
        SQL.scorings.activate,
        SQL.scorings.of,
        SQL.reports.intake,
        SQL.reports.intake_of_source,
        SQL.audit.insert,
        SQL.audit.page,
        SQL.audit.page_of_actor,
        SQL.audit.page_of_action,
    ];
    for text in hot {
        for Step { detail } in &plan(&mut connection, text) {
            // What a statement may read whole is its own rows.
            let whole = detail.strip_prefix("SCAN ").map(|table| table.split(' ').next().unwrap_or_default());
            // What a subquery reads has a step of its own.
            let made = |table: &str| OWN.contains(&table) || table.starts_with("(subquery-");
            let own = whole.is_none_or(|table| made(table) || detail.contains("CONSTANT ROW"));
            assert!(own, "{detail}: {text}");
        }
    }
}
