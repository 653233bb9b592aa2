use crate::sql::Suppressions;

pub(super) const SUPPRESSIONS: Suppressions = Suppressions {
    among: "
        SELECT json_build_object('organization', s.organization, 'kind', s.kind, 'key', encode(s.key, 'hex'),
                                 'added_at', s.added_at)::text
        FROM json_to_recordset($1::json) AS r (organization uuid, kind text, key text)
        JOIN suppressions AS s
          ON s.organization = r.organization AND s.kind = r.kind AND s.key = decode(r.key, 'hex')",
    insert: "
        INSERT INTO suppressions (organization, kind, key, value, reason, added_at)
        SELECT organization, kind, decode(key, 'hex'), value, reason, added_at
        FROM json_to_recordset($1::json) AS r (organization uuid, kind text, key text, value text, reason text,
                                               added_at timestamptz)
        ON CONFLICT (organization, kind, key) DO NOTHING",
    remove: "
        DELETE FROM suppressions AS s
        USING json_to_recordset($1::json) AS r (organization uuid, kind text, key text)
        WHERE s.organization = r.organization AND s.kind = r.kind AND s.key = decode(r.key, 'hex')
        RETURNING json_build_object('organization', s.organization, 'kind', s.kind,
                                    'key', encode(s.key, 'hex'), 'value', s.value, 'reason', s.reason,
                                    'added_at', s.added_at)::text",
    page: "
        WITH p AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, kind text, key text, most int))
        SELECT json_build_object('organization', s.organization, 'kind', s.kind, 'key', encode(s.key, 'hex'),
                                 'value', s.value, 'reason', s.reason, 'added_at', s.added_at)::text
        FROM suppressions AS s
        WHERE s.organization = (SELECT organization FROM p)
          AND (s.kind, s.key) > ((SELECT kind FROM p), (SELECT decode(key, 'hex') FROM p))
        ORDER BY s.organization, s.kind, s.key
        LIMIT (SELECT most FROM p)",
};
