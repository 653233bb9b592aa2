use crate::sql::ClaimSql;

pub(super) const CLAIMS: ClaimSql = ClaimSql {
    // There is one writer at a time, so nothing needs locking. `WHERE true` keeps the parser from reading
    // `ON CONFLICT` as part of a join.
    lock: "
        INSERT INTO claims (organization, kind, key, lead, submission, trust, body_hash, last_seen,
                            protected_until)
        SELECT value->>'organization', value->>'kind', unhex(value->>'key'), value->>'lead',
               value->>'submission', value->>'trust', unhex(value->>'body_hash'), value->>'last_seen',
               value->>'protected_until'
        FROM json_each($1) WHERE true
        ON CONFLICT (organization, kind, key) DO NOTHING",
    read: "
        SELECT json_object('organization', c.organization, 'kind', c.kind, 'key', lower(hex(c.key)),
                           'lead', c.lead, 'submission', c.submission, 'trust', c.trust,
                           'body_hash', iif(c.body_hash IS NULL, NULL, lower(hex(c.body_hash))),
                           'last_seen', c.last_seen, 'protected_until', c.protected_until)
        FROM json_each($1) AS r CROSS JOIN claims AS c
        WHERE c.organization = r.value->>'organization' AND c.kind = r.value->>'kind'
          AND c.key = unhex(r.value->>'key')",
    write: "
        UPDATE claims
        SET lead = r.value->>'lead', submission = r.value->>'submission', trust = r.value->>'trust',
            body_hash = unhex(r.value->>'body_hash'), last_seen = r.value->>'last_seen',
            protected_until = r.value->>'protected_until'
        FROM json_each($1) AS r
        WHERE claims.organization = r.value->>'organization' AND claims.kind = r.value->>'kind'
          AND claims.key = unhex(r.value->>'key')",
    purge: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        DELETE FROM claims WHERE (organization, kind, key) IN (
            SELECT c.organization, c.kind, c.key FROM claims AS c INDEXED BY claims_of_requests
            WHERE c.kind = 'idempotency' AND c.submission < (SELECT value->>'before' FROM p)
              AND c.last_seen < (SELECT value->>'last_seen' FROM p)
            ORDER BY c.submission
            LIMIT (SELECT value->>'most' FROM p))",
    lock_public: None,
    release_public: "
        DELETE FROM claims WHERE (organization, lead) IN (
            SELECT value->>'organization', value->>'id' FROM json_each($1))
          AND trust = 'public' AND kind <> 'idempotency'",
    release: "
        DELETE FROM claims WHERE (organization, kind, key) IN (
            SELECT value->>'organization', value->>'kind', unhex(value->>'key') FROM json_each($1))",
};
