-- The newest submissions of a source. Ids are ordered by time, so each source appends at one place. This
-- migration is separate so that the table stays readable meanwhile. Commits wait, and new submissions stay in
-- the queue.
CREATE INDEX submissions_by_source ON submissions (organization, source, id);
