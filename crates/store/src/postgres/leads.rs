use crate::sql::LeadSql;

macro_rules! rows {
    () => {
        "json_to_recordset($1::json) AS r (
             organization uuid, id uuid, source uuid, external_id text, phone_e164 text, email_address text,
             status text, eligibility text, reasons text[], eligible_until timestamptz, score integer,
             temperature text, tags text[], is_test boolean, received_at timestamptz, updated_at timestamptz,
             document jsonb)"
    };
}

macro_rules! listed {
    ($locks:literal) => {
        concat!(
            "WITH r AS (SELECT * FROM json_to_recordset($1::json) AS r (organization uuid, kind text, value text)),
             met AS (
                 SELECT l.organization, l.id FROM r
                 JOIN leads AS l ON l.organization = r.organization AND l.phone_e164 = r.value
                 WHERE r.kind = 'phone'
                 UNION
                 SELECT l.organization, l.id FROM r
                 JOIN leads AS l ON l.organization = r.organization AND l.email_address = r.value
                 WHERE r.kind = 'email')
             SELECT l.document::text
             FROM met JOIN leads AS l ON l.organization = met.organization AND l.id = met.id
             ORDER BY l.organization, l.id ",
            $locks
        )
    };
}

macro_rules! with_value {
    ($column:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, value text, id uuid, most int))
             SELECT to_json(l.id)::text FROM leads AS l
             WHERE l.organization = (SELECT organization FROM p) AND l.id > (SELECT id FROM p)
               AND ",
            $column,
            " BETWEEN (SELECT value FROM p) AND (SELECT value FROM p)
             ORDER BY ",
            $column,
            ", l.id
             LIMIT (SELECT most FROM p)"
        )
    };
}

/// A page of leads, the newest first; `$condition` and `$column` restrict it to a source.
macro_rules! page {
    ($condition:literal, $column:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json) AS p (",
            $column,
            "organization uuid, at timestamptz, id uuid, most int)),
             page AS MATERIALIZED (
                 SELECT l.organization, l.id, l.received_at, octet_length(l.document::text) AS size FROM leads AS l
                 WHERE l.organization = (SELECT organization FROM p) ",
            $condition,
            " AND (l.received_at, l.id) < ((SELECT at FROM p), (SELECT id FROM p))
                 ORDER BY l.received_at DESC, l.id DESC
                 LIMIT (SELECT most FROM p)),
             sized AS (
                 SELECT organization, id, row_number() OVER w AS place, sum(size) OVER w - size AS before
                 FROM page WINDOW w AS (ORDER BY received_at DESC, id DESC))
             SELECT l.document::text FROM sized AS s
             JOIN leads AS l ON l.organization = s.organization AND l.id = s.id
             WHERE s.before <= 524288 OR s.place <= 2
             ORDER BY s.place"
        )
    };
}

