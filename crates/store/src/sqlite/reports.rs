//! Intake reports.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

pub(crate) use super::queries::reports::*;
use crate::error::TransactionError;
use crate::reports::{IntakeCountRow, ReceivedRange};
use crate::values::Id;

/// One statement sees one state, so that its sums match, and counts where the rows are: a day may have very many of
/// them. diesel has no `WITH`.
macro_rules! intake {
    ($condition:literal) => {
        concat!(
            " AS \"end\"),
             received AS MATERIALIZED (
                 SELECT s.source, o.outcome, o.lead, q.reason
                 FROM submissions AS s CROSS JOIN outcomes AS o
                 LEFT JOIN quarantine AS q ON q.organization = s.organization AND q.id = s.id
                 WHERE s.organization = (SELECT organization FROM p)",
            $condition,
            "      AND s.id >= (SELECT first FROM p) AND s.id < (SELECT \"end\" FROM p)
                   AND o.organization = s.organization AND o.submission = s.id
                   AND o.revision = (SELECT max(h.revision) FROM outcomes AS h
                                     WHERE h.organization = s.organization AND h.submission = s.id)
                 UNION ALL
                 SELECT s.source, 'quarantined', NULL, q.reason
                 FROM quarantine AS q CROSS JOIN submissions AS s
                 WHERE q.organization = (SELECT organization FROM p)
                   AND q.id >= (SELECT first FROM p) AND q.id < (SELECT \"end\" FROM p)
                   AND q.submission <> q.id
                   AND s.organization = q.organization AND s.id = q.submission",
            $condition,
            "      AND NOT EXISTS (SELECT 1 FROM submissions AS own
                                   WHERE own.organization = q.organization AND own.id = q.id)),
             touched AS MATERIALIZED (
                 SELECT DISTINCT source, lead FROM received WHERE outcome IN ('created', 'updated')),
             once AS MATERIALIZED (
                 SELECT t.lead, l.eligibility, l.reasons
                 FROM (SELECT DISTINCT lead FROM touched) AS t CROSS JOIN leads AS l
                 WHERE l.organization = (SELECT organization FROM p) AND l.id = t.lead),
             judged AS MATERIALIZED (
                 SELECT t.source, once.eligibility, once.reasons
                 FROM touched AS t JOIN once ON once.lead = t.lead
                 UNION ALL
                 SELECT NULL, once.eligibility, once.reasons FROM once)
             SELECT 'submissions', source, outcome, reason, count(*)
             FROM received GROUP BY source, outcome, reason
             UNION ALL
             SELECT 'leads', source, eligibility, NULL, count(*) FROM judged GROUP BY source, eligibility
             UNION ALL
             SELECT 'held', judged.source, r.value, NULL, count(*)
             FROM judged CROSS JOIN json_each(judged.reasons) AS r
             WHERE judged.eligibility = 'held' GROUP BY judged.source, r.value"
        )
    };
}

/// How many there are of each kind.
pub(crate) fn count_intake(
    connection: &mut SqliteConnection,
    received: &ReceivedRange,
) -> Result<Vec<IntakeCountRow>, TransactionError> {
    let counts = match received.source {
        None => intake!(""),
        Some(_) => intake!(" AND s.source = (SELECT source FROM p)"),
    };
    let rows: Vec<(String, _, String, _, i64)> =
        sql::<(Text, Nullable<Binary>, Text, Nullable<Text>, BigInt)>("WITH p AS MATERIALIZED (SELECT ")
            .bind::<Binary, _>(Id::from(received.organization))
            .sql(" AS organization, ")
            .bind::<Nullable<Binary>, _>(received.source.map(Id::from))
            .sql(" AS source, ")
            .bind::<Binary, _>(Id::from(received.first))
            .sql(" AS first, ")
            .bind::<Binary, _>(Id::from(received.end))
            .sql(counts)
            .load(connection)?;
    rows.into_iter().map(|row| Ok(IntakeCountRow::read(row)?)).collect()
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{OrganizationId, SourceId, SubmissionId};

    use super::*;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn a_report_reads_the_ids_of_its_day_alone() {
        let source = Some(SourceId::generate());
        for (source, range) in [
            (None, "(organization=? AND id>? AND id<?)"),
            (source, "(organization=? AND source=? AND id>? AND id<?)"),
        ] {
            let first = SubmissionId::min_at(leadgate_domain::Timestamp::now());
            let received =
                ReceivedRange { organization: OrganizationId::generate(), source, first, end: first };
            let plan = plan_of(|connection| count_intake(connection, &received));
            let reads = |table: &str, range: &str| {
                plan.iter().any(|step| step.starts_with(table) && step.ends_with(range))
            };
            assert!(reads("SEARCH s USING", range), "{plan:#?}");
            assert!(reads("SEARCH q USING", "(organization=? AND id>? AND id<?)"), "{plan:#?}");
        }
    }

    #[test]
    fn the_last_leads_of_a_source_are_read_by_its_index() {
        let (organization, source) = (OrganizationId::generate(), SourceId::generate());
        let plan = plan_of(|connection| reasons_of_last_leads(connection, organization, source, 5));
        assert_eq!(plan, ["SEARCH leads USING INDEX leads_of_source (organization=? AND source=?)"]);
    }
}
