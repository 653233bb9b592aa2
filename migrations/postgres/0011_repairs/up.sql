-- `repair`: the base64 of the whole serialized submission as somebody mended it; what came in stays as it is.
ALTER TABLE quarantine
    ADD COLUMN repair      text,
    ADD COLUMN repaired_at timestamptz,
    ADD COLUMN repaired_by text;