/// The same by the number of leads before it.
macro_rules! page_at {
    ($condition:literal, $column:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (
                 SELECT * FROM json_to_recordset($1::json) AS p (",
            $column,
            "organization uuid, \"offset\" bigint, most int))
             SELECT l.document::text FROM leads AS l
             WHERE l.organization = (SELECT organization FROM p) ",
            $condition,
            " ORDER BY l.received_at DESC, l.id DESC
             LIMIT (SELECT most FROM p) OFFSET (SELECT \"offset\" FROM p)"
        )
    };
}

macro_rules! count {
    ($condition:literal, $column:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS p (organization uuid",
            $column,
            ")) SELECT count(*)::text FROM leads AS l WHERE l.organization = (SELECT organization FROM p) ",
            $condition
        )
    };
}

pub(super) const LEADS: LeadSql = LeadSql {
    hold: Some(
        "SELECT CASE WHEN alone THEN pg_advisory_xact_lock(key)::text ELSE pg_advisory_xact_lock_shared(key)::text END
         FROM json_to_recordset($1::json) AS r (key bigint, alone boolean)",
    ),
    // The two halves of a key of 64 bits are `classid` and `objid`, and `objsubid` is 1.
    sharing: Some(
        "SELECT DISTINCT to_json(l.virtualtransaction)::text
         FROM json_to_recordset($1::json) AS r (key bigint)
         JOIN pg_locks AS l
           ON l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.mode = 'ShareLock'
              AND l.classid = (r.key >> 32)::oid AND l.objid = (r.key & 4294967295)::oid
         WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    ),
    lock: "
        SELECT l.document::text
        FROM json_to_recordset($1::json) AS r (organization uuid, id uuid)
        JOIN leads AS l ON l.organization = r.organization AND l.id = r.id
        ORDER BY l.organization, l.id
        FOR UPDATE OF l",
    lock_listed: listed!("FOR UPDATE OF l"),
    lock_listed_free: listed!("FOR UPDATE OF l SKIP LOCKED"),
    crowded: "
        SELECT json_build_array(r.kind, r.value)::text
        FROM json_to_recordset($1::json) AS r (organization uuid, kind text, value text)
        WHERE 100 < CASE r.kind
            WHEN 'phone' THEN (SELECT count(*) FROM (
                SELECT FROM leads AS l WHERE l.organization = r.organization AND l.phone_e164 = r.value LIMIT 101) AS few)
            WHEN 'email' THEN (SELECT count(*) FROM (
                SELECT FROM leads AS l WHERE l.organization = r.organization AND l.email_address = r.value LIMIT 101) AS few)
            ELSE 0 END",
    with_phone: with_value!("l.phone_e164"),
    with_email: with_value!("l.email_address"),
    at_domain: "
        WITH p AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, domain text, below text, after text,
                                                            id uuid, most int))
        SELECT json_build_array(reverse(l.email_address), l.id)::text FROM leads AS l
        WHERE l.organization = (SELECT organization FROM p) AND l.email_address IS NOT NULL
          AND reverse(l.email_address) COLLATE \"C\" < (SELECT below FROM p)
          AND (reverse(l.email_address) COLLATE \"C\", l.id) > ((SELECT after FROM p), (SELECT id FROM p))
          AND substr(reverse(l.email_address), 1 + length((SELECT domain FROM p)), 1) IN ('.', '@')
        ORDER BY reverse(l.email_address) COLLATE \"C\", l.id
        LIMIT (SELECT most FROM p)",
    contacts: "
        WITH p AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1::json) AS p (organization uuid, id uuid, most int))
        SELECT json_build_object('id', l.id, 'phone', l.phone_e164, 'email', l.email_address)::text
        FROM leads AS l
        WHERE l.organization = (SELECT organization FROM p) AND l.id > (SELECT id FROM p)
        ORDER BY l.id
        LIMIT (SELECT most FROM p)",
    insert: concat!(
        "INSERT INTO leads (organization, id, source, external_id, phone_e164, email_address, status,
                            eligibility, reasons, eligible_until, score, temperature, tags, is_test,
                            received_at, updated_at, document)
         SELECT organization, id, source, external_id, phone_e164, email_address, status,
                eligibility, reasons, eligible_until, score, temperature, tags, is_test,
                received_at, updated_at, document
         FROM ",
        rows!()
    ),
    update: concat!(
        "UPDATE leads AS l
         SET source = r.source, external_id = r.external_id, phone_e164 = r.phone_e164,
             email_address = r.email_address, status = r.status, eligibility = r.eligibility,
             reasons = r.reasons, eligible_until = r.eligible_until, score = r.score,
             temperature = r.temperature, tags = r.tags, is_test = r.is_test, received_at = r.received_at,
             updated_at = r.updated_at, document = r.document
         FROM ",
        rows!(),
        " WHERE l.organization = r.organization AND l.id = r.id"
    ),
    read: "
        SELECT l.document::text
        FROM json_to_recordset($1::json) AS r (organization uuid, id uuid)
        JOIN leads AS l ON l.organization = r.organization AND l.id = r.id",
    page: page!("", ""),
    page_of_source: page!("AND l.source = (SELECT source FROM p)", "source uuid, "),
    page_at: page_at!("", ""),
    page_at_of_source: page_at!("AND l.source = (SELECT source FROM p)", "source uuid, "),
    count: count!("", ""),
    count_of_source: count!("AND l.source = (SELECT source FROM p)", ", source uuid"),
};
