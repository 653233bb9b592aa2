-- All leads with an email address, in pages. The index is created concurrently with writes.
CREATE INDEX CONCURRENTLY IF NOT EXISTS leads_with_email ON leads (organization, email_address, id) WHERE email_address IS NOT NULL;
