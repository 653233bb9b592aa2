-- One row: what belongs to the installation as a whole. `match_key` hashes what must match for ever (claims,
-- suppressions), and is encrypted under a key from LEADGATE_SECRET; `generation` grows in every transaction that changes
-- an organization, a source, a key or `shards`, the number of the broker's queues that leads are spread over; `epoch` is
-- another one after each restore from a backup.
CREATE TABLE installation (
    id         smallint PRIMARY KEY CHECK (id = 1),
    match_key  text     NOT NULL,
    shards     integer  NOT NULL DEFAULT 1 CHECK (shards > 0),
    generation bigint   NOT NULL,
    epoch      uuid     NOT NULL
);

-- Tenants. `generation` here and below: the installation's generation in which the row last changed.
CREATE TABLE organizations (
    id          uuid        PRIMARY KEY,
    name        text        NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL,
    -- Since then its keys and tokens are refused.
    disabled_at timestamptz,
    generation  bigint      NOT NULL
);
CREATE INDEX organizations_by_generation ON organizations (generation, id);

-- Sources. The one without a name is its organization's default for the dialect.
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
    -- Since then it takes no leads in.
    disabled_at    timestamptz,
    -- Since then it is listed no more, and its keys and tokens are revoked. The row stays: leads refer to it.
    deleted_at     timestamptz,
    generation     bigint      NOT NULL
);
CREATE UNIQUE INDEX sources_default ON sources (organization, dialect) WHERE name IS NULL;
CREATE INDEX sources_by_organization ON sources (organization, id);
CREATE INDEX sources_by_generation ON sources (generation, id);

-- API keys. `hash` is the HMAC of the secret, which is kept nowhere.
CREATE TABLE api_keys (
    id           text        PRIMARY KEY,
    organization uuid        NOT NULL REFERENCES organizations (id),
    source       uuid        NOT NULL REFERENCES sources (id),
    scopes       text[]      NOT NULL,
    rate         text,
    test         boolean     NOT NULL,
    made_by      text,
    of_organization boolean  NOT NULL DEFAULT false,
    hash         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    generation   bigint      NOT NULL
);
CREATE INDEX api_keys_by_organization ON api_keys (organization, id);
CREATE INDEX api_keys_by_generation ON api_keys (generation, id);

-- What a client sent, once; never changed. It is the inbox too: a redelivered id inserts nothing.
-- `raw_encoding`: `text`, `base64`, or `submission` for a row the database refused in any other form, where `raw`
-- is the base64 of the whole serialized submission.
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

-- Who holds an identity key, or used an idempotency key first. `key` is a keyed hash of the value.
-- No foreign key to leads: a claim is taken before its lead is written. Room for in-place updates of `last_seen`.
CREATE TABLE claims (
    organization uuid        NOT NULL,
    kind         text        NOT NULL,
    key          bytea       NOT NULL,
    lead         uuid        NOT NULL,
    submission   uuid        NOT NULL,
    trust        text        NOT NULL DEFAULT 'public',
    body_hash    bytea,
    last_seen    timestamptz NOT NULL,
    held_until   timestamptz, -- NULL is for ever
    PRIMARY KEY (organization, kind, key)
) WITH (fillfactor = 85);
-- The oldest idempotency keys, for purging them. By the submission, which does not change: an index over `last_seen`
-- would end updates in place for all claims.
CREATE INDEX claims_of_requests ON claims (submission) WHERE kind = 'idempotency';

-- The current state about one person. `document` is the truth; the columns beside it repeat what queries
-- filter and sort by, and are written together with it from the same value.
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

-- How each submission ended, and why. Only grows: the highest revision is the current outcome.
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

-- What could not be processed. `document` is the base64 of the whole serialized submission where `submissions`
-- does not hold it: when its id had been used before, with another body.
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

-- Contacts that an organization must not call or write to. Only the keyed hash in `key` is ever matched.
CREATE TABLE suppressions (
    organization uuid        NOT NULL,
    kind         text        NOT NULL,
    key          bytea       NOT NULL,
    value        text        NOT NULL,
    reason       text,
    added_at     timestamptz NOT NULL,
    PRIMARY KEY (organization, kind, key)
);

-- How often a submission was begun alone, after its delivery came a third time. Gone when it is settled.
CREATE TABLE attempts (
    submission uuid        PRIMARY KEY,
    attempts   integer     NOT NULL,
    last_at    timestamptz NOT NULL
);
