use crate::sql::{InstallationSql, OrganizationSql};

pub(super) const INSTALLATION: InstallationSql = InstallationSql {
    read: "
        SELECT json_object('match_key', match_key, 'shards', shards, 'generation', generation, 'epoch', epoch)
        FROM installation",
    found: "
        INSERT INTO installation (id, match_key, generation, epoch)
        SELECT 1, value->>'match_key', 0, value->>'epoch' FROM json_each($1) WHERE true
        ON CONFLICT (id) DO NOTHING",
    reseal: "
        UPDATE installation SET match_key = r.value->>'match_key' FROM json_each($1) AS r
        WHERE installation.match_key = r.value->>'before'",
    renew: "UPDATE installation SET epoch = (SELECT value->>'epoch' FROM json_each($1))",
    advance: "UPDATE installation SET generation = generation + 1 RETURNING json_quote(generation)",
    raise_shards: "
        UPDATE installation SET shards = r.value->>'shards', generation = generation + 1
        FROM json_each($1) AS r WHERE installation.shards < r.value->>'shards'",
    migrations: "SELECT json_quote(version) FROM __diesel_schema_migrations",
    clock: None,
};

macro_rules! organization {
    () => {
        "json_object('id', o.id, 'name', o.name, 'created_at', o.created_at, 'disabled_at', o.disabled_at,
                     'scoring_version', o.scoring_version, 'scoring', json(s.document))"
    };
}

pub(super) const ORGANIZATIONS: OrganizationSql = OrganizationSql {
    insert: "
        INSERT INTO organizations (id, name, created_at, generation)
        SELECT value->>'id', value->>'name', value->>'created_at', value->>'generation'
        FROM json_each($1) WHERE true
        ON CONFLICT (name) DO NOTHING",
    rename: "
        UPDATE organizations SET name = r.value->>'name', generation = r.value->>'generation'
        FROM json_each($1) AS r
        WHERE organizations.id = r.value->>'id'
          AND NOT EXISTS (SELECT 1 FROM organizations AS taken WHERE taken.name = r.value->>'name')",
    set_disabled: "
        UPDATE organizations SET disabled_at = r.value->>'disabled_at', generation = r.value->>'generation'
        FROM json_each($1) AS r
        WHERE organizations.id = r.value->>'id'
          AND (organizations.disabled_at IS NULL) <> (r.value->>'disabled_at' IS NULL)",
    named: concat!(
        "SELECT ",
        organization!(),
        " FROM json_each($1) AS r CROSS JOIN organizations AS o
         LEFT JOIN scorings AS s ON s.organization = o.id AND s.version = o.scoring_version
         WHERE o.name = r.value->>'name'"
    ),
    since: concat!(
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
         SELECT json_array(o.generation, o.id, ",
        organization!(),
        ")
         FROM organizations AS o
         LEFT JOIN scorings AS s ON s.organization = o.id AND s.version = o.scoring_version
         WHERE (o.generation, o.id) > ((SELECT value->>'generation' FROM p), (SELECT value->>'id' FROM p))
         ORDER BY o.generation, o.id
         LIMIT (SELECT value->>'most' FROM p)"
    ),
};
