use super::submissions::submission;
use crate::sql::{ErasureSql, RetentionSql};

/// Rows of a table after one id and before another, in the order of ids.
macro_rules! between {
    ($what:expr, $table:literal, $condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT value FROM json_each($1)) SELECT ",
            $what,
            " FROM ",
            $table,
            " AS s
             WHERE s.organization = (SELECT value->>'organization' FROM p)
               AND s.id > (SELECT value->>'id' FROM p) AND s.id < (SELECT value->>'before' FROM p)",
            $condition,
            " ORDER BY s.organization, s.id
             LIMIT (SELECT value->>'most' FROM p)"
        )
    };
}

/// The condition that a row is one of those named.
macro_rules! named {
    ($column:literal) => {
        concat!(
            "(organization, ",
            $column,
            ") IN (SELECT value->>'organization', value->>'id' FROM json_each($1))"
        )
    };
}

pub(super) const ERASURE: ErasureSql = ErasureSql {
    contacts: "
        WITH listed AS MATERIALIZED (
            SELECT value->>'organization' AS organization, value->>'kind' AS kind, value->>'value' AS value
            FROM json_each($1)),
        met AS (
            SELECT l.organization, l.id FROM listed AS r CROSS JOIN leads AS l
            WHERE r.kind = 'phone' AND l.organization = r.organization AND l.phone_e164 = r.value
            UNION
            SELECT l.organization, l.id FROM listed AS r CROSS JOIN leads AS l
            WHERE r.kind = 'email' AND l.organization = r.organization AND l.email_address = r.value)
        SELECT json_object('id', l.id, 'phone', l.phone_e164, 'email', l.email_address)
        FROM met CROSS JOIN leads AS l
        WHERE l.organization = met.organization AND l.id = met.id",
    submissions_of: "
        SELECT DISTINCT json_quote(o.submission)
        FROM json_each($1) AS r CROSS JOIN outcomes AS o
        WHERE o.organization = r.value->>'organization' AND o.lead = r.value->>'id'",
    entries: concat!(
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1)),
         entry AS MATERIALIZED (
             SELECT q.organization, q.id, q.submission, q.document, q.repair, q.state
             FROM quarantine AS q
             WHERE q.organization = (SELECT value->>'organization' FROM p)
               AND q.id > (SELECT value->>'id' FROM p) AND q.id < (SELECT value->>'before' FROM p)
               AND q.erased_at IS NULL
               AND (q.state <> 'released' OR q.document IS NOT NULL OR q.repair IS NOT NULL)
             ORDER BY q.organization, q.id
             LIMIT (SELECT value->>'most' FROM p))
         SELECT json_object('id', entry.id, 'submission', entry.submission, 'document', entry.document,
                    'repair', entry.repair,
                    'stored', json(iif(s.id IS NOT NULL, json_object(",
        submission!(),
        "), NULL)))
         FROM entry LEFT JOIN submissions AS s
           ON s.organization = entry.organization AND s.id = entry.id AND entry.id = entry.submission
          AND entry.state <> 'released' AND s.erased_at IS NULL
         ORDER BY entry.id"
    ),
    contents: concat!(
        "SELECT json_object(",
        submission!(),
        ") FROM json_each($1) AS r CROSS JOIN submissions AS s
         WHERE s.organization = r.value->>'organization' AND s.id = r.value->>'id' AND s.erased_at IS NULL"
    ),
    targets: "
        SELECT json_object('organization', s.organization, 'submission', s.id,
                   'request', iif(s.idempotency_key_hash IS NULL, NULL, lower(hex(s.idempotency_key_hash))),
                   'outcomes', json((
                       SELECT json_group_array(json_object('revision', o.revision, 'outcome', o.outcome,
                                                           'lead', o.lead, 'trace', json(o.trace)))
                       FROM outcomes AS o
                       WHERE o.organization = s.organization AND o.submission = s.id)))
        FROM json_each($1) AS r CROSS JOIN submissions AS s
        WHERE s.organization = r.value->>'organization' AND s.id = r.value->>'id' AND s.erased_at IS NULL",
    empty: "
        UPDATE submissions
        SET client_address = NULL, client_user_agent = NULL, fields = '{}', raw = '', raw_encoding = 'text',
            media = NULL, query = NULL, mapping_fault = NULL, body_hash = unhex(r.value->>'body_hash'),
            idempotency_key_hash = NULL, traceparent = NULL, extra = '{}',
            erased_at = r.value->>'erased_at', erased_by = r.value->>'erased_by'
        FROM json_each($1) AS r
        WHERE submissions.organization = r.value->>'organization' AND submissions.id = r.value->>'id'
          AND submissions.erased_at IS NULL",
    traces: "
        SELECT json_object('organization', o.organization, 'submission', o.submission, 'revision', o.revision,
                           'trace', json(o.trace))
        FROM json_each($1) AS r CROSS JOIN outcomes AS o
        WHERE o.organization = r.value->>'organization' AND o.lead = r.value->>'id'",
    update_traces: "
        UPDATE outcomes SET trace = r.value->'trace'
        FROM json_each($1) AS r
        WHERE outcomes.organization = r.value->>'organization'
          AND outcomes.submission = r.value->>'submission' AND outcomes.revision = r.value->>'revision'",
    empty_entries: "
        UPDATE quarantine
        SET document = NULL, repair = NULL, note = NULL, body_hash = unhex(r.value->>'body_hash'),
            settled_at = iif(state = 'open', r.value->>'erased_at', settled_at),
            settled_by = iif(state = 'open', r.value->>'erased_by', settled_by),
            state = iif(state = 'open', 'discarded', state), erased_at = r.value->>'erased_at'
        FROM json_each($1) AS r
        WHERE quarantine.organization = r.value->>'organization' AND quarantine.id = r.value->>'id'
          AND quarantine.erased_at IS NULL",
    forget_requests: "
        DELETE FROM claims WHERE (organization, kind, key, submission) IN (
            SELECT value->>'organization', 'idempotency', unhex(value->>'key'), value->>'submission'
            FROM json_each($1))",
    forget_people_of: "
        DELETE FROM consent_people WHERE (organization, submission) IN (
            SELECT c.organization, c.submission FROM json_each($1) AS r CROSS JOIN consents AS c
            WHERE c.organization = r.value->>'organization' AND c.lead = r.value->>'id')",
    release_taken: "
        DELETE FROM claims WHERE (organization, lead, submission) IN (
            SELECT value->>'organization', value->>'lead', value->>'submission' FROM json_each($1))",
    release_claims_of: concat!("DELETE FROM claims WHERE ", named!("lead")),
    delete_leads: concat!("DELETE FROM leads WHERE ", named!("id")),
    blank: "
        UPDATE suppressions SET value = NULL, reason = NULL
        FROM json_each($1) AS r
        WHERE organization = r.value->>'organization' AND kind = r.value->>'kind'
          AND suppressions.key = unhex(r.value->>'key') AND suppressions.value IS NOT NULL",
    to_rebuild: "
        INSERT INTO leads_to_rebuild (organization, lead, since)
        SELECT value->>'organization', value->>'id', value->>'since' FROM json_each($1)
        WHERE EXISTS (SELECT 1 FROM leads AS l
                      WHERE l.organization = value->>'organization' AND l.id = value->>'id')
        ON CONFLICT (organization, lead) DO NOTHING",
    rebuilding: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        SELECT json_array(t.lead, json(iif(EXISTS (
            SELECT 1 FROM outcomes AS o CROSS JOIN submissions AS s
            WHERE o.organization = t.organization AND o.lead = t.lead AND o.outcome IN ('created', 'updated')
              AND o.revision = (SELECT max(h.revision) FROM outcomes AS h
                                WHERE h.organization = o.organization AND h.submission = o.submission)
              AND s.organization = o.organization AND s.id = o.submission
              AND coalesce(s.erased_by, '') <> 'request'), 'true', 'false')))
        FROM leads_to_rebuild AS t
        WHERE t.organization = (SELECT value->>'organization' FROM p)",
    rebuilt: concat!("DELETE FROM leads_to_rebuild WHERE ", named!("lead")),
};

macro_rules! row {
    () => {
        "json_object('organization', r.organization, 'submissions_seconds', r.submissions_seconds,
                     'leads_seconds', r.leads_seconds, 'quarantine_seconds', r.quarantine_seconds,
                     'audit_seconds', r.audit_seconds, 'submissions_swept_to', r.submissions_swept_to,
                     'last_full_sweep_at', r.last_full_sweep_at, 'leads_swept_to', r.leads_swept_to)
         FROM retention AS r"
    };
}

pub(super) const RETENTION: RetentionSql = RetentionSql {
    set: "
        INSERT INTO retention (organization, submissions_seconds, leads_seconds, quarantine_seconds, audit_seconds)
        SELECT value->>'organization', value->>'submissions_seconds', value->>'leads_seconds',
               value->>'quarantine_seconds', value->>'audit_seconds'
        FROM json_each($1) WHERE true
        ON CONFLICT (organization) DO UPDATE
        SET submissions_seconds = excluded.submissions_seconds, leads_seconds = excluded.leads_seconds,
            quarantine_seconds = excluded.quarantine_seconds, audit_seconds = excluded.audit_seconds",
    by_organization: concat!(
        "SELECT ",
        row!(),
        " WHERE r.organization IN (SELECT value->>'organization' FROM json_each($1))"
    ),
    all: concat!("SELECT ", row!()),
    progress: "
        UPDATE retention SET submissions_swept_to = r.value->>'submissions_swept_to',
                             last_full_sweep_at = r.value->>'last_full_sweep_at'
        FROM json_each($1) AS r WHERE organization = r.value->>'organization'",
    leads_progress: "
        UPDATE retention SET leads_swept_to = r.value->>'leads_swept_to'
        FROM json_each($1) AS r WHERE organization = r.value->>'organization'",
    submissions: between!(
        "json_array(s.id, json(iif(s.erased_at IS NULL, 'false', 'true')))",
        "submissions",
        ""
    ),
    leads: between!("json_array(s.id, s.updated_at)", "leads", ""),
    // Not DISTINCT and not ordered: either would read all of them first.
    submissions_of: "
        SELECT json_quote(s.id)
        FROM json_each($1) AS r CROSS JOIN outcomes AS o CROSS JOIN submissions AS s
        WHERE o.organization = r.value->>'organization' AND o.lead = r.value->>'id'
          AND s.organization = o.organization AND s.id = o.submission AND s.erased_at IS NULL
        LIMIT 10000",
    audit: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        DELETE FROM audit WHERE (organization, id) IN (
            SELECT s.organization, s.id FROM audit AS s
            WHERE s.organization = (SELECT value->>'organization' FROM p)
              AND s.id > (SELECT value->>'id' FROM p) AND s.id < (SELECT value->>'before' FROM p)
            ORDER BY s.organization, s.id
            LIMIT (SELECT value->>'most' FROM p))",
    entries: between!(
        "json_object('id', s.id, 'submission', s.submission, 'quarantined_at', s.quarantined_at)",
        "quarantine",
        " AND s.erased_at IS NULL AND s.state <> 'released'"
    ),
};
