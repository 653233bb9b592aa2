use crate::sql::{Installation, Organizations};

pub(super) const INSTALLATION: Installation = Installation {
    read: "SELECT json_build_object('match_key', match_key, 'shards', shards, 'generation', generation)::text
           FROM installation",
    found: "
        INSERT INTO installation (id, match_key, generation)
        SELECT 1, match_key, 0 FROM json_to_recordset($1::json) AS r (match_key text)
        ON CONFLICT (id) DO NOTHING",
    reseal: "
        UPDATE installation AS i SET match_key = r.match_key
        FROM json_to_recordset($1::json) AS r (before text, match_key text)
        WHERE i.match_key = r.before",
    advance: "UPDATE installation SET generation = generation + 1 RETURNING generation::text",
    raise_shards: "
        UPDATE installation SET shards = r.shards, generation = generation + 1
        FROM json_to_recordset($1::json) AS r (shards integer) WHERE installation.shards < r.shards",
    migrations: "SELECT to_json(version)::text FROM __diesel_schema_migrations",
};

macro_rules! organizations {
    ($rows:literal, $condition:literal) => {
        concat!(
            "SELECT json_build_object('id', o.id, 'name', o.name, 'created_at', o.created_at,
                                      'scoring_version', o.scoring_version, 'scoring', s.document)::text
             FROM json_to_recordset($1::json) AS r (",
            $rows,
            ") CROSS JOIN organizations AS o
             LEFT JOIN scorings AS s ON s.organization = o.id AND s.version = o.scoring_version
             WHERE ",
            $condition
        )
    };
}

pub(super) const ORGANIZATIONS: Organizations = Organizations {
    insert: "
        INSERT INTO organizations (id, name, created_at, generation)
        SELECT id, name, created_at, generation
        FROM json_to_recordset($1::json) AS r (id uuid, name text, created_at timestamptz, generation bigint)
        ON CONFLICT (name) DO NOTHING",
    named: organizations!("name text", "o.name = r.name"),
    since: organizations!("generation bigint", "o.generation > r.generation ORDER BY o.name"),
};
