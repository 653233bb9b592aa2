-- Only adds: the build before neither sees nor writes what is new here, and every new column has a default.

-- Credentials of three kinds (`secret`, `publishable`, `token`).
ALTER TABLE api_keys ADD COLUMN kind       TEXT NOT NULL DEFAULT 'secret';
ALTER TABLE api_keys ADD COLUMN name       TEXT;
ALTER TABLE api_keys ADD COLUMN origins    TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN tags       TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN label      TEXT;
ALTER TABLE api_keys ADD COLUMN expires_at TEXT;

-- `mapping` is the document of the version in force, repeated from `mappings`.
ALTER TABLE sources ADD COLUMN campaign        TEXT;
ALTER TABLE sources ADD COLUMN networks        TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sources ADD COLUMN signature       TEXT;
ALTER TABLE sources ADD COLUMN mapping_version INTEGER;
ALTER TABLE sources ADD COLUMN mapping         TEXT;
CREATE UNIQUE INDEX sources_by_campaign ON sources (campaign) WHERE campaign IS NOT NULL;

-- How incoming names become fields. A version never changes.
CREATE TABLE mappings (
    organization TEXT    NOT NULL,
    source       TEXT    NOT NULL REFERENCES sources (id),
    version      INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    PRIMARY KEY (organization, source, version)
) STRICT, WITHOUT ROWID;

-- Without `media` a body is JSON.
ALTER TABLE submissions ADD COLUMN media           TEXT;
ALTER TABLE submissions ADD COLUMN query           TEXT;
ALTER TABLE submissions ADD COLUMN mapping_version INTEGER;
ALTER TABLE submissions ADD COLUMN mapping_fault   TEXT;
-- The newest of a source. Ids are ordered by time, so each source appends at one place.
CREATE INDEX submissions_by_source ON submissions (organization, source, id);

-- `settled_at`: when it was last released or discarded. It stays when a released one comes back and is open again:
-- a release that is not later has been done.
ALTER TABLE quarantine
    ADD COLUMN state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'released', 'discarded'));
ALTER TABLE quarantine ADD COLUMN settled_at TEXT;
ALTER TABLE quarantine ADD COLUMN settled_by TEXT;
ALTER TABLE quarantine ADD COLUMN note       TEXT;
CREATE INDEX quarantine_by_state ON quarantine (organization, state, id);

-- Tags that clients know by number.
CREATE TABLE tags (
    organization TEXT    NOT NULL REFERENCES organizations (id),
    id           INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, name)
) STRICT, WITHOUT ROWID;
