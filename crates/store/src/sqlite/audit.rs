use crate::sql::AuditSql;

// By its own estimate SQLite would rather read everything of the organization in order than an index that is too.
macro_rules! page {
    ($index:literal, $condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
             SELECT json_object('id', a.id, 'at', a.at, 'actor', a.actor, 'action', a.action,
                                'target', a.target, 'detail', json(a.detail))
             FROM audit AS a ",
            $index,
            "
             WHERE a.organization = (SELECT value->>'organization' FROM p)",
            $condition,
            "  AND a.id >= (SELECT value->>'first' FROM p) AND a.id < (SELECT value->>'before' FROM p)
             ORDER BY a.id DESC
             LIMIT (SELECT value->>'most' FROM p)"
        )
    };
}

pub(super) const AUDIT: AuditSql = AuditSql {
    insert: "
        INSERT INTO audit (organization, id, at, actor, action, target, detail)
        SELECT value->>'organization', value->>'id', value->>'at', value->>'actor', value->>'action',
               value->>'target', value->'detail'
        FROM json_each($1) WHERE true
        ON CONFLICT (organization, id) DO NOTHING",
    page: page!("", ""),
    page_of_actor: page!(
        "INDEXED BY audit_by_actor",
        " AND a.actor = (SELECT value->>'actor' FROM p)
          AND a.action = coalesce((SELECT value->>'action' FROM p), a.action)"
    ),
    page_of_action: page!("INDEXED BY audit_by_action", " AND a.action = (SELECT value->>'action' FROM p)"),
};
