use crate::sql::AuditSql;

macro_rules! page {
    ($condition:literal, $by:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json)
                     AS p (organization uuid, actor text, action text, first uuid, before uuid, most int))
             SELECT json_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'action', a.action,
                                      'target', a.target, 'detail', a.detail)::text
             FROM audit AS a
             WHERE a.organization = (SELECT organization FROM p)",
            $condition,
            "  AND a.id >= (SELECT first FROM p) AND a.id < (SELECT before FROM p)
             ORDER BY ",
            $by,
            "a.id DESC
             LIMIT (SELECT most FROM p)"
        )
    };
}

pub(super) const AUDIT: AuditSql = AuditSql {
    insert: "
        INSERT INTO audit (organization, id, at, actor, action, target, detail)
        SELECT organization, id, at, actor, action, target, detail
        FROM json_to_recordset($1::json) AS r (organization uuid, id uuid, at timestamptz, actor text,
                                               action text, target text, detail jsonb)
        ON CONFLICT (organization, id) DO NOTHING",
    page: page!("", ""),
    page_of_actor: page!(
        " AND a.actor BETWEEN (SELECT actor FROM p) AND (SELECT actor FROM p)
          AND a.action = coalesce((SELECT action FROM p), a.action)",
        "a.actor DESC, "
    ),
    page_of_action: page!(
        " AND a.action BETWEEN (SELECT action FROM p) AND (SELECT action FROM p)",
        "a.action DESC, "
    ),
};
