-- The maximum age of consent in seconds. NULL: no maximum.
ALTER TABLE sources ADD COLUMN consent_max_age BIGINT;
