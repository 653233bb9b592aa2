-- Only adds: the build before neither sees nor writes what is new here, and every new column has a default.

-- Credentials of three kinds (`secret`, `publishable`, `token`).
ALTER TABLE api_keys
    ADD COLUMN kind       text   NOT NULL DEFAULT 'secret',
    ADD COLUMN name       text,
    ADD COLUMN origins    text[] NOT NULL DEFAULT '{}',
    ADD COLUMN tags       text[] NOT NULL DEFAULT '{}',
    ADD COLUMN label      text,
    ADD COLUMN expires_at timestamptz;

-- `mapping` is the document of the version in force, repeated from `mappings`.
ALTER TABLE sources
    ADD COLUMN campaign        text,
    ADD COLUMN networks        text[] NOT NULL DEFAULT '{}',
    ADD COLUMN signature       jsonb,
    ADD COLUMN mapping_version integer,
    ADD COLUMN mapping         jsonb;
CREATE UNIQUE INDEX sources_by_campaign ON sources (campaign) WHERE campaign IS NOT NULL;

-- How incoming names become fields. A version never changes.
CREATE TABLE mappings (
    organization uuid        NOT NULL,
    source       uuid        NOT NULL REFERENCES sources (id),
    version      integer     NOT NULL,
    document     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (organization, source, version)
);

-- Without `media` a body is JSON.
ALTER TABLE submissions
    ADD COLUMN media           jsonb,
    ADD COLUMN query           text,
    ADD COLUMN mapping_version integer,
    ADD COLUMN mapping_fault   jsonb;
-- The newest of a source. Ids are ordered by time, so each source appends at one place. Commits wait while this is
-- built, and what comes in waits in the queue.
CREATE INDEX submissions_by_source ON submissions (organization, source, id);

-- `settled_at`: when it was last released or discarded. It stays when a released one comes back and is open again:
-- a release that is not later has been done.
ALTER TABLE quarantine
    ADD COLUMN state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'released', 'discarded')),
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN settled_by text,
    ADD COLUMN note       text;
CREATE INDEX quarantine_by_state ON quarantine (organization, state, id);

-- Tags that clients know by number.
CREATE TABLE tags (
    organization uuid        NOT NULL REFERENCES organizations (id),
    id           bigint      NOT NULL,
    name         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, name)
);
