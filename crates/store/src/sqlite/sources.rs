use crate::sql::{MappingSql, SourceSql};

macro_rules! insert_source {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO sources (id, organization, dialect, name, revision, default_region, timezone, tags,
                                  identity_rule, identity, gmail_identity, policy, consent, consent_max_age, rate, campaign,
                                  networks, signature, created_at, generation)
             SELECT value->>'id', value->>'organization', value->>'dialect', value->>'name',
                    value->>'revision', value->>'default_region', value->>'timezone', value->'tags', value->>'identity_rule',
                    value->'identity', value->>'gmail_identity', value->>'policy', value->>'consent', value->>'consent_max_age', value->>'rate',
                    value->>'campaign', value->'networks', value->'signature',
                    value->>'created_at', value->>'generation'
             FROM json_each($1) WHERE true ",
            $conflict
        )
    };
}

// The table goes by its own name: RETURNING knows no other.
macro_rules! source {
    () => {
        "json_object(
            'id', sources.id, 'organization', sources.organization, 'dialect', sources.dialect,
            'name', sources.name, 'revision', sources.revision, 'default_region', sources.default_region, 'timezone', sources.timezone,
            'tags', json(sources.tags), 'identity_rule', sources.identity_rule,
            'identity', json(sources.identity), 'gmail_identity', sources.gmail_identity,
            'policy', sources.policy, 'consent', sources.consent,
            'consent_max_age', sources.consent_max_age,
            'rate', sources.rate, 'campaign', sources.campaign, 'networks', json(sources.networks),
            'signature', json(sources.signature), 'mapping_version', sources.mapping_version,
            'mapping', json(sources.mapping), 'disabled_at', sources.disabled_at,
            'deleted_at', sources.deleted_at, 'created_at', sources.created_at)"
    };
}

macro_rules! sources {
    ($condition:literal) => {
        concat!("SELECT ", source!(), " FROM json_each($1) AS r CROSS JOIN sources WHERE ", $condition)
    };
}

pub(super) const SOURCES: SourceSql = SourceSql {
    insert: insert_source!(""),
    insert_default: insert_source!("ON CONFLICT (organization, dialect) WHERE name IS NULL DO NOTHING"),
    default_of: sources!(
        "sources.organization = r.value->>'organization' AND sources.dialect = r.value->>'dialect'
         AND sources.name IS NULL"
    ),
    by_organization: sources!(
        "sources.organization = r.value->>'organization' AND sources.id > r.value->>'id' ORDER BY sources.id
         LIMIT (SELECT value->>'most' FROM json_each($1))"
    ),
    count: "
        SELECT json_quote(count(*)) FROM json_each($1) AS r CROSS JOIN sources
        WHERE sources.organization = r.value->>'organization' AND sources.deleted_at IS NULL",
    by_id: sources!("sources.id = r.value->>'id'"),
    campaign: sources!("sources.campaign = r.value->>'id'"),
    update: concat!(
        "UPDATE sources
         SET name = r.value->>'name', revision = sources.revision + 1,
             default_region = r.value->>'default_region', timezone = r.value->>'timezone', tags = r.value->'tags',
             identity_rule = r.value->>'identity_rule', identity = r.value->'identity', gmail_identity = r.value->>'gmail_identity',
             policy = r.value->>'policy', consent = r.value->>'consent',
             consent_max_age = r.value->>'consent_max_age', rate = r.value->>'rate',
             campaign = r.value->>'campaign', networks = r.value->'networks',
             signature = r.value->'signature', disabled_at = r.value->>'disabled_at',
             deleted_at = r.value->>'deleted_at', generation = r.value->>'generation'
         FROM json_each($1) AS r
         WHERE sources.id = r.value->>'id' AND sources.organization = r.value->>'organization'
           AND sources.revision = r.value->>'revision'
         RETURNING ",
        source!()
    ),
    since: concat!(
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
         SELECT json_array(sources.generation, sources.id, ",
        source!(),
        ")
         FROM sources
         WHERE (sources.generation, sources.id) > ((SELECT value->>'generation' FROM p), (SELECT value->>'id' FROM p))
         ORDER BY sources.generation, sources.id
         LIMIT (SELECT value->>'most' FROM p)"
    ),
};

pub(super) const MAPPINGS: MappingSql = MappingSql {
    add: "
        INSERT INTO mappings (organization, source, version, document, created_at)
        SELECT s.organization, s.id,
               1 + coalesce((SELECT max(m.version) FROM mappings AS m
                             WHERE m.organization = s.organization AND m.source = s.id), 0),
               r.value->'document', r.value->>'created_at'
        FROM json_each($1) AS r CROSS JOIN sources AS s
        WHERE s.organization = r.value->>'organization' AND s.id = r.value->>'source'
        RETURNING json_quote(version)",
    activate: "
        UPDATE sources AS s
        SET mapping_version = m.version, mapping = m.document, revision = s.revision + 1,
            generation = r.value->>'generation'
        FROM json_each($1) AS r
        LEFT JOIN mappings AS m
               ON m.organization = r.value->>'organization' AND m.source = r.value->>'source'
              AND m.version = r.value->>'version'
        WHERE s.organization = r.value->>'organization' AND s.id = r.value->>'source'
          AND (r.value->>'version' IS NULL OR m.version IS NOT NULL)",
    by_source: "
        SELECT json_object('version', m.version, 'mapping', json(m.document), 'created_at', m.created_at,
                           'active', json(iif(s.mapping_version IS m.version, 'true', 'false')))
        FROM json_each($1) AS r CROSS JOIN sources AS s CROSS JOIN mappings AS m
        WHERE s.organization = r.value->>'organization' AND s.id = r.value->>'source'
          AND m.organization = s.organization AND m.source = s.id
        ORDER BY m.version",
};
