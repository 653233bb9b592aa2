-- Replaced by consents_of_lead, which begins with the same columns.
DROP INDEX CONCURRENTLY IF EXISTS consents_by_lead;
