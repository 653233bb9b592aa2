-- Statistics of one row take its organization for unique: an index that begins with the organization then seems to find
-- a row as well as the index that finds it. Takes effect whenever statistics are gathered.
ALTER TABLE submissions ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE claims ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE leads ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE outcomes ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE quarantine ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE consents ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE consent_people ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE suppressions ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE audit ALTER COLUMN organization SET (n_distinct = 10);
