-- Replaced by leads_with_phone, which begins with the same columns.
DROP INDEX CONCURRENTLY IF EXISTS leads_by_phone;
