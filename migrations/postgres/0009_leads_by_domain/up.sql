-- All addresses of a domain and its subdomains are one range of reversed addresses. The index is created
-- concurrently with writes.
CREATE INDEX CONCURRENTLY IF NOT EXISTS leads_by_domain
    ON leads (organization, (reverse(email_address) COLLATE "C"), id) WHERE email_address IS NOT NULL;
