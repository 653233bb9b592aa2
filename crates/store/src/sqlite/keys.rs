use crate::sql::{KeySql, TagSql};

// The table goes by its own name: RETURNING knows no other.
macro_rules! key {
    () => {
        "json_object(
            'id', api_keys.id, 'kind', api_keys.kind, 'organization', api_keys.organization,
            'source', api_keys.source, 'name', api_keys.name, 'scopes', json(api_keys.scopes),
            'rate', api_keys.rate, 'test', json(iif(api_keys.test, 'true', 'false')),
            'origins', json(api_keys.origins), 'tags', json(api_keys.tags), 'label', api_keys.label,
            'created_by', api_keys.created_by,
            'organization_wide', json(iif(api_keys.organization_wide, 'true', 'false')), 'hash', api_keys.hash, 'created_at', api_keys.created_at, 'expires_at', api_keys.expires_at,
            'revoked_at', api_keys.revoked_at)"
    };
}

macro_rules! keys {
    ($condition:literal) => {
        concat!("SELECT ", key!(), " FROM json_each($1) AS r CROSS JOIN api_keys WHERE ", $condition)
    };
}

pub(super) const KEYS: KeySql = KeySql {
    insert: "
        INSERT INTO api_keys (id, kind, organization, source, name, scopes, rate, test, origins, tags, label,
                              created_by, organization_wide, hash, created_at, expires_at, revoked_at, generation)
        SELECT value->>'id', value->>'kind', value->>'organization', value->>'source', value->>'name',
               value->'scopes', value->>'rate', value->>'test', value->'origins', value->'tags',
               value->>'label', value->>'created_by', value->>'organization_wide', value->>'hash', value->>'created_at', value->>'expires_at',
               value->>'revoked_at', value->>'generation'
        FROM json_each($1)",
    by_organization: keys!("api_keys.organization = r.value->>'organization' ORDER BY api_keys.id"),
    count: "
        SELECT json_quote(count(*)) FROM json_each($1) AS r CROSS JOIN api_keys
        WHERE api_keys.organization = r.value->>'organization' AND api_keys.revoked_at IS NULL",
    by_id: keys!("api_keys.id = r.value->>'id'"),
    revoke: concat!(
        "UPDATE api_keys
         SET revoked_at = coalesce(api_keys.revoked_at, r.value->>'revoked_at'),
             generation = r.value->>'generation'
         FROM json_each($1) AS r
         WHERE api_keys.id = r.value->>'id'
           AND api_keys.organization = coalesce(r.value->>'organization', api_keys.organization)
         RETURNING ",
        key!()
    ),
    revoke_created_by: concat!(
        "UPDATE api_keys SET revoked_at = r.value->>'revoked_at', generation = r.value->>'generation'
         FROM json_each($1) AS r
         WHERE api_keys.organization = r.value->>'organization' AND api_keys.created_by = r.value->>'id'
           AND api_keys.revoked_at IS NULL
         RETURNING ",
        key!()
    ),
    revoke_of_source: concat!(
        "UPDATE api_keys SET revoked_at = r.value->>'revoked_at', generation = r.value->>'generation'
         FROM json_each($1) AS r
         WHERE api_keys.organization = r.value->>'organization' AND api_keys.source = r.value->>'source'
           AND api_keys.revoked_at IS NULL
         RETURNING ",
        key!()
    ),
    update: "
        UPDATE api_keys
         SET name = r.value->>'name', scopes = r.value->'scopes', rate = r.value->>'rate',
             origins = r.value->'origins', tags = r.value->'tags', generation = r.value->>'generation'
         FROM json_each($1) AS r
         WHERE api_keys.id = r.value->>'id' AND api_keys.organization = r.value->>'organization'
           AND api_keys.revoked_at IS NULL",
    count_tokens: "
        SELECT json_quote(count(*)) FROM json_each($1) AS r CROSS JOIN api_keys
        WHERE api_keys.organization = r.value->>'organization' AND api_keys.source = r.value->>'source'
          AND api_keys.kind = 'token' AND api_keys.revoked_at IS NULL",
    // The `min` of several values is null if one of them is.
    retire: concat!(
        "UPDATE api_keys
         SET expires_at = min(coalesce(api_keys.expires_at, r.value->>'expires_at'),
                              r.value->>'expires_at'),
             generation = r.value->>'generation'
         FROM json_each($1) AS r
         WHERE api_keys.id = r.value->>'id'
           AND api_keys.organization = coalesce(r.value->>'organization', api_keys.organization)
           AND api_keys.revoked_at IS NULL
         RETURNING ",
        key!()
    ),
    since: concat!(
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
         SELECT json_array(api_keys.generation, api_keys.id, ",
        key!(),
        ")
         FROM api_keys
         WHERE (api_keys.generation, api_keys.id) > ((SELECT value->>'generation' FROM p), (SELECT value->>'id' FROM p))
         ORDER BY api_keys.generation, api_keys.id
         LIMIT (SELECT value->>'most' FROM p)"
    ),
};

macro_rules! tags {
    ($condition:literal) => {
        concat!(
            "SELECT json_object('id', t.id, 'name', t.name, 'created_at', t.created_at)
             FROM json_each($1) AS r CROSS JOIN tags AS t
             WHERE t.organization = r.value->>'organization' ",
            $condition
        )
    };
}

pub(super) const TAGS: TagSql = TagSql {
    insert: "
        INSERT INTO tags (organization, id, name, created_at)
        SELECT value->>'organization',
               1 + coalesce((SELECT max(t.id) FROM tags AS t WHERE t.organization = value->>'organization'), 0),
               value->>'name', value->>'created_at'
        FROM json_each($1) WHERE true
        ON CONFLICT (organization, name) DO NOTHING",
    named: tags!("AND t.name = r.value->>'name'"),
    by_id: tags!("AND t.id = r.value->>'id'"),
    by_organization: tags!(
        "AND t.id > r.value->>'id' ORDER BY t.id LIMIT (SELECT value->>'most' FROM json_each($1))"
    ),
};
