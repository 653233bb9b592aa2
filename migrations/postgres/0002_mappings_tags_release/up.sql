-- Additions only. The previous build neither reads nor writes them, and every new column has a default.

-- Credentials have three kinds: `secret`, `publishable` and `token`.
ALTER TABLE api_keys
    ADD COLUMN kind       text   NOT NULL DEFAULT 'secret',
    ADD COLUMN name       text,
    ADD COLUMN origins    text[] NOT NULL DEFAULT '{}',
    ADD COLUMN tags       text[] NOT NULL DEFAULT '{}',
    ADD COLUMN label      text,
    ADD COLUMN expires_at timestamptz;

-- `mapping` is a copy of the active version in `mappings`.
ALTER TABLE sources
    ADD COLUMN campaign        text,
    ADD COLUMN networks        text[] NOT NULL DEFAULT '{}',
    ADD COLUMN signature       jsonb,
    ADD COLUMN mapping_version integer,
    ADD COLUMN mapping         jsonb;
CREATE UNIQUE INDEX sources_by_campaign ON sources (campaign) WHERE campaign IS NOT NULL;

-- Mappings of submitted names to fields. A version never changes.
CREATE TABLE mappings (
    organization uuid        NOT NULL,
    source       uuid        NOT NULL REFERENCES sources (id),
    version      integer     NOT NULL,
    document     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (organization, source, version)
);

-- A body without `media` is JSON.
ALTER TABLE submissions
    ADD COLUMN media           jsonb,
    ADD COLUMN query           text,
    ADD COLUMN mapping_version integer,
    ADD COLUMN mapping_fault   jsonb;

-- `settled_at` is the time of the last release or discard. It stays when a released entry fails and is open
-- again. A release with this time or an earlier one was already processed.
ALTER TABLE quarantine
    ADD COLUMN state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'released', 'discarded')),
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN settled_by text,
    ADD COLUMN note       text;
CREATE INDEX quarantine_by_state ON quarantine (organization, state, id);

-- Tags with numbers, by which clients refer to them.
CREATE TABLE tags (
    organization uuid        NOT NULL REFERENCES organizations (id),
    id           bigint      NOT NULL,
    name         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (organization, id),
    UNIQUE (organization, name)
);
