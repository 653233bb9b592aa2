use crate::sql::ScoringSql;

pub(super) const SCORINGS: ScoringSql = ScoringSql {
    // The transaction has locked the installation's row, so versions are counted by one transaction at a
    // time.
    add: "
        INSERT INTO scorings AS n (organization, version, document, created_at)
        SELECT o.id,
               1 + coalesce((SELECT max(s.version) FROM scorings AS s WHERE s.organization = o.id), 0),
               r.document, r.created_at
        FROM json_to_recordset($1::json) AS r (organization uuid, document jsonb, created_at timestamptz)
        JOIN organizations AS o ON o.id = r.organization
        RETURNING n.version::text",
    activate: "
        UPDATE organizations AS o
        SET scoring_version = s.version, generation = r.generation
        FROM json_to_recordset($1::json) AS r (organization uuid, version integer, generation bigint)
        LEFT JOIN scorings AS s ON s.organization = r.organization AND s.version = r.version
        WHERE o.id = r.organization AND (r.version IS NULL OR s.version IS NOT NULL)",
    delete: "
        DELETE FROM scorings AS s
        USING json_to_recordset($1::json) AS r (organization uuid, version integer)
        WHERE s.organization = r.organization AND s.version <= r.version",
    by_organization: "
        SELECT json_build_object('version', s.version, 'document', s.document, 'created_at', s.created_at,
                                 'active', o.scoring_version IS NOT DISTINCT FROM s.version)::text
        FROM json_to_recordset($1::json) AS r (organization uuid)
        JOIN organizations AS o ON o.id = r.organization
        JOIN scorings AS s ON s.organization = o.id
        ORDER BY s.version",
};
