use crate::sql::{SuppressionSql, SweepSql};

macro_rules! entry {
    () => {
        "json_build_object('organization', s.organization, 'kind', s.kind, 'key', encode(s.key, 'hex'),
                           'list', s.list, 'form', s.form, 'value', s.value, 'reason', s.reason,
                           'added_at', s.added_at, 'expires_at', s.expires_at,
                           'pending_since', s.pending_since, 'ended_at', s.ended_at,
                           'now', clock_timestamp())::text"
    };
}

macro_rules! keys {
    () => {
        "json_to_recordset($1::json) AS r (organization uuid, kind text, key text)
         JOIN suppressions AS s
           ON s.organization = r.organization AND s.kind = r.kind AND s.key = decode(r.key, 'hex')"
    };
}

macro_rules! page {
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, kind text, key text, list text,
                                                                 now timestamptz, most int))
             SELECT ",
            entry!(),
            " FROM suppressions AS s
             WHERE s.organization = (SELECT organization FROM p)
               AND (s.kind, s.key, s.list)
                   > ((SELECT kind FROM p), (SELECT decode(key, 'hex') FROM p), (SELECT list FROM p))
               AND ",
            $condition,
            " ORDER BY s.organization, s.kind, s.key, s.list
             LIMIT (SELECT most FROM p)"
        )
    };
}

pub(super) const SUPPRESSIONS: SuppressionSql = SuppressionSql {
    find: concat!("SELECT ", entry!(), " FROM ", keys!()),
    among_pending: concat!(
        "SELECT json_build_object('organization', s.organization, 'kind', s.kind, 'key', encode(s.key, 'hex'))::text
         FROM ",
        keys!(),
        " WHERE s.pending_since IS NOT NULL"
    ),
    write: "
        INSERT INTO suppressions AS s (organization, kind, key, list, form, value, reason, added_at, expires_at,
                                       pending_since, ended_at)
        SELECT organization, kind, decode(key, 'hex'), list, form, value, reason, added_at, expires_at,
               pending_since, ended_at
        FROM json_to_recordset($1::json) AS r (
            organization uuid, kind text, key text, list text, form text, value text, reason text,
            added_at timestamptz, expires_at timestamptz, pending_since timestamptz, ended_at timestamptz)
        ON CONFLICT (organization, kind, key, list) DO UPDATE
        SET form = excluded.form, value = excluded.value, reason = excluded.reason,
            added_at = excluded.added_at, expires_at = excluded.expires_at,
            pending_since = excluded.pending_since, ended_at = excluded.ended_at",
    page: page!("(s.expires_at IS NULL OR s.expires_at > (SELECT now FROM p))"),
    pending: page!("s.pending_since IS NOT NULL"),
    pending_contacts: page!(
        "s.pending_since IS NOT NULL AND s.form = 'plain' AND s.kind <> 'domain' AND s.value IS NOT NULL"
    ),
    settle: "
        UPDATE suppressions AS s
        SET pending_since = NULL, ended_at = CASE WHEN s.expires_at <= s.pending_since THEN r.now END
        FROM json_to_recordset($1::json) AS r (organization uuid, kind text, key text, list text, now timestamptz,
                                           pending_since timestamptz)
        WHERE s.organization = r.organization AND s.kind = r.kind AND s.key = decode(r.key, 'hex')
          AND s.list = r.list AND s.pending_since = r.pending_since",
    lapse: "
        WITH p AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, now timestamptz, most int)),
        o AS MATERIALIZED (
            SELECT s.organization, s.kind, s.key, s.list FROM suppressions AS s
            WHERE s.organization = (SELECT organization FROM p)
              AND s.expires_at <= (SELECT now FROM p) AND s.expires_at IS NOT NULL AND s.ended_at IS NULL
              AND s.pending_since IS NULL
            ORDER BY s.expires_at
            LIMIT (SELECT most FROM p))
        UPDATE suppressions AS s SET pending_since = (SELECT now FROM p)
        FROM o
        WHERE s.organization = o.organization AND s.kind = o.kind AND s.key = o.key AND s.list = o.list
          AND s.pending_since IS NULL",
    lapsing: "
        SELECT DISTINCT to_json(s.organization)::text
        FROM json_to_recordset($1::json) AS p (now timestamptz)
        JOIN suppressions AS s ON s.expires_at <= p.now
        WHERE s.expires_at IS NOT NULL AND s.ended_at IS NULL AND s.pending_since IS NULL",
    overdue: "
        SELECT DISTINCT to_json(s.organization)::text
        FROM json_to_recordset($1::json) AS p (now timestamptz)
        JOIN suppressions AS s ON s.pending_since <= p.now",
};

pub(super) const SWEEPS: SweepSql = SweepSql {
    lease: "
        INSERT INTO sweeps (name, taken_at, until)
        SELECT name, taken_at, until
        FROM json_to_recordset($1::json) AS r (name text, taken_at timestamptz, until timestamptz)
        ON CONFLICT (name) DO UPDATE SET taken_at = excluded.taken_at, until = excluded.until
        WHERE sweeps.until <= excluded.taken_at
        RETURNING to_json(name)::text",
    end: "
        UPDATE sweeps AS s SET until = r.until
        FROM json_to_recordset($1::json) AS r (name text, taken_at timestamptz, until timestamptz)
        WHERE s.name = r.name AND s.taken_at = r.taken_at",
    position: "
        SELECT to_json(s.position)::text
        FROM json_to_recordset($1::json) AS r (name text) JOIN sweeps AS s ON s.name = r.name
        WHERE s.position IS NOT NULL",
    set_position: "
        UPDATE sweeps AS s SET position = r.position
        FROM json_to_recordset($1::json) AS r (name text, position uuid)
        WHERE s.name = r.name",
};
