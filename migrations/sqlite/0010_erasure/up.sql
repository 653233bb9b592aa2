-- Only adds. `erased_at`: nothing that was said is left in the row; `erased_by`: because a person asked for it, or
-- because of its age.
ALTER TABLE submissions ADD COLUMN erased_at TEXT;
ALTER TABLE submissions ADD COLUMN erased_by TEXT CHECK (erased_by IN ('request', 'retention'));
ALTER TABLE quarantine ADD COLUMN erased_at TEXT;

-- The claims of a lead that is deleted.
CREATE INDEX claims_by_lead ON claims (lead);

-- Leads that erased submissions made or changed, until they are without what these said.
CREATE TABLE leads_to_rebuild (
    organization TEXT NOT NULL,
    lead TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (organization, lead)
) STRICT, WITHOUT ROWID;

-- For how long an organization keeps what; null is for ever. `swept_to`: up to here its submissions were erased by
-- age; `swept_whole_at`: when a pass from the first one on last came to its end, null while the first is under way.
CREATE TABLE retention (
    organization TEXT NOT NULL PRIMARY KEY REFERENCES organizations (id),
    submissions_seconds INTEGER,
    leads_seconds       INTEGER,
    quarantine_seconds  INTEGER,
    audit_seconds       INTEGER,
    swept_to            TEXT,
    swept_whole_at      TEXT
) STRICT, WITHOUT ROWID;
