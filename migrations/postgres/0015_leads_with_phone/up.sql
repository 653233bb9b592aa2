-- All leads with a phone, in pages. The index is created concurrently with writes.
CREATE INDEX CONCURRENTLY IF NOT EXISTS leads_with_phone ON leads (organization, phone_e164, id) WHERE phone_e164 IS NOT NULL;
