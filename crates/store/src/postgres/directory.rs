use crate::sql::{InstallationSql, OrganizationSql};

pub(super) const INSTALLATION: InstallationSql = InstallationSql {
    read: "SELECT json_build_object('match_key', match_key, 'shards', shards, 'generation', generation, 'epoch', epoch,
                                    'now', clock_timestamp())::text
           FROM installation",
    found: "
        INSERT INTO installation (id, match_key, generation, epoch)
        SELECT 1, match_key, 0, epoch FROM json_to_recordset($1::json) AS r (match_key text, epoch uuid)
        ON CONFLICT (id) DO NOTHING",
    reseal: "
        UPDATE installation AS i SET match_key = r.match_key
        FROM json_to_recordset($1::json) AS r (before text, match_key text)
        WHERE i.match_key = r.before",
    renew: "UPDATE installation SET epoch = r.epoch FROM json_to_recordset($1::json) AS r (epoch uuid)",
    advance: "UPDATE installation SET generation = generation + 1 RETURNING generation::text",
    raise_shards: "
        UPDATE installation SET shards = r.shards, generation = generation + 1
        FROM json_to_recordset($1::json) AS r (shards integer) WHERE installation.shards < r.shards",
    migrations: "SELECT to_json(version)::text FROM __diesel_schema_migrations",
    clock: Some("SELECT to_json(clock_timestamp())::text"),
};

macro_rules! organization {
    () => {
        "json_build_object('id', o.id, 'name', o.name, 'created_at', o.created_at, 'disabled_at', o.disabled_at,
                           'scoring_version', o.scoring_version, 'scoring', s.document)::text"
    };
}

pub(super) const ORGANIZATIONS: OrganizationSql = OrganizationSql {
    insert: "
        INSERT INTO organizations (id, name, created_at, generation)
        SELECT id, name, created_at, generation
        FROM json_to_recordset($1::json) AS r (id uuid, name text, created_at timestamptz, generation bigint)
        ON CONFLICT (name) DO NOTHING",
    rename: "
        UPDATE organizations AS o SET name = r.name, generation = r.generation
        FROM json_to_recordset($1::json) AS r (id uuid, name text, generation bigint)
        WHERE o.id = r.id AND NOT EXISTS (SELECT FROM organizations AS taken WHERE taken.name = r.name)",
    set_disabled: "
        UPDATE organizations AS o SET disabled_at = r.disabled_at, generation = r.generation
        FROM json_to_recordset($1::json) AS r (id uuid, disabled_at timestamptz, generation bigint)
        WHERE o.id = r.id AND (o.disabled_at IS NULL) <> (r.disabled_at IS NULL)",
    named: concat!(
        "SELECT ",
        organization!(),
        " FROM json_to_recordset($1::json) AS r (name text)
         JOIN organizations AS o ON o.name = r.name
         LEFT JOIN scorings AS s ON s.organization = o.id AND s.version = o.scoring_version"
    ),
    since: concat!(
        "WITH p AS MATERIALIZED (
             SELECT * FROM json_to_recordset($1::json) AS p (generation bigint, id uuid, most bigint))
         SELECT json_build_array(o.generation, o.id, ",
        organization!(),
        "::json)::text
         FROM organizations AS o
         LEFT JOIN scorings AS s ON s.organization = o.id AND s.version = o.scoring_version
         WHERE (o.generation, o.id) > ((SELECT generation FROM p), (SELECT id FROM p))
         ORDER BY o.generation, o.id
         LIMIT (SELECT most FROM p)"
    ),
};
