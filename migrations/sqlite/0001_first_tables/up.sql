-- Ids are UUIDs as text, times are RFC 3339 in UTC with six digits (text sorts as time does), lists and
-- documents are JSON text, keyed hashes are blobs, booleans are 0 and 1.

-- One row: what belongs to the installation as a whole. `match_key` hashes what must match for ever (claims,
-- suppressions), and is encrypted under a key from LEADGATE_SECRET; `generation` grows in every transaction that changes
-- an organization, a source, a key or `shards`, the number of the broker's queues that leads are spread over; `epoch` is
-- another one after each restore from a backup.
CREATE TABLE installation (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    match_key  TEXT    NOT NULL,
    shards     INTEGER NOT NULL DEFAULT 1 CHECK (shards > 0),
    generation INTEGER NOT NULL,
    epoch      TEXT    NOT NULL
) STRICT;

-- Tenants. `generation` here and below: the installation's generation in which the row last changed.
CREATE TABLE organizations (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    created_at  TEXT    NOT NULL,
    -- Since then its keys and tokens are refused.
    disabled_at TEXT,
    generation  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX organizations_by_generation ON organizations (generation, id);

-- Sources. The one without a name is its organization's default for the dialect.
CREATE TABLE sources (
    id             TEXT    NOT NULL PRIMARY KEY,
    organization   TEXT    NOT NULL REFERENCES organizations (id),
    dialect        TEXT    NOT NULL,
    name           TEXT,
    revision       INTEGER NOT NULL,
    default_region TEXT,
    timezone       TEXT,
    tags           TEXT    NOT NULL,
    identity_rule  TEXT    NOT NULL,
    identity       TEXT    NOT NULL,
    gmail_identity TEXT    NOT NULL DEFAULT 'exact',
    policy         TEXT    NOT NULL,
    consent        TEXT    NOT NULL,
    rate           TEXT,
    created_at     TEXT    NOT NULL,
    -- Since then it takes no leads in.
    disabled_at    TEXT,
    -- Since then it is listed no more, and its keys and tokens are revoked. The row stays: leads refer to it.
    deleted_at     TEXT,
    generation     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sources_default ON sources (organization, dialect) WHERE name IS NULL;
CREATE INDEX sources_by_organization ON sources (organization, id);
CREATE INDEX sources_by_generation ON sources (generation, id);

-- API keys. `hash` is the HMAC of the secret, which is kept nowhere.
CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    organization TEXT    NOT NULL REFERENCES organizations (id),
    source       TEXT    NOT NULL REFERENCES sources (id),
    scopes       TEXT    NOT NULL,
    rate         TEXT,
    test         INTEGER NOT NULL,
    made_by      TEXT,
    of_organization INTEGER NOT NULL DEFAULT 0,
    hash         TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    revoked_at   TEXT,
    generation   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_organization ON api_keys (organization, id);
CREATE INDEX api_keys_by_generation ON api_keys (generation, id);

-- What a client sent, once; never changed. It is the inbox too: a redelivered id inserts nothing.
-- `raw_encoding`: `text`, `base64`, or `submission` for a row the database refused in any other form, where `raw`
-- is the base64 of the whole serialized submission.
CREATE TABLE submissions (
    organization         TEXT    NOT NULL,
    id                   TEXT    NOT NULL,
    source               TEXT    NOT NULL,
    source_revision      INTEGER NOT NULL,
    dialect              TEXT    NOT NULL,
    received_at          TEXT    NOT NULL,
    trust                TEXT    NOT NULL DEFAULT 'public',
    client_address       TEXT,
    client_user_agent    TEXT,
    client_key           TEXT,
    fields               TEXT    NOT NULL,
    raw                  TEXT    NOT NULL,
    raw_encoding         TEXT    NOT NULL CHECK (raw_encoding IN ('text', 'base64', 'submission')),
    body_hash            BLOB    NOT NULL,
    idempotency_key_hash BLOB,
    traceparent          TEXT,
    extra                TEXT    NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT;

-- Who holds an identity key, or used an idempotency key first. `key` is a keyed hash of the value.
-- No foreign key to leads: a claim is taken before its lead is written.
CREATE TABLE claims (
    organization TEXT NOT NULL,
    kind         TEXT NOT NULL,
    key          BLOB NOT NULL,
    lead         TEXT NOT NULL,
    submission   TEXT NOT NULL,
    trust        TEXT NOT NULL DEFAULT 'public',
    body_hash    BLOB,
    last_seen    TEXT NOT NULL,
    held_until   TEXT, -- NULL is for ever
    PRIMARY KEY (organization, kind, key)
) STRICT, WITHOUT ROWID;
-- The oldest idempotency keys, for purging them.
CREATE INDEX claims_of_requests ON claims (submission) WHERE kind = 'idempotency';

-- The current state about one person. `document` is the truth; the columns beside it repeat what queries
-- filter and sort by, and are written together with it from the same value.
CREATE TABLE leads (
    organization   TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    external_id    TEXT,
    phone_e164     TEXT,
    email_address  TEXT,
    status         TEXT    NOT NULL,
    eligibility    TEXT    NOT NULL,
    reasons        TEXT    NOT NULL,
    eligible_until TEXT,
    score          INTEGER NOT NULL,
    temperature    TEXT    NOT NULL,
    tags           TEXT    NOT NULL,
    is_test        INTEGER NOT NULL,
    received_at    TEXT    NOT NULL,
    updated_at     TEXT    NOT NULL,
    document       TEXT    NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT;
CREATE INDEX leads_newest ON leads (organization, received_at, id);
CREATE INDEX leads_of_source ON leads (organization, source, received_at, id);
CREATE INDEX leads_by_phone ON leads (organization, phone_e164) WHERE phone_e164 IS NOT NULL;
CREATE INDEX leads_by_email ON leads (organization, email_address) WHERE email_address IS NOT NULL;

-- How each submission ended, and why. Only grows: the highest revision is the current outcome.
CREATE TABLE outcomes (
    organization TEXT    NOT NULL,
    submission   TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    outcome      TEXT    NOT NULL,
    lead         TEXT,
    decided_at   TEXT    NOT NULL,
    trace        TEXT    NOT NULL,
    PRIMARY KEY (organization, submission, revision)
) STRICT;
CREATE INDEX outcomes_by_lead ON outcomes (organization, lead) WHERE lead IS NOT NULL;

-- What could not be processed. `document` is the base64 of the whole serialized submission where `submissions`
-- does not hold it: when its id had been used before, with another body.
CREATE TABLE quarantine (
    organization   TEXT NOT NULL,
    id             TEXT NOT NULL,
    submission     TEXT NOT NULL,
    reason         TEXT NOT NULL,
    body_hash      BLOB NOT NULL,
    document       TEXT,
    quarantined_at TEXT NOT NULL,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, submission, body_hash)
) STRICT;

-- Contacts that an organization must not call or write to. Only the keyed hash in `key` is ever matched.
CREATE TABLE suppressions (
    organization TEXT NOT NULL,
    kind         TEXT NOT NULL,
    key          BLOB NOT NULL,
    value        TEXT NOT NULL,
    reason       TEXT,
    added_at     TEXT NOT NULL,
    PRIMARY KEY (organization, kind, key)
) STRICT, WITHOUT ROWID;

-- How often a submission was begun alone, after its delivery came a third time. Gone when it is settled.
CREATE TABLE attempts (
    submission TEXT    NOT NULL PRIMARY KEY,
    attempts   INTEGER NOT NULL,
    last_at    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
