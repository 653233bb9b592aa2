//! Intake reports.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as UuidType};

pub(crate) use super::queries::reports::*;
use super::statement::{Column, Statement};
use crate::error::TransactionError;
use crate::reports::{IntakeCountRow, ReceivedRange};

/// One statement sees one state, so that its sums match, and counts where the rows are: a day may have millions of
/// them. diesel has no `WITH`.
macro_rules! intake {
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT ($1::uuid[])[1] AS organization, ($2::uuid[])[1] AS source, ($3::uuid[])[1] AS first,
                        ($4::uuid[])[1] AS \"end\"),
             received AS MATERIALIZED (
                 SELECT s.source, o.outcome, o.lead, q.reason
                 FROM submissions AS s
                 JOIN outcomes AS o ON o.organization = s.organization AND o.submission = s.id
                  AND o.revision = (SELECT max(h.revision) FROM outcomes AS h
                                    WHERE h.organization = s.organization AND h.submission = s.id)
                 LEFT JOIN quarantine AS q ON q.organization = s.organization AND q.id = s.id
                 WHERE s.organization = (SELECT organization FROM p)",
            $condition,
            "      AND s.id >= (SELECT first FROM p) AND s.id < (SELECT \"end\" FROM p)
                 UNION ALL
                 SELECT s.source, 'quarantined', NULL, q.reason
                 FROM quarantine AS q
                 JOIN submissions AS s ON s.organization = q.organization AND s.id = q.submission
                 WHERE q.organization = (SELECT organization FROM p)
                   AND q.id >= (SELECT first FROM p) AND q.id < (SELECT \"end\" FROM p)
                   AND q.submission <> q.id",
            $condition,
            "      AND NOT EXISTS (SELECT 1 FROM submissions AS own
                                   WHERE own.organization = q.organization AND own.id = q.id)),
             touched AS MATERIALIZED (
                 SELECT DISTINCT source, lead FROM received WHERE outcome IN ('created', 'updated')),
             judged AS MATERIALIZED (
                 SELECT t.source, l.eligibility, l.reasons
                 FROM touched AS t
                 JOIN leads AS l ON l.organization = (SELECT organization FROM p) AND l.id = t.lead
                 UNION ALL
                 SELECT NULL, l.eligibility, l.reasons
                 FROM (SELECT DISTINCT lead FROM touched) AS t
                 JOIN leads AS l ON l.organization = (SELECT organization FROM p) AND l.id = t.lead)
             SELECT 'submissions', source, outcome, reason, count(*)
             FROM received GROUP BY source, outcome, reason
             UNION ALL
             SELECT 'leads', source, eligibility, NULL, count(*) FROM judged GROUP BY source, eligibility
             UNION ALL
             SELECT 'held', source, r, NULL, count(*)
             FROM judged CROSS JOIN json_array_elements_text(judged.reasons::json) AS r
             WHERE eligibility = 'held' GROUP BY source, r"
        )
    };
}

/// How many there are of each kind.
pub(crate) fn count_intake(
    connection: &mut PgConnection,
    received: &ReceivedRange,
) -> Result<Vec<IntakeCountRow>, TransactionError> {
    let text = match received.source {
        None => intake!(""),
        Some(_) => intake!(" AND s.source = (SELECT source FROM p)"),
    };
    let columns = [
        Column::ids([received.organization].into_iter()),
        Column::optional_ids([received.source].into_iter()),
        Column::ids([received.first].into_iter()),
        Column::ids([received.end].into_iter()),
    ];
    let statement = Statement::<(Text, Nullable<UuidType>, Text, Nullable<Text>, BigInt)>::new(text, columns);
    let rows: Vec<(String, _, String, _, i64)> = statement.load(connection)?;
    rows.into_iter().map(|row| Ok(IntakeCountRow::read(row)?)).collect()
}
