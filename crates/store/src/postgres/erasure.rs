use super::submissions::submission;
use crate::sql::{ErasureSql, RetentionSql};

/// Rows of a table after one id and before another, in the order of ids.
macro_rules! between {
    ($what:expr, $table:literal, $condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, id uuid, before uuid, most int))
             SELECT ",
            $what,
            "::text FROM ",
            $table,
            " AS s
             WHERE s.organization = (SELECT organization FROM p)
               AND s.id > (SELECT id FROM p) AND s.id < (SELECT before FROM p)",
            $condition,
            " ORDER BY s.organization, s.id
             LIMIT (SELECT most FROM p)"
        )
    };
}

macro_rules! one {
    () => {
        "json_to_recordset($1::json) AS r (organization uuid, id uuid)"
    };
}

macro_rules! emptied {
    () => {
        "json_to_recordset($1::json) AS r (organization uuid, id uuid, body_hash text, erased_at timestamptz,
                                           erased_by text)"
    };
}

pub(super) const ERASURE: ErasureSql = ErasureSql {
    contacts: "
        WITH r AS (SELECT * FROM json_to_recordset($1::json) AS r (organization uuid, kind text, value text)),
        met AS (
            SELECT l.organization, l.id FROM r
            JOIN leads AS l ON l.organization = r.organization AND l.phone_e164 = r.value
            WHERE r.kind = 'phone'
            UNION
            SELECT l.organization, l.id FROM r
            JOIN leads AS l ON l.organization = r.organization AND l.email_address = r.value
            WHERE r.kind = 'email')
        SELECT json_build_object('id', l.id, 'phone', l.phone_e164, 'email', l.email_address)::text
        FROM met JOIN leads AS l ON l.organization = met.organization AND l.id = met.id",
    submissions_of: concat!(
        "SELECT DISTINCT to_json(o.submission)::text
         FROM ",
        one!(),
        " JOIN outcomes AS o ON o.organization = r.organization AND o.lead = r.id"
    ),
    entries: concat!(
        "WITH p AS MATERIALIZED (
             SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, id uuid, before uuid, most int)),
         q AS MATERIALIZED (
             SELECT e.organization, e.id, e.submission, e.document, e.repair, e.state
             FROM quarantine AS e
             WHERE e.organization = (SELECT organization FROM p)
               AND e.id > (SELECT id FROM p) AND e.id < (SELECT before FROM p)
               AND e.erased_at IS NULL
               AND (e.state <> 'released' OR e.document IS NOT NULL OR e.repair IS NOT NULL)
             ORDER BY e.organization, e.id
             LIMIT (SELECT most FROM p))
         SELECT json_build_object('id', q.id, 'submission', q.submission, 'document', q.document,
                    'repair', q.repair,
                    'stored', CASE WHEN s.id IS NOT NULL THEN json_build_object(",
        submission!(),
        ") END)::text
         FROM q LEFT JOIN submissions AS s
           ON s.organization = q.organization AND s.id = q.id AND q.id = q.submission
          AND q.state <> 'released' AND s.erased_at IS NULL
         ORDER BY q.id"
    ),
    contents: concat!(
        "SELECT json_build_object(",
        submission!(),
        ")::text FROM ",
        one!(),
        " JOIN submissions AS s ON s.organization = r.organization AND s.id = r.id
         WHERE s.erased_at IS NULL"
    ),
    targets: concat!(
        "SELECT json_build_object('organization', s.organization, 'submission', s.id,
                    'request', encode(s.idempotency_key_hash, 'hex'),
                    'outcomes', (
                        SELECT coalesce(json_agg(json_build_object('revision', o.revision,
                                   'outcome', o.outcome, 'lead', o.lead, 'trace', o.trace)), '[]')
                        FROM outcomes AS o
                        WHERE o.organization = s.organization AND o.submission = s.id))::text
         FROM ",
        one!(),
        " JOIN submissions AS s ON s.organization = r.organization AND s.id = r.id
         WHERE s.erased_at IS NULL"
    ),
    empty: concat!(
        "UPDATE submissions AS s
         SET client_address = NULL, client_user_agent = NULL, fields = '{}', raw = '', raw_encoding = 'text',
             media = NULL, query = NULL, mapping_fault = NULL, body_hash = decode(r.body_hash, 'hex'),
             idempotency_key_hash = NULL, traceparent = NULL, extra = '{}',
             erased_at = r.erased_at, erased_by = r.erased_by
         FROM ",
        emptied!(),
        " WHERE s.organization = r.organization AND s.id = r.id AND s.erased_at IS NULL"
    ),
    traces: concat!(
        "SELECT json_build_object('organization', o.organization, 'submission', o.submission,
                                  'revision', o.revision, 'trace', o.trace)::text
         FROM ",
        one!(),
        " JOIN outcomes AS o ON o.organization = r.organization AND o.lead = r.id"
    ),
    update_traces: "
        UPDATE outcomes AS o SET trace = r.trace
        FROM json_to_recordset($1::json) AS r (organization uuid, submission uuid, revision integer, trace jsonb)
        WHERE o.organization = r.organization AND o.submission = r.submission AND o.revision = r.revision",
    empty_entries: concat!(
        "UPDATE quarantine AS q
         SET document = NULL, repair = NULL, note = NULL, body_hash = decode(r.body_hash, 'hex'),
             settled_at = CASE q.state WHEN 'open' THEN r.erased_at ELSE q.settled_at END,
             settled_by = CASE q.state WHEN 'open' THEN r.erased_by ELSE q.settled_by END,
             state = CASE q.state WHEN 'open' THEN 'discarded' ELSE q.state END, erased_at = r.erased_at
         FROM ",
        emptied!(),
        " WHERE q.organization = r.organization AND q.id = r.id AND q.erased_at IS NULL"
    ),
    forget_requests: "
        DELETE FROM claims AS c
        USING json_to_recordset($1::json) AS r (organization uuid, key text, submission uuid)
        WHERE c.organization = r.organization AND c.kind = 'idempotency' AND c.key = decode(r.key, 'hex')
          AND c.submission = r.submission",
    forget_people_of: concat!(
        "DELETE FROM consent_people AS h USING ",
        one!(),
        " JOIN consents AS c ON c.organization = r.organization AND c.lead = r.id
         WHERE h.organization = c.organization AND h.submission = c.submission"
    ),
    // By the lead alone: a plan that begins with the organization reads all its claims.
    release_taken: "
        DELETE FROM claims AS c
        USING json_to_recordset($1::json) AS r (organization uuid, lead uuid, submission uuid)
        WHERE c.lead = r.lead AND c.submission = r.submission AND (c.organization = r.organization) IS TRUE",
    release_claims_of: concat!(
        "DELETE FROM claims AS c USING ",
        one!(),
        " WHERE c.lead = r.id AND (c.organization = r.organization) IS TRUE"
    ),
    delete_leads: concat!(
        "DELETE FROM leads AS l USING ",
        one!(),
        " WHERE l.organization = r.organization AND l.id = r.id"
    ),
    blank: "
        UPDATE suppressions AS s SET value = NULL, reason = NULL
        FROM json_to_recordset($1::json) AS r (organization uuid, kind text, key text)
        WHERE s.organization = r.organization AND s.kind = r.kind AND s.key = decode(r.key, 'hex')
          AND s.value IS NOT NULL",
    to_rebuild: "
        INSERT INTO leads_to_rebuild (organization, lead, since)
        SELECT organization, id, since
        FROM json_to_recordset($1::json) AS r (organization uuid, id uuid, since timestamptz)
        WHERE EXISTS (SELECT FROM leads AS l WHERE l.organization = r.organization AND l.id = r.id)
        ON CONFLICT (organization, lead) DO NOTHING",
    rebuilding: "
        WITH p AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS p (organization uuid))
        SELECT json_build_array(t.lead, EXISTS (
            SELECT 1 FROM outcomes AS o
            JOIN submissions AS s ON s.organization = o.organization AND s.id = o.submission
            WHERE o.organization = t.organization AND o.lead = t.lead AND o.outcome IN ('created', 'updated')
              AND o.revision = (SELECT max(h.revision) FROM outcomes AS h
                                WHERE h.organization = o.organization AND h.submission = o.submission)
              AND s.erased_by IS DISTINCT FROM 'request'))::text
        FROM leads_to_rebuild AS t
        WHERE t.organization = (SELECT organization FROM p)",
    rebuilt: concat!(
        "DELETE FROM leads_to_rebuild AS t USING ",
        one!(),
        " WHERE t.organization = r.organization AND t.lead = r.id"
    ),
};

