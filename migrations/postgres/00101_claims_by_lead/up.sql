-- The claims of a lead that is deleted. Made beside those who write.
CREATE INDEX CONCURRENTLY IF NOT EXISTS claims_by_lead ON claims (organization, lead);
