use crate::sql::Suppressions;

pub(super) const SUPPRESSIONS: Suppressions = Suppressions {
    among: "
        SELECT json_object('organization', s.organization, 'kind', s.kind, 'key', lower(hex(s.key)),
                           'added_at', s.added_at)
        FROM json_each($1) AS r CROSS JOIN suppressions AS s
        WHERE s.organization = r.value->>'organization' AND s.kind = r.value->>'kind'
          AND s.key = unhex(r.value->>'key')",
    insert: "
        INSERT INTO suppressions (organization, kind, key, value, reason, added_at)
        SELECT value->>'organization', value->>'kind', unhex(value->>'key'), value->>'value',
               value->>'reason', value->>'added_at'
        FROM json_each($1) WHERE true
        ON CONFLICT (organization, kind, key) DO NOTHING",
    remove: "
        DELETE FROM suppressions WHERE (organization, kind, key) IN (
            SELECT value->>'organization', value->>'kind', unhex(value->>'key') FROM json_each($1))
        RETURNING json_object('organization', organization, 'kind', kind, 'key', lower(hex(key)),
                              'value', value, 'reason', reason, 'added_at', added_at)",
    page: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        SELECT json_object('organization', s.organization, 'kind', s.kind, 'key', lower(hex(s.key)),
                           'value', s.value, 'reason', s.reason, 'added_at', s.added_at)
        FROM suppressions AS s
        WHERE s.organization = (SELECT value->>'organization' FROM p)
          AND (s.kind, s.key) > ((SELECT value->>'kind' FROM p), (SELECT unhex(value->>'key') FROM p))
        ORDER BY s.organization, s.kind, s.key
        LIMIT (SELECT value->>'most' FROM p)",
};
