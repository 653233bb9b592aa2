use crate::sql::LeadSql;

macro_rules! with_value {
    () => {
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
         SELECT json_quote(l.id) FROM leads AS l
         WHERE l.organization = (SELECT value->>'organization' FROM p) AND l.id > (SELECT value->>'id' FROM p) AND "
    };
}

/// A page of leads, the newest first; `$condition` restricts it to a source.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT value FROM json_each($1)),
             page AS MATERIALIZED (
                 SELECT l.organization, l.id, l.received_at, octet_length(l.document) AS size FROM leads AS l
                 WHERE l.organization = (SELECT value->>'organization' FROM p) ",
            $condition,
            " AND (l.received_at, l.id) < ((SELECT value->>'at' FROM p), (SELECT value->>'id' FROM p))
                 ORDER BY l.received_at DESC, l.id DESC
                 LIMIT (SELECT value->>'most' FROM p)),
             sized AS MATERIALIZED (
                 SELECT organization, id, row_number() OVER w AS place, sum(size) OVER w - size AS before
                 FROM page WINDOW w AS (ORDER BY received_at DESC, id DESC))
             SELECT l.document FROM sized CROSS JOIN leads AS l
             WHERE l.organization = sized.organization AND l.id = sized.id
               AND (sized.before <= 524288 OR sized.place <= 2)
             ORDER BY sized.place"
        )
    };
}

/// The same by the number of leads before it.
macro_rules! page_at {
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
             SELECT l.document FROM leads AS l
             WHERE l.organization = (SELECT value->>'organization' FROM p) ",
            $condition,
            " ORDER BY l.received_at DESC, l.id DESC
             LIMIT (SELECT value->>'most' FROM p) OFFSET (SELECT value->>'offset' FROM p)"
        )
    };
}

macro_rules! count {
    ($condition:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
             SELECT json_quote(count(*)) FROM leads AS l
             WHERE l.organization = (SELECT value->>'organization' FROM p) ",
            $condition
        )
    };
}

const LISTED: &str = "
        WITH listed AS MATERIALIZED (
            SELECT value->>'organization' AS organization, value->>'kind' AS kind, value->>'value' AS value
            FROM json_each($1)),
        met AS (
            SELECT l.organization, l.id FROM listed AS r CROSS JOIN leads AS l
            WHERE r.kind = 'phone' AND l.organization = r.organization AND l.phone_e164 = r.value
            UNION
            SELECT l.organization, l.id FROM listed AS r CROSS JOIN leads AS l
            WHERE r.kind = 'email' AND l.organization = r.organization AND l.email_address = r.value)
        SELECT l.document FROM met CROSS JOIN leads AS l
        WHERE l.organization = met.organization AND l.id = met.id
        ORDER BY l.organization, l.id";

pub(super) const LEADS: LeadSql = LeadSql {
    hold: None,
    sharing: None,
    lock: "
        SELECT l.document
        FROM json_each($1) AS r CROSS JOIN leads AS l
        WHERE l.organization = r.value->>'organization' AND l.id = r.value->>'id'
        ORDER BY l.organization, l.id",
    lock_listed: LISTED,
    lock_listed_free: LISTED,
    crowded: "
        SELECT json_array(r.value->>'kind', r.value->>'value') FROM json_each($1) AS r
        WHERE 100 < CASE r.value->>'kind'
            WHEN 'phone' THEN (SELECT count(*) FROM (
                SELECT 1 FROM leads AS l
                WHERE l.organization = r.value->>'organization' AND l.phone_e164 = r.value->>'value' LIMIT 101) AS few)
            WHEN 'email' THEN (SELECT count(*) FROM (
                SELECT 1 FROM leads AS l
                WHERE l.organization = r.value->>'organization' AND l.email_address = r.value->>'value' LIMIT 101) AS few)
            ELSE 0 END",
    with_phone: concat!(
        with_value!(),
        "l.phone_e164 = (SELECT value->>'value' FROM p) ORDER BY l.id LIMIT (SELECT value->>'most' FROM p)"
    ),
    with_email: concat!(
        with_value!(),
        "l.email_address = (SELECT value->>'value' FROM p) ORDER BY l.id LIMIT (SELECT value->>'most' FROM p)"
    ),
    at_domain: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        SELECT json_array(l.email_reversed, l.id) FROM leads AS l
        WHERE l.organization = (SELECT value->>'organization' FROM p) AND l.email_reversed IS NOT NULL
          AND l.email_reversed < (SELECT value->>'below' FROM p)
          AND (l.email_reversed, l.id) > ((SELECT value->>'after' FROM p), (SELECT value->>'id' FROM p))
          AND substr(l.email_reversed, 1 + length((SELECT value->>'domain' FROM p)), 1) IN ('.', '@')
        ORDER BY l.email_reversed, l.id
        LIMIT (SELECT value->>'most' FROM p)",
    contacts: "
        WITH p AS MATERIALIZED (SELECT value FROM json_each($1))
        SELECT json_object('id', l.id, 'phone', l.phone_e164, 'email', l.email_address) FROM leads AS l
        WHERE l.organization = (SELECT value->>'organization' FROM p) AND l.id > (SELECT value->>'id' FROM p)
        ORDER BY l.id
        LIMIT (SELECT value->>'most' FROM p)",
    insert: "
        INSERT INTO leads (organization, id, source, external_id, phone_e164, email_address, email_reversed, status, eligibility,
                           reasons, eligible_until, score, temperature, tags, is_test, received_at, updated_at,
                           document)
        SELECT value->>'organization', value->>'id', value->>'source', value->>'external_id',
               value->>'phone_e164', value->>'email_address', value->>'email_reversed', value->>'status', value->>'eligibility',
               value->'reasons', value->>'eligible_until', value->>'score', value->>'temperature',
               value->'tags', value->>'is_test', value->>'received_at', value->>'updated_at', value->'document'
        FROM json_each($1)",
    update: "
        UPDATE leads
        SET source = r.value->>'source', external_id = r.value->>'external_id',
            phone_e164 = r.value->>'phone_e164', email_address = r.value->>'email_address',
            email_reversed = r.value->>'email_reversed',
            status = r.value->>'status', eligibility = r.value->>'eligibility', reasons = r.value->'reasons',
            eligible_until = r.value->>'eligible_until', score = r.value->>'score',
            temperature = r.value->>'temperature', tags = r.value->'tags', is_test = r.value->>'is_test',
            received_at = r.value->>'received_at', updated_at = r.value->>'updated_at',
            document = r.value->'document'
        FROM json_each($1) AS r
        WHERE leads.organization = r.value->>'organization' AND leads.id = r.value->>'id'",
    read: "
        SELECT l.document
        FROM json_each($1) AS r CROSS JOIN leads AS l
        WHERE l.organization = r.value->>'organization' AND l.id = r.value->>'id'",
    page: page!(""),
    page_of_source: page!("AND l.source = (SELECT value->>'source' FROM p)"),
    page_at: page_at!(""),
    page_at_of_source: page_at!("AND l.source = (SELECT value->>'source' FROM p)"),
    count: count!(""),
    count_of_source: count!("AND l.source = (SELECT value->>'source' FROM p)"),
};
