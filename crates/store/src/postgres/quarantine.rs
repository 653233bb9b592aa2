use super::submissions::submission;
use crate::sql::{CrashAttemptSql, QuarantineSql};

macro_rules! rows {
    () => {
        "json_to_recordset($1::json) AS r (organization uuid, id uuid, submission uuid, reason text,
                                           body_hash text, document text, quarantined_at timestamptz)"
    };
}

macro_rules! entry {
    () => {
        "'id', q.id, 'submission', q.submission, 'source', s.source,
         'dialect', s.dialect, 'reason', q.reason, 'state', q.state, 'quarantined_at', q.quarantined_at,
         'settled_at', q.settled_at, 'settled_by', q.settled_by, 'note', q.note, 'document', q.document,
         'erased_at', q.erased_at,
         'repair', q.repair, 'repaired_at', q.repaired_at, 'repaired_by', q.repaired_by"
    };
}

macro_rules! page {
    ($condition:literal, $by:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, state text, id uuid, most int)),
             q AS MATERIALIZED (
                 SELECT * FROM quarantine AS q
                 WHERE q.organization = (SELECT organization FROM p) AND q.id < (SELECT id FROM p)",
            $condition,
            "    ORDER BY ",
            $by,
            "q.id DESC
                 LIMIT (SELECT most FROM p))
             SELECT json_build_object(",
            entry!(),
            ")::text
             FROM q JOIN submissions AS s ON s.organization = q.organization AND s.id = q.submission
             ORDER BY q.id DESC"
        )
    };
}

pub(super) const QUARANTINE: QuarantineSql = QuarantineSql {
    insert: concat!(
        "INSERT INTO quarantine (organization, id, submission, reason, body_hash, document, quarantined_at)
         SELECT organization, id, submission, reason, decode(body_hash, 'hex'), document, quarantined_at
         FROM ",
        rows!()
    ),
    insert_reused: concat!(
        "INSERT INTO quarantine (organization, id, submission, reason, body_hash, document, quarantined_at)
         SELECT r.organization, r.id, r.submission, r.reason, decode(r.body_hash, 'hex'), r.document,
                r.quarantined_at
         FROM ",
        rows!(),
        " JOIN submissions AS s ON s.organization = r.organization AND s.id = r.submission
         WHERE s.body_hash <> decode(r.body_hash, 'hex') AND s.erased_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM quarantine AS q
                           WHERE q.organization = s.organization AND q.submission = s.id
                             AND q.id <> q.submission AND q.erased_at IS NOT NULL)
         ON CONFLICT (organization, submission, body_hash) DO NOTHING
         RETURNING to_json(id)::text"
    ),
    // Locked in the order in which they come, which is everybody's; an update by itself promises no order.
    release: "
        WITH held AS MATERIALIZED (
            SELECT q.organization, q.id, r.released_at
            FROM json_to_recordset($1::json) AS r (organization uuid, id uuid, released_at timestamptz)
            JOIN quarantine AS q ON q.organization = r.organization AND q.id = r.id
            WHERE q.state = 'open' AND (q.settled_at IS NULL OR q.settled_at < r.released_at)
            ORDER BY q.organization, q.id
            FOR UPDATE OF q)
        UPDATE quarantine AS q
        SET state = 'released', settled_at = held.released_at, settled_by = NULL, note = NULL
        FROM held
        WHERE q.organization = held.organization AND q.id = held.id
        RETURNING json_build_array(q.organization, q.id, q.submission <> q.id)::text",
    reopen: concat!(
        "UPDATE quarantine AS q SET state = 'open', reason = r.reason, quarantined_at = r.quarantined_at FROM ",
        rows!(),
        " WHERE q.organization = r.organization AND q.id = r.id"
    ),
    page: page!("", ""),
    page_in_state: page!(" AND q.state BETWEEN (SELECT state FROM p) AND (SELECT state FROM p)", "q.state DESC, "),
    entry: concat!(
        "WITH p AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, id uuid))
         SELECT json_build_object('entry', json_build_object(",
        entry!(),
        "), 'submission', json_build_object(",
        submission!(),
        "))::text
         FROM quarantine AS q JOIN submissions AS s ON s.organization = q.organization AND s.id = q.submission
         WHERE q.organization = (SELECT organization FROM p) AND q.id = (SELECT id FROM p)"
    ),
    repair: "
        UPDATE quarantine AS q SET repair = r.repair, repaired_at = r.repaired_at, repaired_by = r.repaired_by
        FROM json_to_recordset($1::json) AS r (organization uuid, id uuid, repair text, repaired_at timestamptz,
                                               repaired_by text)
        WHERE q.organization = r.organization AND q.id = r.id AND q.state = 'open'",
    discard: "
        UPDATE quarantine AS q
        SET state = 'discarded', settled_at = r.settled_at, settled_by = r.settled_by, note = r.note
        FROM json_to_recordset($1::json) AS r (organization uuid, id uuid, settled_at timestamptz,
                                               settled_by text, note text)
        WHERE q.organization = r.organization AND q.id = r.id AND q.state = 'open'",
};

pub(super) const CRASH_ATTEMPTS: CrashAttemptSql = CrashAttemptSql {
    count: "
        INSERT INTO crash_attempts (submission, attempts, last_at)
        SELECT submission, 1, last_at
        FROM json_to_recordset($1::json) AS r (submission uuid, last_at timestamptz)
        ON CONFLICT (submission) DO UPDATE SET attempts = crash_attempts.attempts + 1, last_at = excluded.last_at
        RETURNING attempts::text",
    delete: "
        DELETE FROM crash_attempts USING json_to_recordset($1::json) AS r (id uuid) WHERE submission = r.id",
    purge: "
        DELETE FROM crash_attempts USING json_to_recordset($1::json) AS r (last_at timestamptz)
        WHERE crash_attempts.last_at < r.last_at",
};
