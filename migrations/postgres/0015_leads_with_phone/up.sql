-- All leads with a phone, a page at a time. Made beside those who write.
CREATE INDEX CONCURRENTLY IF NOT EXISTS leads_with_phone ON leads (organization, phone_e164, id) WHERE phone_e164 IS NOT NULL;
