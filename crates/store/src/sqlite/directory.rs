use crate::sql::{Installation, Keys, Organizations, Sources};

pub(super) const INSTALLATION: Installation = Installation {
    read: "SELECT json_object('match_key', match_key, 'generation', generation) FROM installation",
    found: "
        INSERT INTO installation (id, match_key, generation)
        SELECT 1, value->>'match_key', 0 FROM json_each($1) WHERE true
        ON CONFLICT (id) DO NOTHING",
    advance: "UPDATE installation SET generation = generation + 1 RETURNING json_quote(generation)",
    migrations: "SELECT json_quote(version) FROM __diesel_schema_migrations",
};

macro_rules! organizations {
    ($condition:literal) => {
        concat!(
            "SELECT json_object('id', o.id, 'name', o.name, 'created_at', o.created_at)
             FROM json_each($1) AS r CROSS JOIN organizations AS o WHERE ",
            $condition
        )
    };
}

pub(super) const ORGANIZATIONS: Organizations = Organizations {
    insert: "
        INSERT INTO organizations (id, name, created_at, generation)
        SELECT value->>'id', value->>'name', value->>'created_at', value->>'generation'
        FROM json_each($1) WHERE true
        ON CONFLICT (name) DO NOTHING",
    named: organizations!("o.name = r.value->>'name'"),
    since: organizations!("o.generation > r.value->>'generation' ORDER BY o.name"),
};

macro_rules! insert_source {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO sources (id, organization, dialect, name, revision, default_region, tags,
                                  identity_rule, identity, policy, consent, rate, created_at, generation)
             SELECT value->>'id', value->>'organization', value->>'dialect', value->>'name',
                    value->>'revision', value->>'default_region', value->'tags', value->>'identity_rule',
                    value->'identity', value->>'policy', value->>'consent', value->>'rate',
                    value->>'created_at', value->>'generation'
             FROM json_each($1) WHERE true ",
            $conflict
        )
    };
}

macro_rules! sources {
    ($condition:literal) => {
        concat!(
            "SELECT json_object(
                'id', s.id, 'organization', s.organization, 'dialect', s.dialect, 'name', s.name,
                'revision', s.revision, 'default_region', s.default_region, 'tags', json(s.tags),
                'identity_rule', s.identity_rule, 'identity', json(s.identity), 'policy', s.policy,
                'consent', s.consent, 'rate', s.rate, 'created_at', s.created_at)
             FROM json_each($1) AS r CROSS JOIN sources AS s WHERE ",
            $condition
        )
    };
}

pub(super) const SOURCES: Sources = Sources {
    insert: insert_source!(""),
    insert_default: insert_source!("ON CONFLICT (organization, dialect) WHERE name IS NULL DO NOTHING"),
    default_of: sources!(
        "s.organization = r.value->>'organization' AND s.dialect = r.value->>'dialect' AND s.name IS NULL"
    ),
    of: sources!("s.organization = r.value->>'organization' ORDER BY s.id"),
    by_id: sources!("s.id = r.value->>'id'"),
    since: sources!("s.generation > r.value->>'generation'"),
};

macro_rules! key {
    () => {
        "json_object(
            'id', k.id, 'organization', k.organization, 'source', k.source, 'scopes', json(k.scopes),
            'rate', k.rate, 'test', json(iif(k.test, 'true', 'false')), 'hash', k.hash,
            'created_at', k.created_at, 'revoked_at', k.revoked_at)"
    };
}

macro_rules! keys {
    ($condition:literal) => {
        concat!("SELECT ", key!(), " FROM json_each($1) AS r CROSS JOIN api_keys AS k WHERE ", $condition)
    };
}

pub(super) const KEYS: Keys = Keys {
    insert: "
        INSERT INTO api_keys (id, organization, source, scopes, rate, test, hash, created_at, revoked_at,
                              generation)
        SELECT value->>'id', value->>'organization', value->>'source', value->'scopes', value->>'rate',
               value->>'test', value->>'hash', value->>'created_at', value->>'revoked_at', value->>'generation'
        FROM json_each($1)",
    of: keys!("k.organization = r.value->>'organization' ORDER BY k.id"),
    by_id: keys!("k.id = r.value->>'id'"),
    revoke: concat!(
        "UPDATE api_keys AS k
         SET revoked_at = coalesce(k.revoked_at, r.value->>'revoked_at'), generation = r.value->>'generation'
         FROM json_each($1) AS r
         WHERE k.id = r.value->>'id'
           AND k.organization = coalesce(r.value->>'organization', k.organization)
         RETURNING ",
        // Not `k.`: RETURNING knows the table by its own name only.
        "json_object(
            'id', id, 'organization', organization, 'source', source, 'scopes', json(scopes),
            'rate', rate, 'test', json(iif(test, 'true', 'false')), 'hash', hash,
            'created_at', created_at, 'revoked_at', revoked_at)"
    ),
    since: keys!("k.generation > r.value->>'generation'"),
};
