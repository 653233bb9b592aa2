-- The schema, whole: nothing has been released. Later changes are migrations of their own.
--
-- Identifiers and codes compare by bytes (`COLLATE "C"`): a locale's order costs more than an index. Documents are text:
-- no query looks inside them.

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
    id              uuid             PRIMARY KEY,
    name            text COLLATE "C" NOT NULL UNIQUE,
    created_at      timestamptz      NOT NULL,
    -- From this time its keys and tokens are refused.
    disabled_at     timestamptz,
    -- The active version in `scorings`. NULL: the standard scoring of the build.
    scoring_version integer,
    generation      bigint           NOT NULL
);
CREATE INDEX organizations_by_generation ON organizations (generation, id);

-- Scorings of leads. A version never changes.
CREATE TABLE scorings (
    organization uuid        NOT NULL REFERENCES organizations (id),
    version      integer     NOT NULL,
    document     text        NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (organization, version)
);

-- Sources. A source without a name is the organization's default source for its dialect. `mapping` is a copy of
-- the active version in `mappings`. `tags` and `networks` are JSON lists.
CREATE TABLE sources (
    id              uuid             PRIMARY KEY,
    organization    uuid             NOT NULL REFERENCES organizations (id),
    dialect         text COLLATE "C" NOT NULL,
    name            text,
    revision        integer          NOT NULL,
    default_region  text,
    timezone        text,
    tags            text             NOT NULL,
    identity_rule   text             NOT NULL,
    identity        text             NOT NULL,
    gmail_identity  text             NOT NULL,
    policy          text             NOT NULL,
    consent         text             NOT NULL,
    -- In seconds. NULL: no maximum.
    consent_max_age bigint,
    rate            text,
    campaign        text COLLATE "C",
    networks        text             NOT NULL,
    signature       text,
    mapping_version integer,
    mapping         text,
    created_at      timestamptz      NOT NULL,
    -- From this time it accepts no leads.
    disabled_at     timestamptz,
    -- From this time it is not listed, and its keys and tokens are revoked. The row stays because leads refer
    -- to it.
    deleted_at      timestamptz,
    generation      bigint           NOT NULL
);
CREATE UNIQUE INDEX sources_default ON sources (organization, dialect) WHERE name IS NULL;
CREATE UNIQUE INDEX sources_by_campaign ON sources (campaign) WHERE campaign IS NOT NULL;
CREATE INDEX sources_by_organization ON sources (organization, id);
CREATE INDEX sources_by_generation ON sources (generation, id);

-- Mappings of submitted names to fields. A version never changes.
CREATE TABLE mappings (
    organization uuid        NOT NULL,
    source       uuid        NOT NULL REFERENCES sources (id),
    version      integer     NOT NULL,
    document     text        NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (organization, source, version)
);

-- Credentials of the kinds `secret`, `publishable` and `token`. `hash` is the HMAC of the secret. The secret is
-- not stored. `scopes`, `origins` and `tags` are JSON lists.
CREATE TABLE api_keys (
    id                text COLLATE "C" PRIMARY KEY,
    kind              text COLLATE "C" NOT NULL,
    organization      uuid             NOT NULL REFERENCES organizations (id),
    source            uuid             NOT NULL REFERENCES sources (id),
    name              text,
    scopes            text             NOT NULL,
    rate              text,
    test              boolean          NOT NULL,
    origins           text             NOT NULL,
    tags              text             NOT NULL,
    label             text,
    created_by        text COLLATE "C",
    organization_wide boolean          NOT NULL,
    hash              text             NOT NULL,
    created_at        timestamptz      NOT NULL,
    expires_at        timestamptz,
    revoked_at        timestamptz,
    generation        bigint           NOT NULL
);
CREATE INDEX api_keys_by_organization ON api_keys (organization, id);
CREATE INDEX api_keys_by_generation ON api_keys (generation, id);

