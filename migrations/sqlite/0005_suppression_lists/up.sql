-- Several lists, digests and expiry times. `value` is null if an erasure left only the key. Expired and
-- removed entries stay, so that an earlier decision can be explained. `pending_since` is set while the entry
-- or its end is not applied to stored leads. `ended_at` is the time at which its end was applied.
CREATE TABLE suppressions_anew (
    organization  TEXT NOT NULL,
    kind          TEXT NOT NULL,
    key           BLOB NOT NULL,
    list          TEXT NOT NULL DEFAULT 'default',
    form          TEXT NOT NULL DEFAULT 'plain' CHECK (form IN ('plain', 'sha256')),
    value         TEXT,
    reason        TEXT,
    added_at      TEXT NOT NULL,
    expires_at    TEXT,
    pending_since TEXT,
    ended_at      TEXT,
    PRIMARY KEY (organization, kind, key, list)
) STRICT, WITHOUT ROWID;
INSERT INTO suppressions_anew (organization, kind, key, value, reason, added_at)
    SELECT organization, kind, key, value, reason, added_at FROM suppressions;
DROP TABLE suppressions;
ALTER TABLE suppressions_anew RENAME TO suppressions;
CREATE INDEX suppressions_pending ON suppressions (organization, kind, key, list) WHERE pending_since IS NOT NULL;
CREATE INDEX suppressions_pending_contacts ON suppressions (organization, kind, key, list)
    WHERE pending_since IS NOT NULL AND form = 'plain' AND kind <> 'domain' AND value IS NOT NULL;
CREATE INDEX suppressions_lapsing ON suppressions (expires_at) WHERE expires_at IS NOT NULL AND ended_at IS NULL;

-- All addresses of a domain and its subdomains are one range of reversed addresses.
ALTER TABLE leads ADD COLUMN email_reversed TEXT;
UPDATE leads SET email_reversed = (
    WITH RECURSIVE letters (rest, reversed) AS (
        SELECT leads.email_address, ''
        UNION ALL
        SELECT substr(rest, 2), substr(rest, 1, 1) || reversed FROM letters WHERE rest <> '')
    SELECT reversed FROM letters WHERE rest = '')
WHERE email_address IS NOT NULL;
CREATE INDEX leads_by_domain ON leads (organization, email_reversed, id) WHERE email_reversed IS NOT NULL;

-- Leases of periodic tasks. One worker at a time runs a task. `position` is where its last run stopped.
CREATE TABLE sweeps (
    name     TEXT NOT NULL PRIMARY KEY,
    taken_at TEXT NOT NULL,
    until    TEXT NOT NULL,
    position TEXT
) STRICT, WITHOUT ROWID;
