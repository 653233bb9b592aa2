use super::submissions::submission;
use crate::sql::{CrashAttemptSql, QuarantineSql};

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
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
             SELECT json_object(",
            entry!(),
            ")
             FROM quarantine AS q CROSS JOIN submissions AS s
             WHERE q.organization = (SELECT value->>'organization' FROM p)
               AND q.id < (SELECT value->>'id' FROM p)",
            $condition,
            "  AND s.organization = q.organization AND s.id = q.submission
             ORDER BY q.id DESC
             LIMIT (SELECT value->>'most' FROM p)"
        )
    };
}

pub(super) const QUARANTINE: QuarantineSql = QuarantineSql {
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
          AND s.body_hash <> unhex(r.value->>'body_hash') AND s.erased_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM quarantine AS q
                          WHERE q.organization = s.organization AND q.submission = s.id
                            AND q.id <> q.submission AND q.erased_at IS NOT NULL)
        ON CONFLICT (organization, submission, body_hash) DO NOTHING
        RETURNING json_quote(id)",
    release: "
        UPDATE quarantine
        SET state = 'released', settled_at = r.value->>'released_at', settled_by = NULL, note = NULL
        FROM json_each($1) AS r
        WHERE quarantine.organization = r.value->>'organization' AND quarantine.id = r.value->>'id'
          AND state = 'open' AND (settled_at IS NULL OR settled_at < r.value->>'released_at')
        RETURNING json_array(quarantine.organization, quarantine.id,
                             json(iif(quarantine.submission <> quarantine.id, 'true', 'false')))",
    reopen: "
        UPDATE quarantine
        SET state = 'open', reason = r.value->>'reason', quarantined_at = r.value->>'quarantined_at'
        FROM json_each($1) AS r
        WHERE quarantine.organization = r.value->>'organization' AND quarantine.id = r.value->>'id'",
    page: page!(""),
    page_in_state: page!(" AND q.state = (SELECT value->>'state' FROM p)"),
    entry: concat!(
        "SELECT json_object('entry', json_object(",
        entry!(),
        "), 'submission', json_object(",
        submission!(),
        "))
         FROM json_each($1) AS r CROSS JOIN quarantine AS q CROSS JOIN submissions AS s
         WHERE q.organization = r.value->>'organization' AND q.id = r.value->>'id'
           AND s.organization = q.organization AND s.id = q.submission"
    ),
    repair: "
        UPDATE quarantine
        SET repair = r.value->>'repair', repaired_at = r.value->>'repaired_at', repaired_by = r.value->>'repaired_by'
        FROM json_each($1) AS r
        WHERE quarantine.organization = r.value->>'organization' AND quarantine.id = r.value->>'id'
          AND quarantine.state = 'open'",
    discard: "
        UPDATE quarantine
        SET state = 'discarded', settled_at = r.value->>'settled_at', settled_by = r.value->>'settled_by',
            note = r.value->>'note'
        FROM json_each($1) AS r
        WHERE quarantine.organization = r.value->>'organization' AND quarantine.id = r.value->>'id'
          AND quarantine.state = 'open'",
};

pub(super) const CRASH_ATTEMPTS: CrashAttemptSql = CrashAttemptSql {
    count: "
        INSERT INTO crash_attempts (submission, attempts, last_at)
        SELECT value->>'submission', 1, value->>'last_at' FROM json_each($1) WHERE true
        ON CONFLICT (submission) DO UPDATE SET attempts = crash_attempts.attempts + 1, last_at = excluded.last_at
        RETURNING json_quote(attempts)",
    delete: "DELETE FROM crash_attempts WHERE submission IN (SELECT value->>'id' FROM json_each($1))",
    purge: "DELETE FROM crash_attempts WHERE last_at < (SELECT value->>'last_at' FROM json_each($1))",
};
