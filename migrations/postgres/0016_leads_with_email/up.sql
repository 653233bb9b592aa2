-- All leads with an email address, a page at a time. Made beside those who write.
CREATE INDEX CONCURRENTLY IF NOT EXISTS leads_with_email ON leads (organization, email_address, id) WHERE email_address IS NOT NULL;
