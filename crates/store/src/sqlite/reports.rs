use crate::sql::ReportSql;

macro_rules! intake {
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT value FROM json_each($1)),
             received AS MATERIALIZED (
                 SELECT s.source, o.outcome, o.lead, q.reason
                 FROM submissions AS s CROSS JOIN outcomes AS o
                 LEFT JOIN quarantine AS q ON q.organization = s.organization AND q.id = s.id
                 WHERE s.organization = (SELECT value->>'organization' FROM p)",
            $condition,
            "      AND s.id >= (SELECT value->>'first' FROM p) AND s.id < (SELECT value->>'end' FROM p)
                   AND o.organization = s.organization AND o.submission = s.id
                   AND o.revision = (SELECT max(h.revision) FROM outcomes AS h
                                     WHERE h.organization = s.organization AND h.submission = s.id)
                 UNION ALL
                 SELECT s.source, 'quarantined', NULL, q.reason
                 FROM quarantine AS q CROSS JOIN submissions AS s
                 WHERE q.organization = (SELECT value->>'organization' FROM p)
                   AND q.id >= (SELECT value->>'first' FROM p) AND q.id < (SELECT value->>'end' FROM p)
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
                 WHERE l.organization = (SELECT value->>'organization' FROM p) AND l.id = t.lead),
             judged AS MATERIALIZED (
                 SELECT t.source, once.eligibility, once.reasons
                 FROM touched AS t JOIN once ON once.lead = t.lead
                 UNION ALL
                 SELECT NULL, once.eligibility, once.reasons FROM once)
             SELECT json_object('of', 'submissions', 'source', source, 'code', outcome, 'reason', reason,
                                'count', count(*))
             FROM received GROUP BY source, outcome, reason
             UNION ALL
             SELECT json_object('of', 'leads', 'source', source, 'code', eligibility, 'count', count(*))
             FROM judged GROUP BY source, eligibility
             UNION ALL
             SELECT json_object('of', 'held', 'source', judged.source, 'code', r.value, 'count', count(*))
             FROM judged CROSS JOIN json_each(judged.reasons) AS r
             WHERE judged.eligibility = 'held' GROUP BY judged.source, r.value"
        )
    };
}

pub(super) const REPORTS: ReportSql = ReportSql {
    intake: intake!(""),
    intake_of_source: intake!(" AND s.source = (SELECT value->>'source' FROM p)"),
    recent_leads: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1)),
             page AS MATERIALIZED (
                 SELECT l.reasons FROM leads AS l
                 WHERE l.organization = (SELECT value->>'organization' FROM p)
                   AND l.source = (SELECT value->>'source' FROM p)
                 ORDER BY l.received_at DESC, l.id DESC
                 LIMIT (SELECT value->>'most' FROM p))
        SELECT json_object(
            'leads', count(*),
            'no_contact', count(*) FILTER (
                WHERE EXISTS (SELECT 1 FROM json_each(page.reasons) AS r WHERE r.value = 'no_contact')))
        FROM page",
};
