-- The claims of a lead, to delete them with it. The organization is not a column of the index: otherwise a
-- plan for empty tables could use this index to look up a key, and read all claims of the organization. The
-- index is created concurrently with writes.
CREATE INDEX CONCURRENTLY IF NOT EXISTS claims_by_lead ON claims (lead);
