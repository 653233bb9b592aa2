-- Only adds. How far the pass over old leads has come that is under way; null is from the first on.
ALTER TABLE retention ADD COLUMN leads_swept_to uuid;