-- Tags with numbers, by which clients refer to them.
CREATE TABLE tags (
    organization uuid             NOT NULL REFERENCES organizations (id),
    id           bigint           NOT NULL,
    name         text COLLATE "C" NOT NULL,
    created_at   timestamptz      NOT NULL,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, name)
);

-- Submissions. A row never changes, except that an erasure empties it. A redelivered submission has the same id
-- and inserts nothing. `raw_encoding` is `text`, `base64` or `submission`. `submission` is for a row that the
-- database refused in any other form. Its `raw` is the base64 of the serialized submission. A body without
-- `media` is JSON. `erased_at`: from this time the row contains no submitted values. `erased_by`: by a person's
-- request or by age.
CREATE TABLE submissions (
    organization         uuid             NOT NULL,
    id                   uuid             NOT NULL,
    source               uuid             NOT NULL,
    source_revision      integer          NOT NULL,
    dialect              text COLLATE "C" NOT NULL,
    received_at          timestamptz      NOT NULL,
    trust                text COLLATE "C" NOT NULL,
    client_address       text,
    client_user_agent    text,
    client_key           text,
    fields               text             NOT NULL,
    raw                  text             NOT NULL,
    raw_encoding         text COLLATE "C" NOT NULL CHECK (raw_encoding IN ('text', 'base64', 'submission')),
    media                text,
    query                text,
    mapping_version      integer,
    mapping_fault        text,
    body_hash            bytea            NOT NULL,
    idempotency_key_hash bytea,
    traceparent          text,
    extra                text             NOT NULL,
    erased_at            timestamptz,
    erased_by            text COLLATE "C" CHECK (erased_by IN ('request', 'retention')),
    PRIMARY KEY (organization, id)
);
-- The newest submissions of a source. Ids are ordered by time, so each source appends at one place.
CREATE INDEX submissions_by_source ON submissions (organization, source, id);

-- The lead of each identity key, and the first submission of each idempotency key. `key` is a keyed hash of
-- the value. There is no foreign key to leads, because a claim is inserted before its lead. The fill factor
-- leaves space for in-place updates of `last_seen`.
CREATE TABLE claims (
    organization    uuid             NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    key             bytea            NOT NULL,
    lead            uuid             NOT NULL,
    submission      uuid             NOT NULL,
    trust           text COLLATE "C" NOT NULL,
    body_hash       bytea,
    last_seen       timestamptz      NOT NULL,
    protected_until timestamptz, -- NULL: no end
    PRIMARY KEY (organization, kind, key)
) WITH (fillfactor = 85);
-- The oldest idempotency keys, to purge them. The index uses the submission, which does not change. An index
-- over `last_seen` would prevent in-place updates of all claims.
CREATE INDEX claims_of_requests ON claims (submission) WHERE kind = 'idempotency';
-- The claims of a lead, to delete them with it. The organization is not a column of the index: otherwise a
-- plan for empty tables could use this index to look up a key, and read all claims of the organization.
CREATE INDEX claims_by_lead ON claims (lead);

-- Leads: the current state about one person. `document` is authoritative. The other columns repeat the values
-- by which queries filter. They are written together with the document from the same value. `phone` is in the
-- one spelling of its subscriber. `email_reversed` is the address from its last character to its first, so that
-- one index finds an address and all addresses of a domain. `reasons` and `tags` are JSON lists. The id is
-- ordered by the time of receipt. `changed` is the id of the transaction that last wrote the row:
-- readers of changes read up to the oldest transaction that still runs, and so miss none, in whichever order
-- transactions commit.
CREATE TABLE leads (
    organization   uuid             NOT NULL,
    id             uuid             NOT NULL,
    source         uuid             NOT NULL,
    external_id    text COLLATE "C",
    phone          text COLLATE "C",
    email_reversed text COLLATE "C",
    status         text COLLATE "C" NOT NULL,
    eligibility    text COLLATE "C" NOT NULL,
    temperature    text COLLATE "C" NOT NULL,
    reasons        text             NOT NULL,
    tags           text             NOT NULL,
    updated_at     timestamptz      NOT NULL,
    document       text             NOT NULL,
    changed        bigint           NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    PRIMARY KEY (organization, id)
);
CREATE INDEX leads_of_source ON leads (organization, source, id);
CREATE INDEX leads_by_external_id ON leads (organization, external_id, id) WHERE external_id IS NOT NULL;
CREATE INDEX leads_by_phone ON leads (organization, phone, id) WHERE phone IS NOT NULL;
CREATE INDEX leads_by_email ON leads (organization, email_reversed, id) WHERE email_reversed IS NOT NULL;
CREATE INDEX leads_by_change ON leads (organization, changed, id);

