-- Only adds. `erased_at`: nothing that was said is left in the row; `erased_by`: because a person asked for it, or
-- because of its age.
ALTER TABLE submissions ADD COLUMN erased_at TEXT;
ALTER TABLE submissions ADD COLUMN erased_by TEXT CHECK (erased_by IN ('request', 'retention'));
ALTER TABLE quarantine ADD COLUMN erased_at TEXT;

-- The claims of a lead that is deleted.
CREATE INDEX claims_by_lead ON claims (lead);

-- That somebody was erased: under which keys, as suppressions have them, and how much it was. `swept_at`: when it was
-- last looked for what had been on its way.
CREATE TABLE erasures (
    organization TEXT NOT NULL,
    id TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    keys TEXT NOT NULL,
    finished_at TEXT,
    report TEXT,
    swept_at TEXT,
    PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX erasures_by_time ON erasures (begun_at);

-- Leads that erased submissions made or changed, until they are without what these said.
CREATE TABLE leads_to_rebuild (
    organization TEXT NOT NULL,
    lead TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (organization, lead)
) STRICT, WITHOUT ROWID;

-- For how long an organization keeps what; null is for ever. `swept_to`: up to here its submissions were erased by
-- age; since `swept_from`, when that last began at the first.
CREATE TABLE retention (
    organization TEXT NOT NULL PRIMARY KEY REFERENCES organizations (id),
    submissions_seconds INTEGER,
    leads_seconds       INTEGER,
    quarantine_seconds  INTEGER,
    audit_seconds       INTEGER,
    swept_to            TEXT,
    swept_from          TEXT
) STRICT, WITHOUT ROWID;
