-- Additions only. `erased_at`: from this time the row contains no submitted values. `erased_by`: by a
-- person's request or by age.
ALTER TABLE submissions
    ADD COLUMN erased_at timestamptz,
    ADD COLUMN erased_by text CHECK (erased_by IN ('request', 'retention'));
ALTER TABLE quarantine ADD COLUMN erased_at timestamptz;

-- Leads with erased contributors, until they are rebuilt without the erased values.
CREATE TABLE leads_to_rebuild (
    organization uuid        NOT NULL,
    lead         uuid        NOT NULL,
    since        timestamptz NOT NULL,
    PRIMARY KEY (organization, lead)
);

-- The retention settings of an organization. NULL: no end. `submissions_swept_to`: submissions up to this id
-- were erased by age. `last_full_sweep_at`: the end of the last full pass, NULL until the first one has ended.
CREATE TABLE retention (
    organization         uuid PRIMARY KEY REFERENCES organizations (id),
    submissions_seconds  bigint,
    leads_seconds        bigint,
    quarantine_seconds   bigint,
    audit_seconds        bigint,
    submissions_swept_to uuid,
    last_full_sweep_at   timestamptz
);