-- The outcomes of each submission with their traces. Rows are only added. The highest revision is the current
-- outcome.
CREATE TABLE outcomes (
    organization uuid             NOT NULL,
    submission   uuid             NOT NULL,
    revision     integer          NOT NULL,
    outcome      text COLLATE "C" NOT NULL,
    lead         uuid,
    decided_at   timestamptz      NOT NULL,
    trace        text             NOT NULL,
    PRIMARY KEY (organization, submission, revision)
);
CREATE INDEX outcomes_by_lead ON outcomes (organization, lead) WHERE lead IS NOT NULL;

-- Submissions that could not be processed. `document` is the base64 of the serialized submission if
-- `submissions` does not contain it, because its id was already used with another body. `settled_at` is the time
-- of the last release or discard. It stays when a released entry fails and is open again. A release with this
-- time or an earlier one was already processed. `repair` is the base64 of the repaired, serialized submission.
-- The original submission does not change.
CREATE TABLE quarantine (
    organization   uuid             NOT NULL,
    id             uuid             NOT NULL,
    submission     uuid             NOT NULL,
    reason         text COLLATE "C" NOT NULL,
    state          text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'released', 'discarded')),
    body_hash      bytea            NOT NULL,
    document       text,
    quarantined_at timestamptz      NOT NULL,
    settled_at     timestamptz,
    settled_by     text,
    note           text,
    repair         text,
    repaired_at    timestamptz,
    repaired_by    text,
    erased_at      timestamptz,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, submission, body_hash)
);
CREATE INDEX quarantine_by_state ON quarantine (organization, state, id);

-- Evidence of consent: one row for each submission that has a consent and was judged. A row is never changed
-- or deleted. The person is in `consent_people`. `digest` is the SHA-256 of a salt and the person's document.
-- The salt is derived from the match key and not stored.
CREATE TABLE consents (
    organization            uuid        NOT NULL,
    submission              uuid        NOT NULL,
    lead                    uuid,
    source                  uuid        NOT NULL,
    received_at             timestamptz NOT NULL,
    recorded_at             timestamptz NOT NULL,
    consent_timestamp       text,
    consented_at            timestamptz,
    text_version            text,
    page_url                text,
    trustedform_certificate text,
    jornaya_leadid          text,
    digest                  bytea       NOT NULL,
    revision                integer     NOT NULL,
    PRIMARY KEY (organization, submission)
);
CREATE INDEX consents_by_time ON consents (organization, received_at, submission);
CREATE INDEX consents_of_lead ON consents (organization, lead, received_at, submission) WHERE lead IS NOT NULL;

CREATE FUNCTION refuse_to_change_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence of consent is never changed or deleted' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER consents_are_not_changed BEFORE UPDATE OR DELETE ON consents
    FOR EACH ROW EXECUTE FUNCTION refuse_to_change_evidence();
CREATE TRIGGER consents_are_not_emptied BEFORE TRUNCATE ON consents
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_evidence();

-- The person who consented: the exact text of the digested document. The row is deleted when the person is
-- erased.
CREATE TABLE consent_people (
    organization uuid NOT NULL,
    submission   uuid NOT NULL,
    person       text NOT NULL,
    PRIMARY KEY (organization, submission)
);

