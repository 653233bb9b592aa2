-- Several lists, digests and expiry times. `value` is null if an erasure left only the key. Expired and
-- removed entries stay, so that an earlier decision can be explained. `pending_since` is set while the entry
-- or its end is not applied to stored leads. `ended_at` is the time at which its end was applied. The
-- previous build treats ended entries as active.
ALTER TABLE suppressions
    ADD COLUMN list          text NOT NULL DEFAULT 'default',
    ADD COLUMN form          text NOT NULL DEFAULT 'plain' CHECK (form IN ('plain', 'sha256')),
    ADD COLUMN expires_at    timestamptz,
    ADD COLUMN pending_since timestamptz,
    ADD COLUMN ended_at      timestamptz,
    ALTER COLUMN value DROP NOT NULL,
    DROP CONSTRAINT suppressions_pkey,
    ADD PRIMARY KEY (organization, kind, key, list);
CREATE INDEX suppressions_pending ON suppressions (organization, kind, key, list) WHERE pending_since IS NOT NULL;
CREATE INDEX suppressions_pending_contacts ON suppressions (organization, kind, key, list)
    WHERE pending_since IS NOT NULL AND form = 'plain' AND kind <> 'domain' AND value IS NOT NULL;
CREATE INDEX suppressions_lapsing ON suppressions (expires_at) WHERE expires_at IS NOT NULL AND ended_at IS NULL;

-- Leases of periodic tasks. One worker at a time runs a task. `position` is where its last run stopped.
CREATE TABLE sweeps (
    name     text        PRIMARY KEY,
    taken_at timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    position uuid
);
