-- `repair`: the base64 of the whole serialized submission as somebody mended it; what came in stays as it is.
ALTER TABLE quarantine ADD COLUMN repair TEXT;
ALTER TABLE quarantine ADD COLUMN repaired_at TEXT;
ALTER TABLE quarantine ADD COLUMN repaired_by TEXT;
