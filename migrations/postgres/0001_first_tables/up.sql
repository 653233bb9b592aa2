-- The installation, always one row. `match_key` is the key for the hashes in claims and suppressions. It is
-- encrypted with a key from LEADGATE_SECRET. `generation` grows in every transaction that changes an
-- organization, a source, a key or `shards`. `shards` is the number of broker queues for leads. `epoch`
-- changes after each restore of a backup.
CREATE TABLE installation (
    id         smallint PRIMARY KEY CHECK (id = 1),
    match_key  text     NOT NULL,
    shards     integer  NOT NULL DEFAULT 1 CHECK (shards > 0),
    generation bigint   NOT NULL,
    epoch      uuid     NOT NULL
);

-- Tenants. `generation`, here and in other tables, is the installation's generation of the row's last change.
CREATE TABLE organizations (
    id          uuid        PRIMARY KEY,
    name        text        NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL,
    -- From this time its keys and tokens are refused.
    disabled_at timestamptz,
    generation  bigint      NOT NULL
);
CREATE INDEX organizations_by_generation ON organizations (generation, id);

-- Sources. A source without a name is the organization's default source for its dialect.
CREATE TABLE sources (
    id             uuid        PRIMARY KEY,
    organization   uuid        NOT NULL REFERENCES organizations (id),
    dialect        text        NOT NULL,
    name           text,
    revision       integer     NOT NULL,
    default_region text,
    timezone       text,
    tags           text[]      NOT NULL,
    identity_rule  text        NOT NULL,
    identity       jsonb       NOT NULL,
    gmail_identity text        NOT NULL DEFAULT 'exact',
    policy         text        NOT NULL,
    consent        text        NOT NULL,
    rate           text,
    created_at     timestamptz NOT NULL,
    -- From this time it accepts no leads.
    disabled_at    timestamptz,
    -- From this time it is not listed, and its keys and tokens are revoked. The row stays because leads refer
    -- to it.
    deleted_at     timestamptz,
    generation     bigint      NOT NULL
);
CREATE UNIQUE INDEX sources_default ON sources (organization, dialect) WHERE name IS NULL;
CREATE INDEX sources_by_organization ON sources (organization, id);
CREATE INDEX sources_by_generation ON sources (generation, id);

-- API keys. `hash` is the HMAC of the secret. The secret is not stored.
CREATE TABLE api_keys (
    id           text        PRIMARY KEY,
    organization uuid        NOT NULL REFERENCES organizations (id),
    source       uuid        NOT NULL REFERENCES sources (id),
    scopes       text[]      NOT NULL,
    rate         text,
    test         boolean     NOT NULL,
    created_by   text,
    organization_wide boolean NOT NULL DEFAULT false,
    hash         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    generation   bigint      NOT NULL
);
CREATE INDEX api_keys_by_organization ON api_keys (organization, id);
CREATE INDEX api_keys_by_generation ON api_keys (generation, id);

-- Submissions. A row never changes. A redelivered submission has the same id and inserts nothing.
-- `raw_encoding` is `text`, `base64` or `submission`. `submission` is for a row that the database refused in
-- any other form. Its `raw` is the base64 of the serialized submission.
CREATE TABLE submissions (
    organization         uuid        NOT NULL,
    id                   uuid        NOT NULL,
    source               uuid        NOT NULL,
    source_revision      integer     NOT NULL,
    dialect              text        NOT NULL,
    received_at          timestamptz NOT NULL,
    trust                text        NOT NULL DEFAULT 'public',
    client_address       text,
    client_user_agent    text,
    client_key           text,
    fields               jsonb       NOT NULL,
    raw                  text        NOT NULL,
    raw_encoding         text        NOT NULL CHECK (raw_encoding IN ('text', 'base64', 'submission')),
    body_hash            bytea       NOT NULL,
    idempotency_key_hash bytea,
    traceparent          text,
    extra                jsonb       NOT NULL,
    PRIMARY KEY (organization, id)
);

