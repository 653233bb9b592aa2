-- consents_of_lead begins with the same columns.
DROP INDEX CONCURRENTLY IF EXISTS consents_by_lead;
