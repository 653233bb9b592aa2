-- Everybody at a domain and below it is one range of reversed addresses. Made beside those who write.
CREATE INDEX CONCURRENTLY IF NOT EXISTS leads_by_domain
    ON leads (organization, (reverse(email_address) COLLATE "C"), id) WHERE email_address IS NOT NULL;
