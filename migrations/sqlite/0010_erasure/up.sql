-- Additions only. `erased_at`: from this time the row contains no submitted values. `erased_by`: by a
-- person's request or by age.
ALTER TABLE submissions ADD COLUMN erased_at TEXT;
ALTER TABLE submissions ADD COLUMN erased_by TEXT CHECK (erased_by IN ('request', 'retention'));
ALTER TABLE quarantine ADD COLUMN erased_at TEXT;

-- The claims of a lead, to delete them with it.
CREATE INDEX claims_by_lead ON claims (lead);

-- Leads with erased contributors, until they are rebuilt without the erased values.
CREATE TABLE leads_to_rebuild (
    organization TEXT NOT NULL,
    lead TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (organization, lead)
) STRICT, WITHOUT ROWID;

-- The retention settings of an organization. NULL: no end. `submissions_swept_to`: submissions up to this id
-- were erased by age. `last_full_sweep_at`: the end of the last full pass, NULL until the first one has ended.
CREATE TABLE retention (
    organization         TEXT NOT NULL PRIMARY KEY REFERENCES organizations (id),
    submissions_seconds  INTEGER,
    leads_seconds        INTEGER,
    quarantine_seconds   INTEGER,
    audit_seconds        INTEGER,
    submissions_swept_to TEXT,
    last_full_sweep_at   TEXT
) STRICT, WITHOUT ROWID;
