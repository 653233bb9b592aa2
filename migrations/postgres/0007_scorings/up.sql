-- Only adds: the build before neither sees nor writes what is new here.

-- How leads are scored. A version never changes.
CREATE TABLE scorings (
    organization uuid        NOT NULL REFERENCES organizations (id),
    version      integer     NOT NULL,
    document     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (organization, version)
);

-- The version in force; null for the scoring that the build brings.
ALTER TABLE organizations ADD COLUMN scoring_version integer;
