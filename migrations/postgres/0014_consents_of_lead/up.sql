-- The consents of a lead, a page at a time. Made beside those who write.
CREATE INDEX CONCURRENTLY IF NOT EXISTS consents_of_lead ON consents (organization, lead, received_at, submission) WHERE lead IS NOT NULL;
