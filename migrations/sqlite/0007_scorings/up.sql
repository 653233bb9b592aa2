-- Additions only. The previous build neither reads nor writes them.

-- Scorings of leads. A version never changes.
CREATE TABLE scorings (
    organization TEXT    NOT NULL REFERENCES organizations (id),
    version      INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    PRIMARY KEY (organization, version)
) STRICT, WITHOUT ROWID;

-- The active version. NULL: the standard scoring of the build.
ALTER TABLE organizations ADD COLUMN scoring_version INTEGER;
