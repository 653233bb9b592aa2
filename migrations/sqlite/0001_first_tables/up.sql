-- Ids are UUIDs as text, times are RFC 3339 in UTC with six digits (text sorts as time does), lists and
-- documents are JSON text, keyed hashes are blobs, booleans are 0 and 1.

-- The installation, always one row. `match_key` is the key for the hashes in claims and suppressions. It is
-- encrypted with a key from LEADGATE_SECRET. `generation` grows in every transaction that changes an
-- organization, a source, a key or `shards`. `shards` is the number of broker queues for leads. `epoch`
-- changes after each restore of a backup.
CREATE TABLE installation (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    match_key  TEXT    NOT NULL,
    shards     INTEGER NOT NULL DEFAULT 1 CHECK (shards > 0),
    generation INTEGER NOT NULL,
    epoch      TEXT    NOT NULL
) STRICT;

-- Tenants. `generation`, here and in other tables, is the installation's generation of the row's last change.
CREATE TABLE organizations (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    created_at  TEXT    NOT NULL,
    -- From this time its keys and tokens are refused.
    disabled_at TEXT,
    generation  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX organizations_by_generation ON organizations (generation, id);

-- Sources. A source without a name is the organization's default source for its dialect.
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
    -- From this time it accepts no leads.
    disabled_at    TEXT,
    -- From this time it is not listed, and its keys and tokens are revoked. The row stays because leads refer
    -- to it.
    deleted_at     TEXT,
    generation     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sources_default ON sources (organization, dialect) WHERE name IS NULL;
CREATE INDEX sources_by_organization ON sources (organization, id);
CREATE INDEX sources_by_generation ON sources (generation, id);

-- API keys. `hash` is the HMAC of the secret. The secret is not stored.
CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    organization TEXT    NOT NULL REFERENCES organizations (id),
    source       TEXT    NOT NULL REFERENCES sources (id),
    scopes       TEXT    NOT NULL,
    rate         TEXT,
    test         INTEGER NOT NULL,
    created_by   TEXT,
    organization_wide INTEGER NOT NULL DEFAULT 0,
    hash         TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    revoked_at   TEXT,
    generation   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_organization ON api_keys (organization, id);
CREATE INDEX api_keys_by_generation ON api_keys (generation, id);

-- Submissions. A row never changes. A redelivered submission has the same id and inserts nothing.
-- `raw_encoding` is `text`, `base64` or `submission`. `submission` is for a row that the database refused in
-- any other form. Its `raw` is the base64 of the serialized submission.
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

-- The lead of each identity key, and the first submission of each idempotency key. `key` is a keyed hash of
-- the value. There is no foreign key to leads, because a claim is inserted before its lead.
CREATE TABLE claims (
    organization    TEXT NOT NULL,
    kind            TEXT NOT NULL,
    key             BLOB NOT NULL,
    lead            TEXT NOT NULL,
    submission      TEXT NOT NULL,
    trust           TEXT NOT NULL DEFAULT 'public',
    body_hash       BLOB,
    last_seen       TEXT NOT NULL,
    protected_until TEXT, -- NULL: no end
    PRIMARY KEY (organization, kind, key)
) STRICT, WITHOUT ROWID;
-- The oldest idempotency keys, to purge them.
CREATE INDEX claims_of_requests ON claims (submission) WHERE kind = 'idempotency';

-- Leads: the current state about one person. `document` is authoritative. The other columns repeat the values
-- by which queries filter and sort. They are written together with the document from the same value.
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

-- The outcomes of each submission with their traces. Rows are only added. The highest revision is the current
-- outcome.
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

-- Submissions that could not be processed. `document` is the base64 of the serialized submission if
-- `submissions` does not contain it, because its id was already used with another body.
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

-- Contacts that an organization must not call or write to. Only the keyed hash in `key` is matched.
CREATE TABLE suppressions (
    organization TEXT NOT NULL,
    kind         TEXT NOT NULL,
    key          BLOB NOT NULL,
    value        TEXT NOT NULL,
    reason       TEXT,
    added_at     TEXT NOT NULL,
    PRIMARY KEY (organization, kind, key)
) STRICT, WITHOUT ROWID;

-- How often the processing of a submission was started after its third delivery. The row is deleted when the
-- submission is settled.
CREATE TABLE crash_attempts (
    submission TEXT    NOT NULL PRIMARY KEY,
    attempts   INTEGER NOT NULL,
    last_at    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
