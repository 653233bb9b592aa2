use crate::sql::ReportSql;

macro_rules! intake {
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json)
                     AS p (organization uuid, source uuid, first uuid, \"end\" uuid)),
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
             SELECT json_build_object('of', 'submissions', 'source', source, 'code', outcome,
                                      'reason', reason, 'count', count(*))::text
             FROM received GROUP BY source, outcome, reason
             UNION ALL
             SELECT json_build_object('of', 'leads', 'source', source, 'code', eligibility,
                                      'count', count(*))::text
             FROM judged GROUP BY source, eligibility
             UNION ALL
             SELECT json_build_object('of', 'held', 'source', source, 'code', r, 'count', count(*))::text
             FROM judged CROSS JOIN unnest(judged.reasons) AS r
             WHERE eligibility = 'held' GROUP BY source, r"
        )
    };
}

pub(super) const REPORTS: ReportSql = ReportSql {
    intake: intake!(""),
    intake_of_source: intake!(" AND s.source = (SELECT source FROM p)"),
    // A range of one source and an order that begins with it: then no plan but that of `leads_of_source` needs no sort.
    recent_leads: "
        WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, source uuid, most int)),
             page AS MATERIALIZED (
                 SELECT l.reasons FROM leads AS l
                 WHERE l.organization = (SELECT organization FROM p)
                   AND l.source BETWEEN (SELECT source FROM p) AND (SELECT source FROM p)
                 ORDER BY l.source DESC, l.received_at DESC, l.id DESC
                 LIMIT (SELECT most FROM p))
        SELECT json_build_object(
            'leads', count(*), 'no_contact', count(*) FILTER (WHERE 'no_contact' = ANY (reasons)))::text
        FROM page",
};
