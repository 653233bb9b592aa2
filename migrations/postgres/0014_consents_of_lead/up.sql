-- The consents of a lead, in pages. The index is created concurrently with writes.
CREATE INDEX CONCURRENTLY IF NOT EXISTS consents_of_lead ON consents (organization, lead, received_at, submission) WHERE lead IS NOT NULL;
