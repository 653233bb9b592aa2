-- `repair` is the base64 of the repaired, serialized submission. The original submission does not change.
ALTER TABLE quarantine
    ADD COLUMN repair      text,
    ADD COLUMN repaired_at timestamptz,
    ADD COLUMN repaired_by text;
