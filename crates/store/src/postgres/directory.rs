use crate::sql::{Installation, Keys, Organizations, Sources};

pub(super) const INSTALLATION: Installation = Installation {
    read: "SELECT json_build_object('match_key', match_key, 'generation', generation)::text FROM installation",
    found: "
        INSERT INTO installation (id, match_key, generation)
        SELECT 1, match_key, 0 FROM json_to_recordset($1::json) AS r (match_key text)
        ON CONFLICT (id) DO NOTHING",
    advance: "UPDATE installation SET generation = generation + 1 RETURNING generation::text",
    migrations: "SELECT to_json(version)::text FROM __diesel_schema_migrations",
};

macro_rules! organizations {
    ($rows:literal, $condition:literal) => {
        concat!(
            "SELECT json_build_object('id', o.id, 'name', o.name, 'created_at', o.created_at)::text
             FROM json_to_recordset($1::json) AS r (",
            $rows,
            ") JOIN organizations AS o ON ",
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

macro_rules! insert_source {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO sources (id, organization, dialect, name, revision, default_region, tags,
                                  identity_rule, identity, policy, consent, rate, created_at, generation)
             SELECT id, organization, dialect, name, revision, default_region, tags,
                    identity_rule, identity, policy, consent, rate, created_at, generation
             FROM json_to_recordset($1::json) AS r (
                 id uuid, organization uuid, dialect text, name text, revision integer, default_region text,
                 tags text[], identity_rule text, identity jsonb, policy text, consent text, rate text,
                 created_at timestamptz, generation bigint) ",
            $conflict
        )
    };
}

macro_rules! sources {
    ($rows:literal, $condition:literal) => {
        concat!(
            "SELECT json_build_object(
                'id', s.id, 'organization', s.organization, 'dialect', s.dialect, 'name', s.name,
                'revision', s.revision, 'default_region', s.default_region, 'tags', s.tags,
                'identity_rule', s.identity_rule, 'identity', s.identity, 'policy', s.policy,
                'consent', s.consent, 'rate', s.rate, 'created_at', s.created_at)::text
             FROM json_to_recordset($1::json) AS r (",
            $rows,
            ") JOIN sources AS s ON ",
            $condition
        )
    };
}

pub(super) const SOURCES: Sources = Sources {
    insert: insert_source!(""),
    insert_default: insert_source!("ON CONFLICT (organization, dialect) WHERE name IS NULL DO NOTHING"),
    default_of: sources!(
        "organization uuid, dialect text",
        "s.organization = r.organization AND s.dialect = r.dialect AND s.name IS NULL"
    ),
    of: sources!("organization uuid", "s.organization = r.organization ORDER BY s.id"),
    by_id: sources!("id uuid", "s.id = r.id"),
    since: sources!("generation bigint", "s.generation > r.generation"),
};

macro_rules! key {
    () => {
        "json_build_object(
            'id', k.id, 'organization', k.organization, 'source', k.source, 'scopes', k.scopes,
            'rate', k.rate, 'test', k.test, 'hash', k.hash, 'created_at', k.created_at,
            'revoked_at', k.revoked_at)::text"
    };
}

macro_rules! keys {
    ($rows:literal, $condition:literal) => {
        concat!(
            "SELECT ",
            key!(),
            " FROM json_to_recordset($1::json) AS r (",
            $rows,
            ") JOIN api_keys AS k ON ",
            $condition
        )
    };
}

pub(super) const KEYS: Keys = Keys {
    insert: "
        INSERT INTO api_keys (id, organization, source, scopes, rate, test, hash, created_at, revoked_at,
                              generation)
        SELECT id, organization, source, scopes, rate, test, hash, created_at, revoked_at, generation
        FROM json_to_recordset($1::json) AS r (
            id text, organization uuid, source uuid, scopes text[], rate text, test boolean, hash text,
            created_at timestamptz, revoked_at timestamptz, generation bigint)",
    of: keys!("organization uuid", "k.organization = r.organization ORDER BY k.id"),
    by_id: keys!("id text", "k.id = r.id"),
    revoke: concat!(
        "UPDATE api_keys AS k
         SET revoked_at = coalesce(k.revoked_at, r.revoked_at), generation = r.generation
         FROM json_to_recordset($1::json) AS r (id text, organization uuid, revoked_at timestamptz,
                                                generation bigint)
         WHERE k.id = r.id AND k.organization = coalesce(r.organization, k.organization)
         RETURNING ",
        key!()
    ),
    since: keys!("generation bigint", "k.generation > r.generation"),
};
