use crate::sql::ScoringSql;

pub(super) const SCORINGS: ScoringSql = ScoringSql {
    add: "
        INSERT INTO scorings (organization, version, document, created_at)
        SELECT o.id,
               1 + coalesce((SELECT max(s.version) FROM scorings AS s WHERE s.organization = o.id), 0),
               r.value->'document', r.value->>'created_at'
        FROM json_each($1) AS r CROSS JOIN organizations AS o
        WHERE o.id = r.value->>'organization'
        RETURNING json_quote(version)",
    activate: "
        UPDATE organizations AS o
        SET scoring_version = s.version, generation = r.value->>'generation'
        FROM json_each($1) AS r
        LEFT JOIN scorings AS s
               ON s.organization = r.value->>'organization' AND s.version = r.value->>'version'
        WHERE o.id = r.value->>'organization' AND (r.value->>'version' IS NULL OR s.version IS NOT NULL)",
    delete: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        DELETE FROM scorings
        WHERE organization = (SELECT value->>'organization' FROM p)
          AND version <= (SELECT value->>'version' FROM p)",
    by_organization: "
        SELECT json_object('version', s.version, 'document', json(s.document), 'created_at', s.created_at,
                           'active', json(iif(o.scoring_version IS s.version, 'true', 'false')))
        FROM json_each($1) AS r CROSS JOIN organizations AS o CROSS JOIN scorings AS s
        WHERE o.id = r.value->>'organization' AND s.organization = o.id
        ORDER BY s.version",
};
