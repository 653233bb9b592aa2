use crate::sql::{KeySql, TagSql};

macro_rules! key {
    () => {
        "json_build_object(
            'id', k.id, 'kind', k.kind, 'organization', k.organization, 'source', k.source, 'name', k.name,
            'scopes', k.scopes, 'rate', k.rate, 'test', k.test, 'origins', k.origins, 'tags', k.tags,
            'label', k.label, 'created_by', k.created_by, 'organization_wide', k.organization_wide, 'hash', k.hash, 'created_at', k.created_at, 'expires_at', k.expires_at,
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

pub(super) const KEYS: KeySql = KeySql {
    insert: "
        INSERT INTO api_keys (id, kind, organization, source, name, scopes, rate, test, origins, tags, label,
                              created_by, organization_wide, hash, created_at, expires_at, revoked_at, generation)
        SELECT id, kind, organization, source, name, scopes, rate, test, origins, tags, label,
               created_by, organization_wide, hash, created_at, expires_at, revoked_at, generation
        FROM json_to_recordset($1::json) AS r (
            id text, kind text, organization uuid, source uuid, name text, scopes text[], rate text,
            test boolean, origins text[], tags text[], label text, created_by text, organization_wide boolean,
            hash text, created_at timestamptz,
            expires_at timestamptz, revoked_at timestamptz, generation bigint)",
    by_organization: keys!("organization uuid", "k.organization = r.organization ORDER BY k.id"),
    count: "
        SELECT count(*)::text FROM json_to_recordset($1::json) AS r (organization uuid)
        JOIN api_keys AS k ON k.organization = r.organization
        WHERE k.revoked_at IS NULL",
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
    revoke_created_by: concat!(
        "UPDATE api_keys AS k SET revoked_at = r.revoked_at, generation = r.generation
         FROM json_to_recordset($1::json) AS r (id text, organization uuid, revoked_at timestamptz,
                                                generation bigint)
         WHERE k.organization = r.organization AND k.created_by = r.id AND k.revoked_at IS NULL
         RETURNING ",
        key!()
    ),
    revoke_of_source: concat!(
        "UPDATE api_keys AS k SET revoked_at = r.revoked_at, generation = r.generation
         FROM json_to_recordset($1::json) AS r (organization uuid, source uuid, revoked_at timestamptz,
                                                generation bigint)
         WHERE k.organization = r.organization AND k.source = r.source AND k.revoked_at IS NULL
         RETURNING ",
        key!()
    ),
    update: "
        UPDATE api_keys AS k
         SET name = r.name, scopes = r.scopes, rate = r.rate, origins = r.origins, tags = r.tags,
             generation = r.generation
         FROM json_to_recordset($1::json) AS r (id text, organization uuid, name text, scopes text[], rate text,
                                                origins text[], tags text[], generation bigint)
         WHERE k.id = r.id AND k.organization = r.organization AND k.revoked_at IS NULL",
    count_tokens: "
        SELECT count(*)::text FROM json_to_recordset($1::json) AS r (organization uuid, source uuid)
        JOIN api_keys AS k ON k.organization = r.organization AND k.source = r.source
        WHERE k.kind = 'token' AND k.revoked_at IS NULL",
    retire: concat!(
        "UPDATE api_keys AS k
         SET expires_at = least(k.expires_at, r.expires_at), generation = r.generation
         FROM json_to_recordset($1::json) AS r (id text, organization uuid, expires_at timestamptz,
                                                generation bigint)
         WHERE k.id = r.id AND k.organization = coalesce(r.organization, k.organization)
           AND k.revoked_at IS NULL
         RETURNING ",
        key!()
    ),
    since: concat!(
        "WITH p AS MATERIALIZED (
             SELECT * FROM json_to_recordset($1::json) AS p (generation bigint, id text, most bigint))
         SELECT json_build_array(k.generation, k.id, ",
        key!(),
        "::json)::text
         FROM api_keys AS k
         WHERE (k.generation, k.id) > ((SELECT generation FROM p), (SELECT id FROM p))
         ORDER BY k.generation, k.id
         LIMIT (SELECT most FROM p)"
    ),
};

macro_rules! tags {
    ($rows:literal, $condition:literal) => {
        concat!(
            "SELECT json_build_object('id', t.id, 'name', t.name, 'created_at', t.created_at)::text
             FROM json_to_recordset($1::json) AS r (",
            $rows,
            ") JOIN tags AS t ON t.organization = r.organization ",
            $condition
        )
    };
}

pub(super) const TAGS: TagSql = TagSql {
    insert: "
        INSERT INTO tags (organization, id, name, created_at)
        SELECT r.organization,
               1 + coalesce((SELECT max(t.id) FROM tags AS t WHERE t.organization = r.organization), 0),
               r.name, r.created_at
        FROM json_to_recordset($1::json) AS r (organization uuid, name text, created_at timestamptz)
        ON CONFLICT (organization, name) DO NOTHING",
    named: tags!("organization uuid, name text", "AND t.name = r.name"),
    by_id: tags!("organization uuid, id bigint", "AND t.id = r.id"),
    by_organization: tags!(
        "organization uuid, id bigint, most bigint",
        "AND t.id > r.id ORDER BY t.id LIMIT (SELECT most FROM json_to_recordset($1::json) AS p (most bigint))"
    ),
};
