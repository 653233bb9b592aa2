-- The newest of a source. Ids are ordered by time, so each source appends at one place.
-- By itself, so that the table can be read meanwhile; commits wait, and what comes in waits in the queue.
CREATE INDEX submissions_by_source ON submissions (organization, source, id);
