-- Several lists, digests, ends. `value` is null where an erasure left only the key. What has ended stays, for whoever
-- asks why somebody was called. `pending_since`: stored leads have yet to learn of its beginning or its end;
-- `ended_at`: when they had learnt of its end. A build before reads ended entries as if they still held.
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

-- Tasks of which one worker at a time does each, and until when it is reserved. `position`: where its last run stopped.
CREATE TABLE sweeps (
    name     text        PRIMARY KEY,
    taken_at timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    position uuid
);
