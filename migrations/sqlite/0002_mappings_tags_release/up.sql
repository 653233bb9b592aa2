-- Additions only. The previous build neither reads nor writes them, and every new column has a default.

-- Credentials have three kinds: `secret`, `publishable` and `token`.
ALTER TABLE api_keys ADD COLUMN kind       TEXT NOT NULL DEFAULT 'secret';
ALTER TABLE api_keys ADD COLUMN name       TEXT;
ALTER TABLE api_keys ADD COLUMN origins    TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN tags       TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN label      TEXT;
ALTER TABLE api_keys ADD COLUMN expires_at TEXT;

-- `mapping` is a copy of the active version in `mappings`.
ALTER TABLE sources ADD COLUMN campaign        TEXT;
ALTER TABLE sources ADD COLUMN networks        TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sources ADD COLUMN signature       TEXT;
ALTER TABLE sources ADD COLUMN mapping_version INTEGER;
ALTER TABLE sources ADD COLUMN mapping         TEXT;
CREATE UNIQUE INDEX sources_by_campaign ON sources (campaign) WHERE campaign IS NOT NULL;

-- Mappings of submitted names to fields. A version never changes.
CREATE TABLE mappings (
    organization TEXT    NOT NULL,
    source       TEXT    NOT NULL REFERENCES sources (id),
    version      INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    PRIMARY KEY (organization, source, version)
) STRICT, WITHOUT ROWID;

-- A body without `media` is JSON.
ALTER TABLE submissions ADD COLUMN media           TEXT;
ALTER TABLE submissions ADD COLUMN query           TEXT;
ALTER TABLE submissions ADD COLUMN mapping_version INTEGER;
ALTER TABLE submissions ADD COLUMN mapping_fault   TEXT;

-- `settled_at` is the time of the last release or discard. It stays when a released entry fails and is open
-- again. A release with this time or an earlier one was already processed.
ALTER TABLE quarantine
    ADD COLUMN state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'released', 'discarded'));
ALTER TABLE quarantine ADD COLUMN settled_at TEXT;
ALTER TABLE quarantine ADD COLUMN settled_by TEXT;
ALTER TABLE quarantine ADD COLUMN note       TEXT;
CREATE INDEX quarantine_by_state ON quarantine (organization, state, id);

-- Tags with numbers, by which clients refer to them.
CREATE TABLE tags (
    organization TEXT    NOT NULL REFERENCES organizations (id),
    id           INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, name)
) STRICT, WITHOUT ROWID;
