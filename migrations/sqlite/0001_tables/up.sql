-- The schema, whole: nothing has been released. Later changes are migrations of their own.
--
-- Ids are the 16 bytes of a UUID, times are microseconds since 1970, lists and documents are JSON text, keyed
-- hashes are blobs, booleans are 0 and 1.

-- The installation, always one row. `match_key` is the key for the hashes in claims and suppressions. It is
-- encrypted with a key from LEADGATE_SECRET. `generation` grows in every transaction that changes an
-- organization, a source, a key or `shards`. `shards` is the number of broker queues for leads. `epoch`
-- changes after each restore of a backup.
CREATE TABLE installation (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    match_key    TEXT    NOT NULL,
    shards       INTEGER NOT NULL DEFAULT 1 CHECK (shards > 0),
    generation   INTEGER NOT NULL,
    epoch        BLOB    NOT NULL,
    lead_changes INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Tenants. `generation`, here and in other tables, is the installation's generation of the row's last change.
CREATE TABLE organizations (
    id              BLOB    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    created_at      INTEGER NOT NULL,
    -- From this time its keys and tokens are refused.
    disabled_at     INTEGER,
    -- The active version in `scorings`. NULL: the standard scoring of the build.
    scoring_version INTEGER,
    generation      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX organizations_by_generation ON organizations (generation, id);

-- Scorings of leads. A version never changes.
CREATE TABLE scorings (
    organization BLOB    NOT NULL REFERENCES organizations (id),
    version      INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (organization, version)
) STRICT, WITHOUT ROWID;

-- Sources. A source without a name is the organization's default source for its dialect. `mapping` is a copy of
-- the active version in `mappings`. `tags` and `networks` are JSON lists.
CREATE TABLE sources (
    id              BLOB    NOT NULL PRIMARY KEY,
    organization    BLOB    NOT NULL REFERENCES organizations (id),
    dialect         TEXT    NOT NULL,
    name            TEXT,
    revision        INTEGER NOT NULL,
    default_region  TEXT,
    timezone        TEXT,
    tags            TEXT    NOT NULL,
    identity_rule   TEXT    NOT NULL,
    identity        TEXT    NOT NULL,
    gmail_identity  TEXT    NOT NULL,
    policy          TEXT    NOT NULL,
    consent         TEXT    NOT NULL,
    -- In seconds. NULL: no maximum.
    consent_max_age INTEGER,
    rate            TEXT,
    campaign        TEXT,
    networks        TEXT    NOT NULL,
    signature       TEXT,
    mapping_version INTEGER,
    mapping         TEXT,
    created_at      INTEGER NOT NULL,
    -- From this time it accepts no leads.
    disabled_at     INTEGER,
    -- From this time it is not listed, and its keys and tokens are revoked. The row stays because leads refer
    -- to it.
    deleted_at      INTEGER,
    generation      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sources_default ON sources (organization, dialect) WHERE name IS NULL;
CREATE UNIQUE INDEX sources_by_campaign ON sources (campaign) WHERE campaign IS NOT NULL;
CREATE INDEX sources_by_organization ON sources (organization, id);
CREATE INDEX sources_by_generation ON sources (generation, id);

-- Mappings of submitted names to fields. A version never changes.
CREATE TABLE mappings (
    organization BLOB    NOT NULL,
    source       BLOB    NOT NULL REFERENCES sources (id),
    version      INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (organization, source, version)
) STRICT, WITHOUT ROWID;

-- Credentials of the kinds `secret`, `publishable` and `token`. `hash` is the HMAC of the secret. The secret is
-- not stored. `scopes`, `origins` and `tags` are JSON lists.
CREATE TABLE api_keys (
    id                TEXT    NOT NULL PRIMARY KEY,
    kind              TEXT    NOT NULL,
    organization      BLOB    NOT NULL REFERENCES organizations (id),
    source            BLOB    NOT NULL REFERENCES sources (id),
    name              TEXT,
    scopes            TEXT    NOT NULL,
    rate              TEXT,
    test              INTEGER NOT NULL,
    origins           TEXT    NOT NULL,
    tags              TEXT    NOT NULL,
    label             TEXT,
    created_by        TEXT,
    organization_wide INTEGER NOT NULL,
    hash              TEXT    NOT NULL,
    created_at        INTEGER NOT NULL,
    expires_at        INTEGER,
    revoked_at        INTEGER,
    generation        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_organization ON api_keys (organization, id);
CREATE INDEX api_keys_by_generation ON api_keys (generation, id);

-- Tags with numbers, by which clients refer to them.
CREATE TABLE tags (
    organization BLOB    NOT NULL REFERENCES organizations (id),
    id           INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, name)
) STRICT, WITHOUT ROWID;

-- Submissions. A row never changes, except that an erasure empties it. A redelivered submission has the same id
-- and inserts nothing. `raw_encoding` is `text`, `base64` or `submission`. `submission` is for a row that the
-- database refused in any other form. Its `raw` is the base64 of the serialized submission. A body without
-- `media` is JSON. `erased_at`: from this time the row contains no submitted values. `erased_by`: by a person's
-- request or by age.
CREATE TABLE submissions (
    organization         BLOB    NOT NULL,
    id                   BLOB    NOT NULL,
    source               BLOB    NOT NULL,
    source_revision      INTEGER NOT NULL,
    dialect              TEXT    NOT NULL,
    received_at          INTEGER NOT NULL,
    trust                TEXT    NOT NULL,
    client_address       TEXT,
    client_user_agent    TEXT,
    client_key           TEXT,
    fields               TEXT    NOT NULL,
    raw                  TEXT    NOT NULL,
    raw_encoding         TEXT    NOT NULL CHECK (raw_encoding IN ('text', 'base64', 'submission')),
    media                TEXT,
    query                TEXT,
    mapping_version      INTEGER,
    mapping_fault        TEXT,
    body_hash            BLOB    NOT NULL,
    idempotency_key_hash BLOB,
    traceparent          TEXT,
    extra                TEXT    NOT NULL,
    erased_at            INTEGER,
    erased_by            TEXT    CHECK (erased_by IN ('request', 'retention')),
    PRIMARY KEY (organization, id)
) STRICT;
-- The newest submissions of a source. Ids are ordered by time, so each source appends at one place.
CREATE INDEX submissions_by_source ON submissions (organization, source, id);

-- The lead of each identity key, and the first submission of each idempotency key. `key` is a keyed hash of
-- the value. There is no foreign key to leads, because a claim is inserted before its lead.
CREATE TABLE claims (
    organization    BLOB    NOT NULL,
    kind            TEXT    NOT NULL,
    key             BLOB    NOT NULL,
    lead            BLOB    NOT NULL,
    submission      BLOB    NOT NULL,
    trust           TEXT    NOT NULL,
    body_hash       BLOB,
    last_seen       INTEGER NOT NULL,
    protected_until INTEGER, -- NULL: no end
    PRIMARY KEY (organization, kind, key)
) STRICT, WITHOUT ROWID;
-- The oldest idempotency keys, to purge them.
CREATE INDEX claims_of_requests ON claims (submission) WHERE kind = 'idempotency';
-- The claims of a lead, to delete them with it.
CREATE INDEX claims_by_lead ON claims (lead);

-- Leads: the current state about one person. `document` is authoritative. The other columns repeat the values
-- by which queries filter. They are written together with the document from the same value. `phone` is in the
-- one spelling of its subscriber. `email_reversed` is the address from its last character to its first, so that
-- one index finds an address and all addresses of a domain. `reasons` and `tags` are JSON lists. The id is
-- ordered by the time of receipt. `changed` is the number of the write that last changed the row, from
-- `lead_changes` of the installation.
CREATE TABLE leads (
    organization   BLOB    NOT NULL,
    id             BLOB    NOT NULL,
    source         BLOB    NOT NULL,
    external_id    TEXT,
    phone          TEXT,
    email_reversed TEXT,
    status         TEXT    NOT NULL,
    eligibility    TEXT    NOT NULL,
    temperature    TEXT    NOT NULL,
    reasons        TEXT    NOT NULL,
    tags           TEXT    NOT NULL,
    updated_at     INTEGER NOT NULL,
    document       TEXT    NOT NULL,
    changed        INTEGER NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT;
CREATE INDEX leads_of_source ON leads (organization, source, id);
CREATE INDEX leads_by_external_id ON leads (organization, external_id, id) WHERE external_id IS NOT NULL;
CREATE INDEX leads_by_phone ON leads (organization, phone, id) WHERE phone IS NOT NULL;
CREATE INDEX leads_by_email ON leads (organization, email_reversed, id) WHERE email_reversed IS NOT NULL;
CREATE INDEX leads_by_change ON leads (organization, changed, id);

-- The outcomes of each submission with their traces. Rows are only added. The highest revision is the current
-- outcome.
CREATE TABLE outcomes (
    organization BLOB    NOT NULL,
    submission   BLOB    NOT NULL,
    revision     INTEGER NOT NULL,
    outcome      TEXT    NOT NULL,
    lead         BLOB,
    decided_at   INTEGER NOT NULL,
    trace        TEXT    NOT NULL,
    PRIMARY KEY (organization, submission, revision)
) STRICT;
CREATE INDEX outcomes_by_lead ON outcomes (organization, lead) WHERE lead IS NOT NULL;

-- Submissions that could not be processed. `document` is the base64 of the serialized submission if
-- `submissions` does not contain it, because its id was already used with another body. `settled_at` is the time
-- of the last release or discard. It stays when a released entry fails and is open again. A release with this
-- time or an earlier one was already processed. `repair` is the base64 of the repaired, serialized submission.
-- The original submission does not change.
CREATE TABLE quarantine (
    organization   BLOB    NOT NULL,
    id             BLOB    NOT NULL,
    submission     BLOB    NOT NULL,
    reason         TEXT    NOT NULL,
    state          TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'released', 'discarded')),
    body_hash      BLOB    NOT NULL,
    document       TEXT,
    quarantined_at INTEGER NOT NULL,
    settled_at     INTEGER,
    settled_by     TEXT,
    note           TEXT,
    repair         TEXT,
    repaired_at    INTEGER,
    repaired_by    TEXT,
    erased_at      INTEGER,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, submission, body_hash)
) STRICT;
CREATE INDEX quarantine_by_state ON quarantine (organization, state, id);

-- Evidence of consent: one row for each submission that has a consent and was judged. A row is never changed
-- or deleted. The person is in `consent_people`. `digest` is the SHA-256 of a salt and the person's document.
-- The salt is derived from the match key and not stored.
CREATE TABLE consents (
    organization            BLOB    NOT NULL,
    submission              BLOB    NOT NULL,
    lead                    BLOB,
    source                  BLOB    NOT NULL,
    received_at             INTEGER NOT NULL,
    recorded_at             INTEGER NOT NULL,
    consent_timestamp       TEXT,
    consented_at            INTEGER,
    text_version            TEXT,
    page_url                TEXT,
    trustedform_certificate TEXT,
    jornaya_leadid          TEXT,
    digest                  BLOB    NOT NULL,
    revision                INTEGER NOT NULL,
    PRIMARY KEY (organization, submission)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_by_time ON consents (organization, received_at, submission);
CREATE INDEX consents_of_lead ON consents (organization, lead, received_at, submission) WHERE lead IS NOT NULL;

CREATE TRIGGER consents_are_not_updated BEFORE UPDATE ON consents
BEGIN SELECT RAISE(ABORT, 'evidence of consent is never changed'); END;
CREATE TRIGGER consents_are_not_deleted BEFORE DELETE ON consents
BEGIN SELECT RAISE(ABORT, 'evidence of consent is never deleted'); END;
-- REPLACE would delete a row without the trigger before.
CREATE TRIGGER consents_are_not_replaced BEFORE INSERT ON consents
WHEN EXISTS (SELECT 1 FROM consents AS c
             WHERE c.organization = NEW.organization AND c.submission = NEW.submission)
BEGIN SELECT RAISE(IGNORE); END;

-- The person who consented: the exact text of the digested document. The row is deleted when the person is
-- erased.
CREATE TABLE consent_people (
    organization BLOB NOT NULL,
    submission   BLOB NOT NULL,
    person       TEXT NOT NULL,
    PRIMARY KEY (organization, submission)
) STRICT, WITHOUT ROWID;

-- Contacts that an organization must not call or write to, on several lists. Only the keyed hash in `key` is
-- matched. `value` is null if an erasure left only the key. Expired and removed entries stay, so that an earlier
-- decision can be explained. `pending_since` is set while the entry or its end is not applied to stored leads.
-- `ended_at` is the time at which its end was applied.
CREATE TABLE suppressions (
    organization  BLOB    NOT NULL,
    kind          TEXT    NOT NULL,
    key           BLOB    NOT NULL,
    list          TEXT    NOT NULL,
    form          TEXT    NOT NULL CHECK (form IN ('plain', 'sha256')),
    value         TEXT,
    reason        TEXT,
    added_at      INTEGER NOT NULL,
    expires_at    INTEGER,
    pending_since INTEGER,
    ended_at      INTEGER,
    PRIMARY KEY (organization, kind, key, list)
) STRICT, WITHOUT ROWID;
CREATE INDEX suppressions_pending ON suppressions (organization, kind, key, list) WHERE pending_since IS NOT NULL;
CREATE INDEX suppressions_pending_contacts ON suppressions (organization, kind, key, list)
    WHERE pending_since IS NOT NULL AND form = 'plain' AND kind <> 'domain' AND value IS NOT NULL;
CREATE INDEX suppressions_lapsing ON suppressions (expires_at) WHERE expires_at IS NOT NULL AND ended_at IS NULL;

-- How often the processing of a submission was started after its third delivery. The row is deleted when the
-- submission is settled.
CREATE TABLE crash_attempts (
    submission BLOB    NOT NULL PRIMARY KEY,
    attempts   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Leases of periodic tasks. One worker at a time runs a task. `position` is where its last run stopped.
CREATE TABLE sweeps (
    name     TEXT    NOT NULL PRIMARY KEY,
    taken_at INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    position BLOB
) STRICT, WITHOUT ROWID;

-- The retention settings of an organization. NULL: no end. `submissions_swept_to`: submissions up to this id
-- were erased by age. `last_full_sweep_at`: the end of the last full pass, NULL until the first one has ended.
-- `leads_swept_to`: the position of the current pass over old leads. NULL: at the first lead.
CREATE TABLE retention (
    organization         BLOB    NOT NULL PRIMARY KEY REFERENCES organizations (id),
    submissions_seconds  INTEGER,
    leads_seconds        INTEGER,
    quarantine_seconds   INTEGER,
    audit_seconds        INTEGER,
    events_seconds       INTEGER,
    submissions_swept_to BLOB,
    last_full_sweep_at   INTEGER,
    leads_swept_to       BLOB
) STRICT, WITHOUT ROWID;

-- Leads with erased contributors, until they are rebuilt without the erased values.
CREATE TABLE leads_to_rebuild (
    organization BLOB    NOT NULL,
    lead         BLOB    NOT NULL,
    since        INTEGER NOT NULL,
    PRIMARY KEY (organization, lead)
) STRICT, WITHOUT ROWID;

-- Where organizations want their events sent. `settings` is JSON. `sealed` are its signing secrets and headers,
-- encrypted with a key from LEADGATE_SECRET. One dispatcher at a time has the lease: it writes results only while
-- `lease_number` is still the one that it got.
CREATE TABLE endpoints (
    id            BLOB    PRIMARY KEY,
    organization  BLOB    NOT NULL REFERENCES organizations (id),
    revision      INTEGER NOT NULL,
    settings      TEXT    NOT NULL,
    sealed        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    -- From this time it gets nothing and is not listed.
    deleted_at    INTEGER,
    state         TEXT    NOT NULL,
    state_since   INTEGER NOT NULL,
    -- Failures since the last success.
    failures      INTEGER NOT NULL,
    failing_since INTEGER,
    -- No attempt is made before this time.
    paused_until  INTEGER,
    lease_number  INTEGER NOT NULL,
    lease_until   INTEGER NOT NULL
) STRICT;
CREATE INDEX endpoints_by_organization ON endpoints (organization, id) WHERE deleted_at IS NULL;
CREATE INDEX endpoints_deleted ON endpoints (organization, id) WHERE deleted_at IS NOT NULL;

-- Facts about leads that an endpoint wants, written in the transaction that caused them. `lead_document` is the lead
-- after the event. An erasure removes it. `detail` is JSON.
CREATE TABLE events (
    organization  BLOB    NOT NULL,
    id            BLOB    NOT NULL,
    kind          TEXT    NOT NULL,
    lead          BLOB,
    submission    BLOB,
    at            INTEGER NOT NULL,
    lead_document TEXT,
    detail        TEXT    NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT;
CREATE INDEX events_of_lead ON events (organization, lead, id) WHERE lead IS NOT NULL;

-- Events that an endpoint wants and has not received. A success deletes the row and leaves its attempts.
CREATE TABLE deliveries (
    organization    BLOB    NOT NULL,
    endpoint        BLOB    NOT NULL,
    event           BLOB    NOT NULL,
    state           TEXT    NOT NULL,
    -- Failed attempts that count.
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    PRIMARY KEY (organization, endpoint, event)
) STRICT;
CREATE INDEX deliveries_new ON deliveries (organization, endpoint, next_attempt_at, event)
    WHERE state = 'pending' AND attempts = 0;
CREATE INDEX deliveries_to_retry ON deliveries (organization, endpoint, next_attempt_at)
    WHERE state = 'pending' AND attempts > 0;
CREATE INDEX deliveries_ended ON deliveries (organization, endpoint, event) WHERE state <> 'pending';
CREATE INDEX deliveries_of_event ON deliveries (organization, event);

-- Attempts of deliveries. `response` is the beginning of the response body.
CREATE TABLE attempts (
    organization    BLOB    NOT NULL,
    id              BLOB    NOT NULL,
    endpoint        BLOB    NOT NULL,
    event           BLOB    NOT NULL,
    number          INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    duration_micros INTEGER NOT NULL,
    result          TEXT    NOT NULL,
    status          INTEGER,
    response        TEXT,
    PRIMARY KEY (organization, id)
) STRICT;
CREATE INDEX attempts_of_endpoint ON attempts (organization, endpoint, id);
CREATE INDEX attempts_of_event ON attempts (organization, event, id);
CREATE INDEX attempts_failed ON attempts (organization, result, id) WHERE result <> 'delivered';

-- The audit log of reads and changes. `detail` contains counts, ids and names of settings, never a value of a
-- lead. Entries cannot be updated. Old entries can be deleted.
CREATE TABLE audit (
    organization BLOB    NOT NULL,
    id           BLOB    NOT NULL,
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    target       TEXT,
    detail       TEXT    NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_actor ON audit (organization, actor, id);
CREATE INDEX audit_by_action ON audit (organization, action, id);

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log do not change');
END;
