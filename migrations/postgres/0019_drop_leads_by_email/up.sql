-- Replaced by leads_with_email, which begins with the same columns.
DROP INDEX CONCURRENTLY IF EXISTS leads_by_email;
