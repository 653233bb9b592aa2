-- The audit log of reads and changes. `detail` contains counts, ids and names of settings, never a value of a
-- lead.
CREATE TABLE audit (
    organization TEXT NOT NULL,
    id           TEXT NOT NULL,
    at           TEXT NOT NULL,
    actor        TEXT NOT NULL,
    action       TEXT NOT NULL,
    target       TEXT,
    detail       TEXT NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_actor ON audit (organization, actor, id);
CREATE INDEX audit_by_action ON audit (organization, action, id);

-- Entries cannot be updated. Old entries can be deleted.
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log do not change');
END;
