-- The newest submissions of a source. Ids are ordered by time, so each source appends at one place.
CREATE INDEX submissions_by_source ON submissions (organization, source, id);
