-- Only adds. How far the leads were looked at whose age may be over; null is from the first on.
ALTER TABLE retention ADD COLUMN leads_swept_to uuid;
