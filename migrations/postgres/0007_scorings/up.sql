-- Additions only. The previous build neither reads nor writes them.

-- Scorings of leads. A version never changes.
CREATE TABLE scorings (
    organization uuid        NOT NULL REFERENCES organizations (id),
    version      integer     NOT NULL,
    document     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (organization, version)
);

-- The active version. NULL: the standard scoring of the build.
ALTER TABLE organizations ADD COLUMN scoring_version integer;
