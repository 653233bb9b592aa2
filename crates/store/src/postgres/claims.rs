use crate::sql::ClaimSql;

pub(super) const CLAIMS: ClaimSql = ClaimSql {
    // Writes nothing where a claim is held, and locks it all the same; a plain `DO NOTHING` would not. Rows are
    // locked in the given order, which is the same for all writers.
    lock: "
        INSERT INTO claims (organization, kind, key, lead, submission, trust, body_hash, last_seen,
                            protected_until)
        SELECT organization, kind, decode(key, 'hex'), lead, submission, trust, decode(body_hash, 'hex'), last_seen,
               protected_until
        FROM json_to_recordset($1::json) AS r (organization uuid, kind text, key text, lead uuid,
                                               submission uuid, trust text, body_hash text,
                                               last_seen timestamptz, protected_until timestamptz)
        ON CONFLICT (organization, kind, key) DO UPDATE SET lead = claims.lead WHERE false",
    // Not by RETURNING of the above: that gives no rows that were not written, and its snapshot is older than
    // what it waited for.
    read: "
        SELECT json_build_object('organization', c.organization, 'kind', c.kind, 'key', encode(c.key, 'hex'),
                                 'lead', c.lead, 'submission', c.submission, 'trust', c.trust,
                                 'body_hash', encode(c.body_hash, 'hex'), 'last_seen', c.last_seen,
                                 'protected_until', c.protected_until)::text
        FROM json_to_recordset($1::json) AS r (organization uuid, kind text, key text)
        JOIN claims AS c
          ON c.organization = r.organization AND c.kind = r.kind AND c.key = decode(r.key, 'hex')",
    write: "
        UPDATE claims AS c
        SET lead = r.lead, submission = r.submission, trust = r.trust, body_hash = decode(r.body_hash, 'hex'),
            last_seen = r.last_seen, protected_until = r.protected_until
        FROM json_to_recordset($1::json) AS r (organization uuid, kind text, key text, lead uuid,
                                               submission uuid, trust text, body_hash text,
                                               last_seen timestamptz, protected_until timestamptz)
        WHERE c.organization = r.organization AND c.kind = r.kind AND c.key = decode(r.key, 'hex')",
    // Rows that a commit has locked are skipped: neither waits for the other.
    purge: "
        WITH p AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1::json) AS p (before uuid, last_seen timestamptz, most int)),
        old AS MATERIALIZED (
            SELECT c.organization, c.kind, c.key FROM claims AS c
            WHERE c.kind = 'idempotency' AND c.submission < (SELECT before FROM p)
              AND c.last_seen < (SELECT last_seen FROM p)
            ORDER BY c.submission
            LIMIT (SELECT most FROM p)
            FOR UPDATE SKIP LOCKED)
        DELETE FROM claims AS c USING old
        WHERE c.organization = old.organization AND c.kind = old.kind AND c.key = old.key",
    // Found by the lead's index, whatever the statistics say of the organization. The kinds in the order of
    // `ClaimKind`, by which commits lock claims.
    lock_public: Some(
        "
        SELECT json_build_object('organization', c.organization, 'kind', c.kind, 'key', encode(c.key, 'hex'))::text
        FROM json_to_recordset($1::json) AS r (organization uuid, id uuid)
        JOIN claims AS c ON c.lead = r.id AND (c.organization = r.organization) IS TRUE
        WHERE c.trust = 'public' AND c.kind <> 'idempotency'
        ORDER BY c.organization, array_position(ARRAY['external_id', 'line_id', 'phone', 'email'], c.kind), c.key
        FOR UPDATE OF c",
    ),
    release_public: "
        DELETE FROM claims AS c
        USING json_to_recordset($1::json) AS r (organization uuid, id uuid)
        WHERE c.lead = r.id AND (c.organization = r.organization) IS TRUE AND c.trust = 'public'
          AND c.kind <> 'idempotency'",
    release: "
        DELETE FROM claims AS c
        USING json_to_recordset($1::json) AS r (organization uuid, kind text, key text)
        WHERE c.organization = r.organization AND c.kind = r.kind AND c.key = decode(r.key, 'hex')",
};
