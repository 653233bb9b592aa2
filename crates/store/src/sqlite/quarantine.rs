use crate::sql::{Attempts, Quarantine};

pub(super) const QUARANTINE: Quarantine = Quarantine {
    insert: "
        INSERT INTO quarantine (organization, id, submission, reason, body_hash, document, quarantined_at)
        SELECT value->>'organization', value->>'id', value->>'submission', value->>'reason',
               unhex(value->>'body_hash'), value->>'document', value->>'quarantined_at'
        FROM json_each($1)",
    insert_reused: "
        INSERT INTO quarantine (organization, id, submission, reason, body_hash, document, quarantined_at)
        SELECT r.value->>'organization', r.value->>'id', r.value->>'submission', r.value->>'reason',
               unhex(r.value->>'body_hash'), r.value->>'document', r.value->>'quarantined_at'
        FROM json_each($1) AS r CROSS JOIN submissions AS s
        WHERE s.organization = r.value->>'organization' AND s.id = r.value->>'submission'
          AND s.body_hash <> unhex(r.value->>'body_hash')
        ON CONFLICT (organization, submission, body_hash) DO NOTHING",
};

pub(super) const ATTEMPTS: Attempts = Attempts {
    begin: "
        INSERT INTO attempts (submission, attempts, last_at)
        SELECT value->>'submission', 1, value->>'last_at' FROM json_each($1) WHERE true
        ON CONFLICT (submission) DO UPDATE SET attempts = attempts.attempts + 1, last_at = excluded.last_at
        RETURNING json_quote(attempts)",
    forget: "DELETE FROM attempts WHERE submission IN (SELECT value->>'id' FROM json_each($1))",
    purge: "DELETE FROM attempts WHERE last_at < (SELECT value->>'last_at' FROM json_each($1))",
};
