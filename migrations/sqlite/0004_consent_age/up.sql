-- How old consent may be, in seconds; null for however old.
ALTER TABLE sources ADD COLUMN consent_max_age INTEGER;
