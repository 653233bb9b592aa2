use crate::sql::SubmissionSql;

/// What [`crate::submissions::StoredSubmission`] reads of a row `s`.
macro_rules! submission {
    () => {
        "'organization', s.organization, 'id', s.id, 'source', s.source,
         'source_revision', s.source_revision, 'dialect', s.dialect, 'received_at', s.received_at, 'trust', s.trust,
         'client_address', s.client_address, 'client_user_agent', s.client_user_agent,
         'client_key', s.client_key, 'fields', json(s.fields), 'raw', s.raw,
         'raw_encoding', s.raw_encoding, 'media', json(s.media), 'query', s.query,
         'mapping_version', s.mapping_version, 'mapping_fault', json(s.mapping_fault),
         'body_hash', lower(hex(s.body_hash)),
         'idempotency_key_hash',
             iif(s.idempotency_key_hash IS NULL, NULL, lower(hex(s.idempotency_key_hash))),
         'traceparent', s.traceparent, 'erased_at', s.erased_at, 'extra', json(s.extra)"
    };
}
pub(super) use submission;

/// Which outcomes of a lead `r` are current ones that made or changed it.
macro_rules! contributors {
    () => {
        "o.organization = r.value->>'organization' AND o.lead = r.value->>'id'
           AND o.outcome IN ('created', 'updated')
           AND o.revision = (SELECT max(h.revision) FROM outcomes AS h
                             WHERE h.organization = o.organization AND h.submission = o.submission)
          AND NOT EXISTS (SELECT 1 FROM submissions AS e
                          WHERE e.organization = o.organization AND e.id = o.submission
                            AND e.erased_by = 'request')"
    };
}

pub(super) const SUBMISSIONS: SubmissionSql = SubmissionSql {
    insert: "
        INSERT INTO submissions (organization, id, source, source_revision, dialect, received_at, trust,
                                 client_address, client_user_agent, client_key, fields, raw, raw_encoding, media, query,
                                 mapping_version, mapping_fault, body_hash, idempotency_key_hash, traceparent,
                                 extra)
        SELECT value->>'organization', value->>'id', value->>'source', value->>'source_revision',
               value->>'dialect', value->>'received_at', value->>'trust', value->>'client_address',
               value->>'client_user_agent', value->>'client_key', value->'fields', value->>'raw', value->>'raw_encoding',
               value->'media', value->>'query', value->>'mapping_version', value->'mapping_fault',
               unhex(value->>'body_hash'), unhex(value->>'idempotency_key_hash'), value->>'traceparent',
               value->'extra'
        FROM json_each($1) WHERE true
        ON CONFLICT (organization, id) DO NOTHING
        RETURNING json_array(organization, id)",
    decide: "
        INSERT INTO outcomes (organization, submission, revision, outcome, lead, decided_at, trace)
        SELECT value->>'organization', value->>'submission', value->>'revision', value->>'outcome',
               value->>'lead', value->>'decided_at', value->'trace'
        FROM json_each($1)",
    decide_again: "
        INSERT INTO outcomes (organization, submission, revision, outcome, lead, decided_at, trace)
        SELECT value->>'organization', value->>'submission',
               1 + coalesce((SELECT max(h.revision) FROM outcomes AS h
                             WHERE h.organization = value->>'organization'
                               AND h.submission = value->>'submission'), 0),
               value->>'outcome', value->>'lead', value->>'decided_at', value->'trace'
        FROM json_each($1)",
    read: concat!(
        "SELECT json_object(",
        submission!(),
        ", 'outcomes', json((
                SELECT json_group_array(json_object(
                    'revision', o.revision, 'outcome', o.outcome, 'lead', o.lead,
                    'decided_at', o.decided_at, 'trace', json(o.trace)) ORDER BY o.revision)
                FROM outcomes AS o WHERE o.organization = s.organization AND o.submission = s.id)),
            'quarantine', json((
                SELECT json_group_array(json_object(
                    'id', q.id, 'reason', q.reason, 'state', q.state, 'body_hash', lower(hex(q.body_hash)),
                    'quarantined_at', q.quarantined_at) ORDER BY q.quarantined_at, q.id)
                FROM quarantine AS q
                WHERE q.organization = s.organization AND (q.submission = s.id OR q.id = s.id))))
         FROM json_each($1) AS r CROSS JOIN submissions AS s
         WHERE s.organization = r.value->>'organization' AND s.id = r.value->>'id'"
    ),
    page: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        SELECT json_object('id', s.id, 'body_hash', lower(hex(s.body_hash)), 'received_at', s.received_at,
                           'outcome', o.outcome, 'lead', o.lead)
        FROM submissions AS s
        LEFT JOIN outcomes AS o
               ON o.organization = s.organization AND o.submission = s.id
              AND o.revision = (SELECT max(h.revision) FROM outcomes AS h
                                WHERE h.organization = s.organization AND h.submission = s.id)
        WHERE s.organization = (SELECT value->>'organization' FROM p) AND s.id > (SELECT value->>'id' FROM p)
        ORDER BY s.organization, s.id
        LIMIT (SELECT value->>'most' FROM p)",
    recent: concat!(
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
         SELECT json_object(",
        submission!(),
        ")
         FROM submissions AS s
         WHERE s.organization = (SELECT value->>'organization' FROM p)
           AND s.source = (SELECT value->>'source' FROM p)
         ORDER BY s.id DESC
         LIMIT (SELECT value->>'most' FROM p)"
    ),
    of_leads: concat!(
        "SELECT json_object('lead', o.lead, 'outcome', o.outcome, 'repair', q.repair, 'submission', json_object(",
        submission!(),
        "))
         FROM json_each($1) AS r CROSS JOIN outcomes AS o
         JOIN submissions AS s ON s.organization = o.organization AND s.id = o.submission
         LEFT JOIN quarantine AS q ON q.organization = s.organization AND q.id = s.id
         WHERE ",
        contributors!()
    ),
    contributors: concat!(
        "SELECT json_array(o.lead, o.submission) FROM json_each($1) AS r CROSS JOIN outcomes AS o WHERE ",
        contributors!()
    ),
    find: "
        SELECT json_object('submission', s.id, 'source', s.source, 'outcome', o.outcome, 'lead', json(l.document),
                           'erased_at', s.erased_at, 'quarantine', q.reason)
        FROM json_each($1) AS r CROSS JOIN submissions AS s
        LEFT JOIN outcomes AS o
               ON o.organization = s.organization AND o.submission = s.id
              AND o.revision = (SELECT max(h.revision) FROM outcomes AS h
                                WHERE h.organization = s.organization AND h.submission = s.id)
        LEFT JOIN leads AS l ON l.organization = o.organization AND l.id = o.lead
        LEFT JOIN quarantine AS q ON q.organization = s.organization AND q.id = s.id
        WHERE s.organization = r.value->>'organization' AND s.id = r.value->>'id'",
};