-- Contacts that an organization must not call or write to, on several lists. Only the keyed hash in `key` is
-- matched. `value` is null if an erasure left only the key. Expired and removed entries stay, so that an earlier
-- decision can be explained. `pending_since` is set while the entry or its end is not applied to stored leads.
-- `ended_at` is the time at which its end was applied.
CREATE TABLE suppressions (
    organization  uuid             NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    key           bytea            NOT NULL,
    list          text COLLATE "C" NOT NULL,
    form          text COLLATE "C" NOT NULL CHECK (form IN ('plain', 'sha256')),
    value         text,
    reason        text,
    added_at      timestamptz      NOT NULL,
    expires_at    timestamptz,
    pending_since timestamptz,
    ended_at      timestamptz,
    PRIMARY KEY (organization, kind, key, list)
);
CREATE INDEX suppressions_pending ON suppressions (organization, kind, key, list) WHERE pending_since IS NOT NULL;
CREATE INDEX suppressions_pending_contacts ON suppressions (organization, kind, key, list)
    WHERE pending_since IS NOT NULL AND form = 'plain' AND kind <> 'domain' AND value IS NOT NULL;
CREATE INDEX suppressions_lapsing ON suppressions (expires_at) WHERE expires_at IS NOT NULL AND ended_at IS NULL;

-- How often the processing of a submission was started after its third delivery. The row is deleted when the
-- submission is settled.
CREATE TABLE crash_attempts (
    submission uuid        PRIMARY KEY,
    attempts   integer     NOT NULL,
    last_at    timestamptz NOT NULL
);

-- Leases of periodic tasks. One worker at a time runs a task. `position` is where its last run stopped.
CREATE TABLE sweeps (
    name     text COLLATE "C" PRIMARY KEY,
    taken_at timestamptz      NOT NULL,
    until    timestamptz      NOT NULL,
    position uuid
);

-- The retention settings of an organization. NULL: no end. `submissions_swept_to`: submissions up to this id
-- were erased by age. `last_full_sweep_at`: the end of the last full pass, NULL until the first one has ended.
-- `leads_swept_to`: the position of the current pass over old leads. NULL: at the first lead.
CREATE TABLE retention (
    organization         uuid PRIMARY KEY REFERENCES organizations (id),
    submissions_seconds  bigint,
    leads_seconds        bigint,
    quarantine_seconds   bigint,
    audit_seconds        bigint,
    events_seconds       bigint,
    submissions_swept_to uuid,
    last_full_sweep_at   timestamptz,
    leads_swept_to       uuid
);

-- Leads with erased contributors, until they are rebuilt without the erased values.
CREATE TABLE leads_to_rebuild (
    organization uuid        NOT NULL,
    lead         uuid        NOT NULL,
    since        timestamptz NOT NULL,
    PRIMARY KEY (organization, lead)
);

-- Where organizations want their events sent. `settings` is JSON. `sealed` are its signing secrets and headers,
-- encrypted with a key from LEADGATE_SECRET. One dispatcher at a time has the lease: it writes results only while
-- `lease_number` is still the one that it got.
CREATE TABLE endpoints (
    id            uuid             PRIMARY KEY,
    organization  uuid             NOT NULL REFERENCES organizations (id),
    revision      integer          NOT NULL,
    settings      text             NOT NULL,
    sealed        text             NOT NULL,
    created_at    timestamptz      NOT NULL,
    -- From this time it gets nothing and is not listed.
    deleted_at    timestamptz,
    state         text COLLATE "C" NOT NULL,
    state_since   timestamptz      NOT NULL,
    -- Failures since the last success.
    failures      integer          NOT NULL,
    failing_since timestamptz,
    -- No attempt is made before this time.
    paused_until  timestamptz,
    lease_number  bigint           NOT NULL,
    lease_until   timestamptz      NOT NULL
);
CREATE INDEX endpoints_by_organization ON endpoints (organization, id) WHERE deleted_at IS NULL;
CREATE INDEX endpoints_deleted ON endpoints (organization, id) WHERE deleted_at IS NOT NULL;

