-- With statistics of one row, the organization looks unique. Any index that begins with the organization then
-- seems to be as selective as the right one. The setting takes effect at the next ANALYZE.
ALTER TABLE submissions ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE claims ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE leads ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE outcomes ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE quarantine ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE consents ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE consent_people ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE suppressions ALTER COLUMN organization SET (n_distinct = 10);
ALTER TABLE audit ALTER COLUMN organization SET (n_distinct = 10);
