use crate::sql::SubmissionSql;

/// What [`crate::submissions::StoredSubmission`] reads of a row `s`.
macro_rules! submission {
    () => {
        "'organization', s.organization, 'id', s.id, 'source', s.source,
         'source_revision', s.source_revision, 'dialect', s.dialect, 'received_at', s.received_at, 'trust', s.trust,
         'client_address', s.client_address, 'client_user_agent', s.client_user_agent,
         'client_key', s.client_key, 'fields', s.fields, 'raw', s.raw, 'raw_encoding', s.raw_encoding,
         'media', s.media, 'query', s.query, 'mapping_version', s.mapping_version,
         'mapping_fault', s.mapping_fault, 'body_hash', encode(s.body_hash, 'hex'),
         'idempotency_key_hash', encode(s.idempotency_key_hash, 'hex'),
         'traceparent', s.traceparent, 'erased_at', s.erased_at, 'extra', s.extra"
    };
}
pub(super) use submission;

/// The outcomes `o` that are current ones and made or changed one of the leads.
macro_rules! contributors {
    () => {
        "json_to_recordset($1::json) AS r (organization uuid, id uuid)
         JOIN outcomes AS o ON o.organization = r.organization AND o.lead = r.id
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
        SELECT organization, id, source, source_revision, dialect, received_at, trust, client_address,
               client_user_agent, client_key, fields, raw, raw_encoding, media, query,
               mapping_version, mapping_fault, decode(body_hash, 'hex'),
               decode(idempotency_key_hash, 'hex'), traceparent, extra
        FROM json_to_recordset($1::json) AS r (
            organization uuid, id uuid, source uuid, source_revision integer, dialect text,
            received_at timestamptz, trust text, client_address text, client_user_agent text, client_key text,
            fields jsonb, raw text, raw_encoding text, media jsonb, query text, mapping_version integer, mapping_fault jsonb,
            body_hash text, idempotency_key_hash text, traceparent text, extra jsonb)
        ON CONFLICT (organization, id) DO NOTHING
        RETURNING json_build_array(organization, id)::text",
    decide: "
        INSERT INTO outcomes (organization, submission, revision, outcome, lead, decided_at, trace)
        SELECT organization, submission, revision, outcome, lead, decided_at, trace
        FROM json_to_recordset($1::json) AS r (organization uuid, submission uuid, revision integer,
                                               outcome text, lead uuid, decided_at timestamptz, trace jsonb)",
    decide_again: "
        INSERT INTO outcomes (organization, submission, revision, outcome, lead, decided_at, trace)
        SELECT r.organization, r.submission,
               1 + coalesce((SELECT max(h.revision) FROM outcomes AS h
                             WHERE h.organization = r.organization AND h.submission = r.submission), 0),
               r.outcome, r.lead, r.decided_at, r.trace
        FROM json_to_recordset($1::json) AS r (organization uuid, submission uuid, outcome text, lead uuid,
                                               decided_at timestamptz, trace jsonb)",
    // The wanted id as scalars, not as a row to join: for all that PostgreSQL knows that would be a hundred rows,
    // and for a hundred it would rather read all leads of the organization than look each up.
    read: concat!(
        "WITH p AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, id uuid))
         SELECT json_build_object(",
        submission!(),
        ", 'outcomes', (
                SELECT coalesce(json_agg(json_build_object(
                    'revision', o.revision, 'outcome', o.outcome, 'lead', o.lead,
                    'decided_at', o.decided_at, 'trace', o.trace) ORDER BY o.revision), '[]')
                FROM outcomes AS o WHERE o.organization = s.organization AND o.submission = s.id),
            'quarantine', (
                SELECT coalesce(json_agg(json_build_object(
                    'id', q.id, 'reason', q.reason, 'state', q.state,
                    'body_hash', encode(q.body_hash, 'hex'), 'quarantined_at', q.quarantined_at)
                    ORDER BY q.quarantined_at, q.id), '[]')
                FROM (SELECT * FROM quarantine AS u
                      WHERE u.organization = s.organization AND u.submission = s.id
                      UNION ALL
                      SELECT * FROM quarantine AS o
                      WHERE o.organization = s.organization AND o.id = s.id AND o.submission <> s.id
                     ) AS q))::text
         FROM submissions AS s
         WHERE s.organization = (SELECT organization FROM p) AND s.id = (SELECT id FROM p)"
    ),
    page: "
        WITH p AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, id uuid, most int))
        SELECT json_build_object('id', s.id, 'body_hash', encode(s.body_hash, 'hex'),
                                 'received_at', s.received_at, 'outcome', o.outcome, 'lead', o.lead)::text
        FROM submissions AS s
        LEFT JOIN LATERAL (
            SELECT h.outcome, h.lead FROM outcomes AS h
            WHERE h.organization = s.organization AND h.submission = s.id
            ORDER BY h.revision DESC LIMIT 1) AS o ON true
        WHERE s.organization = (SELECT organization FROM p) AND s.id > (SELECT id FROM p)
        ORDER BY s.organization, s.id
        LIMIT (SELECT most FROM p)",
    recent: concat!(
        "WITH p AS MATERIALIZED (
             SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, source uuid, most int))
         SELECT json_build_object(",
        submission!(),
        ")::text
         FROM submissions AS s
         WHERE s.organization = (SELECT organization FROM p)
           AND s.source BETWEEN (SELECT source FROM p) AND (SELECT source FROM p)
         ORDER BY s.source DESC, s.id DESC
         LIMIT (SELECT most FROM p)"
    ),
    of_leads: concat!(
        "SELECT json_build_object('lead', o.lead, 'outcome', o.outcome, 'repair', q.repair,
                                  'submission', json_build_object(",
        submission!(),
        "))::text
         FROM ",
        contributors!(),
        " JOIN submissions AS s ON s.organization = o.organization AND s.id = o.submission
          LEFT JOIN quarantine AS q ON q.organization = s.organization AND q.id = s.id"
    ),
    contributors: concat!("SELECT json_build_array(o.lead, o.submission)::text FROM ", contributors!()),
    find: "
        WITH p AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, id uuid))
        SELECT json_build_object('submission', s.id, 'source', s.source, 'outcome', o.outcome, 'lead', l.document,
                                 'erased_at', s.erased_at, 'quarantine', q.reason)::text
        FROM submissions AS s
        LEFT JOIN LATERAL (
            SELECT h.outcome, h.lead FROM outcomes AS h
            WHERE h.organization = s.organization AND h.submission = s.id
            ORDER BY h.revision DESC LIMIT 1) AS o ON true
        LEFT JOIN leads AS l ON l.organization = s.organization AND l.id = o.lead
        LEFT JOIN quarantine AS q ON q.organization = s.organization AND q.id = s.id
        WHERE s.organization = (SELECT organization FROM p) AND s.id = (SELECT id FROM p)",
};
