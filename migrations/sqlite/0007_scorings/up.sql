-- Only adds: the build before neither sees nor writes what is new here.

-- How leads are scored. A version never changes.
CREATE TABLE scorings (
    organization TEXT    NOT NULL REFERENCES organizations (id),
    version      INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    PRIMARY KEY (organization, version)
) STRICT, WITHOUT ROWID;

-- The version in force; null for the scoring that the build brings.
ALTER TABLE organizations ADD COLUMN scoring_version INTEGER;