-- Facts about leads that an endpoint wants, written in the transaction that caused them. `lead_document` is the lead
-- after the event. An erasure removes it. `detail` is JSON.
CREATE TABLE events (
    organization  uuid             NOT NULL,
    id            uuid             NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    lead          uuid,
    submission    uuid,
    at            timestamptz      NOT NULL,
    lead_document text,
    detail        text             NOT NULL,
    PRIMARY KEY (organization, id)
);
CREATE INDEX events_of_lead ON events (organization, lead, id) WHERE lead IS NOT NULL;

-- Events that an endpoint wants and has not received. A success deletes the row and leaves its attempts.
CREATE TABLE deliveries (
    organization    uuid             NOT NULL,
    endpoint        uuid             NOT NULL,
    event           uuid             NOT NULL,
    state           text COLLATE "C" NOT NULL,
    -- Failed attempts that count.
    attempts        integer          NOT NULL,
    next_attempt_at timestamptz      NOT NULL,
    PRIMARY KEY (organization, endpoint, event)
);
CREATE INDEX deliveries_new ON deliveries (organization, endpoint, next_attempt_at, event)
    WHERE state = 'pending' AND attempts = 0;
CREATE INDEX deliveries_to_retry ON deliveries (organization, endpoint, next_attempt_at)
    WHERE state = 'pending' AND attempts > 0;
CREATE INDEX deliveries_ended ON deliveries (organization, endpoint, event) WHERE state <> 'pending';
CREATE INDEX deliveries_of_event ON deliveries (organization, event);

-- Attempts of deliveries. `response` is the beginning of the response body.
CREATE TABLE attempts (
    organization    uuid             NOT NULL,
    id              uuid             NOT NULL,
    endpoint        uuid             NOT NULL,
    event           uuid             NOT NULL,
    number          integer          NOT NULL,
    at              timestamptz      NOT NULL,
    duration_micros bigint           NOT NULL,
    result          text COLLATE "C" NOT NULL,
    status          integer,
    response        text,
    PRIMARY KEY (organization, id)
);
CREATE INDEX attempts_of_endpoint ON attempts (organization, endpoint, id);
CREATE INDEX attempts_of_event ON attempts (organization, event, id);
CREATE INDEX attempts_failed ON attempts (organization, result, id) WHERE result <> 'delivered';

-- The audit log of reads and changes. `detail` contains counts, ids and names of settings, never a value of a
-- lead. Entries cannot be updated. Old entries can be deleted.
CREATE TABLE audit (
    organization uuid             NOT NULL,
    id           uuid             NOT NULL,
    at           timestamptz      NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    action       text COLLATE "C" NOT NULL,
    target       text,
    detail       text             NOT NULL,
    PRIMARY KEY (organization, id)
);
CREATE INDEX audit_by_actor ON audit (organization, actor, id);
CREATE INDEX audit_by_action ON audit (organization, action, id);

CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the audit log do not change' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays();

-- With statistics of one row, the organization looks unique. Any index that begins with the organization then
-- seems to be as selective as the right one. The setting takes effect at the next ANALYZE.
ALTER TABLE submissions ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE claims ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE leads ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE outcomes ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE quarantine ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE consents ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE consent_people ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE suppressions ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE audit ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE events ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE deliveries ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE attempts ALTER COLUMN organization SET (n_distinct = 10);

-- A fifth of a table of millions of rows is too much to wait for. What is updated in place is cleaned early; what is
-- only added is frozen in small steps, and its statistics follow its growth.
ALTER TABLE claims SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE leads SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE suppressions SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE submissions SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE outcomes SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE consents SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE consent_people SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE deliveries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE events SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE attempts SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE audit SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
