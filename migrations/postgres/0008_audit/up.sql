-- The audit log of reads and changes. `detail` contains counts, ids and names of settings, never a value of a
-- lead.
CREATE TABLE audit (
    organization uuid        NOT NULL,
    id           uuid        NOT NULL,
    at           timestamptz NOT NULL,
    actor        text        NOT NULL,
    action       text        NOT NULL,
    target       text,
    detail       jsonb       NOT NULL,
    PRIMARY KEY (organization, id)
);
CREATE INDEX audit_by_actor ON audit (organization, actor, id);
CREATE INDEX audit_by_action ON audit (organization, action, id);

-- Entries cannot be updated. Old entries can be deleted.
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the audit log do not change' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays();