-- The lead of each identity key, and the first submission of each idempotency key. `key` is a keyed hash of
-- the value. There is no foreign key to leads, because a claim is inserted before its lead. The fill factor
-- leaves space for in-place updates of `last_seen`.
CREATE TABLE claims (
    organization    uuid        NOT NULL,
    kind            text        NOT NULL,
    key             bytea       NOT NULL,
    lead            uuid        NOT NULL,
    submission      uuid        NOT NULL,
    trust           text        NOT NULL DEFAULT 'public',
    body_hash       bytea,
    last_seen       timestamptz NOT NULL,
    protected_until timestamptz, -- NULL: no end
    PRIMARY KEY (organization, kind, key)
) WITH (fillfactor = 85);
-- The oldest idempotency keys, to purge them. The index uses the submission, which does not change. An index
-- over `last_seen` would prevent in-place updates of all claims.
CREATE INDEX claims_of_requests ON claims (submission) WHERE kind = 'idempotency';

-- Leads: the current state about one person. `document` is authoritative. The other columns repeat the values
-- by which queries filter and sort. They are written together with the document from the same value.
CREATE TABLE leads (
    organization   uuid        NOT NULL,
    id             uuid        NOT NULL,
    source         uuid        NOT NULL,
    external_id    text,
    phone_e164     text,
    email_address  text,
    status         text        NOT NULL,
    eligibility    text        NOT NULL,
    reasons        text[]      NOT NULL,
    eligible_until timestamptz,
    score          integer     NOT NULL,
    temperature    text        NOT NULL,
    tags           text[]      NOT NULL,
    is_test        boolean     NOT NULL,
    received_at    timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    document       jsonb       NOT NULL,
    PRIMARY KEY (organization, id)
) WITH (fillfactor = 90);
CREATE INDEX leads_newest ON leads (organization, received_at, id);
CREATE INDEX leads_of_source ON leads (organization, source, received_at, id);
CREATE INDEX leads_by_phone ON leads (organization, phone_e164) WHERE phone_e164 IS NOT NULL;
CREATE INDEX leads_by_email ON leads (organization, email_address) WHERE email_address IS NOT NULL;

-- The outcomes of each submission with their traces. Rows are only added. The highest revision is the current
-- outcome.
CREATE TABLE outcomes (
    organization uuid        NOT NULL,
    submission   uuid        NOT NULL,
    revision     integer     NOT NULL,
    outcome      text        NOT NULL,
    lead         uuid,
    decided_at   timestamptz NOT NULL,
    trace        jsonb       NOT NULL,
    PRIMARY KEY (organization, submission, revision)
);
CREATE INDEX outcomes_by_lead ON outcomes (organization, lead) WHERE lead IS NOT NULL;

-- Submissions that could not be processed. `document` is the base64 of the serialized submission if
-- `submissions` does not contain it, because its id was already used with another body.
CREATE TABLE quarantine (
    organization   uuid        NOT NULL,
    id             uuid        NOT NULL,
    submission     uuid        NOT NULL,
    reason         text        NOT NULL,
    body_hash      bytea       NOT NULL,
    document       text,
    quarantined_at timestamptz NOT NULL,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, submission, body_hash)
);

-- Contacts that an organization must not call or write to. Only the keyed hash in `key` is matched.
CREATE TABLE suppressions (
    organization uuid        NOT NULL,
    kind         text        NOT NULL,
    key          bytea       NOT NULL,
    value        text        NOT NULL,
    reason       text,
    added_at     timestamptz NOT NULL,
    PRIMARY KEY (organization, kind, key)
);

-- How often the processing of a submission was started after its third delivery. The row is deleted when the
-- submission is settled.
CREATE TABLE crash_attempts (
    submission uuid        PRIMARY KEY,
    attempts   integer     NOT NULL,
    last_at    timestamptz NOT NULL
);
