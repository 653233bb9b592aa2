-- `repair` is the base64 of the repaired, serialized submission. The original submission does not change.
ALTER TABLE quarantine ADD COLUMN repair TEXT;
ALTER TABLE quarantine ADD COLUMN repaired_at TEXT;
ALTER TABLE quarantine ADD COLUMN repaired_by TEXT;
