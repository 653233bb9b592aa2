use crate::sql::{MappingSql, SourceSql};

macro_rules! rows {
    () => {
        "json_to_recordset($1::json) AS r (
             id uuid, organization uuid, dialect text, name text, revision integer, default_region text, timezone text,
             tags text[], identity_rule text, identity jsonb, gmail_identity text, policy text, consent text, consent_max_age bigint, rate text,
             campaign text, networks text[], signature jsonb, disabled_at timestamptz,
             deleted_at timestamptz, created_at timestamptz, generation bigint)"
    };
}

macro_rules! insert_source {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO sources (id, organization, dialect, name, revision, default_region, timezone, tags,
                                  identity_rule, identity, gmail_identity, policy, consent, consent_max_age, rate, campaign,
                                  networks, signature, created_at, generation)
             SELECT id, organization, dialect, name, revision, default_region, timezone, tags,
                    identity_rule, identity, gmail_identity, policy, consent, consent_max_age, rate, campaign, networks,
                    signature, created_at, generation
             FROM ",
            rows!(),
            $conflict
        )
    };
}

macro_rules! source {
    () => {
        "json_build_object(
            'id', s.id, 'organization', s.organization, 'dialect', s.dialect, 'name', s.name,
            'revision', s.revision, 'default_region', s.default_region, 'timezone', s.timezone,
            'tags', s.tags,
            'identity_rule', s.identity_rule, 'identity', s.identity, 'gmail_identity', s.gmail_identity,
            'policy', s.policy,
            'consent', s.consent, 'consent_max_age', s.consent_max_age, 'rate', s.rate, 'campaign', s.campaign, 'networks', s.networks,
            'signature', s.signature, 'mapping_version', s.mapping_version, 'mapping', s.mapping,
            'disabled_at', s.disabled_at, 'deleted_at', s.deleted_at, 'created_at', s.created_at)::text"
    };
}

macro_rules! sources {
    ($rows:literal, $condition:literal) => {
        concat!(
            "SELECT ",
            source!(),
            " FROM json_to_recordset($1::json) AS r (",
            $rows,
            ") JOIN sources AS s ON ",
            $condition
        )
    };
}

pub(super) const SOURCES: SourceSql = SourceSql {
    insert: insert_source!(""),
    insert_default: insert_source!(" ON CONFLICT (organization, dialect) WHERE name IS NULL DO NOTHING"),
    default_of: sources!(
        "organization uuid, dialect text",
        "s.organization = r.organization AND s.dialect = r.dialect AND s.name IS NULL"
    ),
    by_organization: sources!(
        "organization uuid, id uuid, most bigint",
        "s.organization = r.organization AND s.id > r.id ORDER BY s.id
         LIMIT (SELECT most FROM json_to_recordset($1::json) AS p (most bigint))"
    ),
    count: "
        SELECT count(*)::text FROM json_to_recordset($1::json) AS r (organization uuid)
        JOIN sources AS s ON s.organization = r.organization AND s.deleted_at IS NULL",
    by_id: sources!("id uuid", "s.id = r.id"),
    campaign: sources!("id text", "s.campaign = r.id"),
    update: concat!(
        "UPDATE sources AS s
         SET name = r.name, revision = s.revision + 1, default_region = r.default_region, timezone = r.timezone,
             tags = r.tags,
             identity_rule = r.identity_rule, identity = r.identity, gmail_identity = r.gmail_identity, policy = r.policy, consent = r.consent,
             consent_max_age = r.consent_max_age,
             rate = r.rate, campaign = r.campaign, networks = r.networks, signature = r.signature,
             disabled_at = r.disabled_at, deleted_at = r.deleted_at, generation = r.generation
         FROM ",
        rows!(),
        " WHERE s.id = r.id AND s.organization = r.organization AND s.revision = r.revision RETURNING ",
        source!()
    ),
    since: concat!(
        "WITH p AS MATERIALIZED (
             SELECT * FROM json_to_recordset($1::json) AS p (generation bigint, id uuid, most bigint))
         SELECT json_build_array(s.generation, s.id, ",
        source!(),
        "::json)::text
         FROM sources AS s
         WHERE (s.generation, s.id) > ((SELECT generation FROM p), (SELECT id FROM p))
         ORDER BY s.generation, s.id
         LIMIT (SELECT most FROM p)"
    ),
};

pub(super) const MAPPINGS: MappingSql = MappingSql {
    // The writer holds the lock of the installation's row, so counts are serialized.
    add: "
        INSERT INTO mappings AS n (organization, source, version, document, created_at)
        SELECT s.organization, s.id,
               1 + coalesce((SELECT max(m.version) FROM mappings AS m
                             WHERE m.organization = s.organization AND m.source = s.id), 0),
               r.document, r.created_at
        FROM json_to_recordset($1::json) AS r (organization uuid, source uuid, document jsonb,
                                               created_at timestamptz)
        JOIN sources AS s ON s.organization = r.organization AND s.id = r.source
        RETURNING n.version::text",
    activate: "
        UPDATE sources AS s
        SET mapping_version = m.version, mapping = m.document, revision = s.revision + 1,
            generation = r.generation
        FROM json_to_recordset($1::json) AS r (organization uuid, source uuid, version integer,
                                               generation bigint)
        LEFT JOIN mappings AS m
               ON m.organization = r.organization AND m.source = r.source AND m.version = r.version
        WHERE s.organization = r.organization AND s.id = r.source
          AND (r.version IS NULL OR m.version IS NOT NULL)",
    by_source: "
        SELECT json_build_object('version', m.version, 'mapping', m.document, 'created_at', m.created_at,
                                 'active', s.mapping_version IS NOT DISTINCT FROM m.version)::text
        FROM json_to_recordset($1::json) AS r (organization uuid, source uuid)
        JOIN sources AS s ON s.organization = r.organization AND s.id = r.source
        JOIN mappings AS m ON m.organization = s.organization AND m.source = s.id
        ORDER BY m.version",
};
