-- Additions only. The position of the current pass over old leads. NULL: at the first lead.
ALTER TABLE retention ADD COLUMN leads_swept_to TEXT;