macro_rules! row {
    () => {
        "json_build_object('organization', t.organization, 'submissions_seconds', t.submissions_seconds,
                           'leads_seconds', t.leads_seconds, 'quarantine_seconds', t.quarantine_seconds,
                           'audit_seconds', t.audit_seconds, 'submissions_swept_to', t.submissions_swept_to,
                           'last_full_sweep_at', t.last_full_sweep_at, 'leads_swept_to', t.leads_swept_to)::text
         FROM retention AS t"
    };
}

pub(super) const RETENTION: RetentionSql = RetentionSql {
    set: "
        INSERT INTO retention (organization, submissions_seconds, leads_seconds, quarantine_seconds, audit_seconds)
        SELECT organization, submissions_seconds, leads_seconds, quarantine_seconds, audit_seconds
        FROM json_to_recordset($1::json) AS r (organization uuid, submissions_seconds bigint,
                                               leads_seconds bigint, quarantine_seconds bigint,
                                               audit_seconds bigint)
        ON CONFLICT (organization) DO UPDATE
        SET submissions_seconds = excluded.submissions_seconds, leads_seconds = excluded.leads_seconds,
            quarantine_seconds = excluded.quarantine_seconds, audit_seconds = excluded.audit_seconds",
    by_organization: concat!(
        "WITH p AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS p (organization uuid)) SELECT ",
        row!(),
        " WHERE t.organization = (SELECT organization FROM p)"
    ),
    all: concat!("SELECT ", row!()),
    progress: "
        UPDATE retention AS t
        SET submissions_swept_to = r.submissions_swept_to, last_full_sweep_at = r.last_full_sweep_at
        FROM json_to_recordset($1::json) AS r (organization uuid, submissions_swept_to uuid,
                                               last_full_sweep_at timestamptz)
        WHERE t.organization = r.organization",
    leads_progress: "
        UPDATE retention AS t SET leads_swept_to = r.leads_swept_to
        FROM json_to_recordset($1::json) AS r (organization uuid, leads_swept_to uuid)
        WHERE t.organization = r.organization",
    submissions: between!("json_build_array(s.id, s.erased_at IS NOT NULL)", "submissions", ""),
    leads: between!("json_build_array(s.id, s.updated_at)", "leads", ""),
    // Not DISTINCT and not ordered: either would read all of them first.
    submissions_of: concat!(
        "SELECT to_json(s.id)::text
         FROM ",
        one!(),
        " JOIN outcomes AS o ON o.organization = r.organization AND o.lead = r.id
          JOIN submissions AS s ON s.organization = o.organization AND s.id = o.submission
         WHERE s.erased_at IS NULL
         LIMIT 10000"
    ),
    audit: "
        WITH p AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, id uuid, before uuid, most int)),
        o AS MATERIALIZED (
            SELECT s.organization, s.id FROM audit AS s
            WHERE s.organization = (SELECT organization FROM p)
              AND s.id > (SELECT id FROM p) AND s.id < (SELECT before FROM p)
            ORDER BY s.organization, s.id
            LIMIT (SELECT most FROM p))
        DELETE FROM audit AS a USING o WHERE a.organization = o.organization AND a.id = o.id",
    entries: between!(
        "json_build_object('id', s.id, 'submission', s.submission, 'quarantined_at', s.quarantined_at)",
        "quarantine",
        " AND s.erased_at IS NULL AND s.state <> 'released'"
    ),
};
