-- The claims of a lead that is deleted. Without the organization: a plan made over empty tables could take this index for
-- looking up a key, and read all claims of the organization. Made beside those who write.
CREATE INDEX CONCURRENTLY IF NOT EXISTS claims_by_lead ON claims (lead);
