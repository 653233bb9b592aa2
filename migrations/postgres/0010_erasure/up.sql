-- Only adds. `erased_at`: nothing that was said is left in the row; `erased_by`: because a person asked for it, or
-- because of its age.
ALTER TABLE submissions
    ADD COLUMN erased_at timestamptz,
    ADD COLUMN erased_by text CHECK (erased_by IN ('request', 'retention'));
ALTER TABLE quarantine ADD COLUMN erased_at timestamptz;

-- Leads that erased submissions made or changed, until they are without what these said.
CREATE TABLE leads_to_rebuild (
    organization uuid        NOT NULL,
    lead         uuid        NOT NULL,
    since        timestamptz NOT NULL,
    PRIMARY KEY (organization, lead)
);

-- For how long an organization keeps what; null is for ever. `swept_to`: up to here its submissions were erased by
-- age; `swept_whole_at`: when a pass from the first one on last came to its end, null while the first is under way.
CREATE TABLE retention (
    organization        uuid PRIMARY KEY REFERENCES organizations (id),
    submissions_seconds bigint,
    leads_seconds       bigint,
    quarantine_seconds  bigint,
    audit_seconds       bigint,
    swept_to            uuid,
    swept_whole_at      timestamptz
);
