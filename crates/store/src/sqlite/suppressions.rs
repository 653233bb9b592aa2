use crate::sql::{SuppressionSql, SweepSql};

macro_rules! entry {
    () => {
        "json_object('organization', s.organization, 'kind', s.kind, 'key', lower(hex(s.key)), 'list', s.list,
                     'form', s.form, 'value', s.value, 'reason', s.reason, 'added_at', s.added_at,
                     'expires_at', s.expires_at, 'pending_since', s.pending_since, 'ended_at', s.ended_at)"
    };
}

macro_rules! keys {
    () => {
        "json_each($1) AS r CROSS JOIN suppressions AS s
         WHERE s.organization = r.value->>'organization' AND s.kind = r.value->>'kind'
           AND s.key = unhex(r.value->>'key')"
    };
}

macro_rules! page {
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
             SELECT ",
            entry!(),
            " FROM suppressions AS s
             WHERE s.organization = (SELECT value->>'organization' FROM p)
               AND (s.kind, s.key, s.list) > ((SELECT value->>'kind' FROM p),
                                              (SELECT unhex(value->>'key') FROM p),
                                              (SELECT value->>'list' FROM p))
               AND ",
            $condition,
            " ORDER BY s.organization, s.kind, s.key, s.list
             LIMIT (SELECT value->>'most' FROM p)"
        )
    };
}

pub(super) const SUPPRESSIONS: SuppressionSql = SuppressionSql {
    find: concat!("SELECT ", entry!(), " FROM ", keys!()),
    among_pending: concat!(
        "SELECT json_object('organization', s.organization, 'kind', s.kind, 'key', lower(hex(s.key))) FROM ",
        keys!(),
        " AND s.pending_since IS NOT NULL"
    ),
    write: "
        INSERT INTO suppressions (organization, kind, key, list, form, value, reason, added_at, expires_at,
                                  pending_since, ended_at)
        SELECT value->>'organization', value->>'kind', unhex(value->>'key'), value->>'list', value->>'form',
               value->>'value', value->>'reason', value->>'added_at', value->>'expires_at',
               value->>'pending_since', value->>'ended_at'
        FROM json_each($1) WHERE true
        ON CONFLICT (organization, kind, key, list) DO UPDATE
        SET form = excluded.form, value = excluded.value, reason = excluded.reason,
            added_at = excluded.added_at, expires_at = excluded.expires_at,
            pending_since = excluded.pending_since, ended_at = excluded.ended_at",
    page: page!("(s.expires_at IS NULL OR s.expires_at > (SELECT value->>'now' FROM p))"),
    pending: page!("s.pending_since IS NOT NULL"),
    pending_contacts: page!(
        "s.pending_since IS NOT NULL AND s.form = 'plain' AND s.kind <> 'domain' AND s.value IS NOT NULL"
    ),
    settle: "
        UPDATE suppressions
        SET pending_since = NULL,
            ended_at = CASE WHEN suppressions.expires_at <= suppressions.pending_since THEN r.value->>'now' END
        FROM json_each($1) AS r
        WHERE organization = r.value->>'organization' AND kind = r.value->>'kind'
          AND suppressions.key = unhex(r.value->>'key') AND list = r.value->>'list'
          AND pending_since = r.value->>'pending_since'",
    lapse: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        UPDATE suppressions SET pending_since = (SELECT value->>'now' FROM p)
        WHERE (organization, kind, key, list) IN (
            SELECT s.organization, s.kind, s.key, s.list FROM suppressions AS s INDEXED BY suppressions_lapsing
            WHERE s.organization = (SELECT value->>'organization' FROM p)
              AND s.expires_at <= (SELECT value->>'now' FROM p) AND s.expires_at IS NOT NULL
              AND s.ended_at IS NULL AND s.pending_since IS NULL
            ORDER BY s.expires_at
            LIMIT (SELECT value->>'most' FROM p))",
    lapsing: "
        SELECT DISTINCT json_quote(s.organization) FROM suppressions AS s INDEXED BY suppressions_lapsing
        WHERE s.expires_at <= (SELECT value->>'now' FROM json_each($1)) AND s.expires_at IS NOT NULL
          AND s.ended_at IS NULL AND s.pending_since IS NULL",
    overdue: "
        SELECT DISTINCT json_quote(s.organization) FROM suppressions AS s INDEXED BY suppressions_pending
        WHERE s.pending_since IS NOT NULL AND s.pending_since <= (SELECT value->>'now' FROM json_each($1))",
};

pub(super) const SWEEPS: SweepSql = SweepSql {
    lease: "
        INSERT INTO sweeps (name, taken_at, until)
        SELECT value->>'name', value->>'taken_at', value->>'until' FROM json_each($1) WHERE true
        ON CONFLICT (name) DO UPDATE SET taken_at = excluded.taken_at, until = excluded.until
        WHERE sweeps.until <= excluded.taken_at
        RETURNING json_quote(name)",
    end: "
        UPDATE sweeps SET until = r.value->>'until' FROM json_each($1) AS r
        WHERE name = r.value->>'name' AND taken_at = r.value->>'taken_at'",
    position: "
        SELECT json_quote(s.position) FROM sweeps AS s
        WHERE s.name IN (SELECT value->>'name' FROM json_each($1)) AND s.position IS NOT NULL",
    set_position: "
        UPDATE sweeps SET position = r.value->>'position' FROM json_each($1) AS r
        WHERE name = r.value->>'name'",
};
