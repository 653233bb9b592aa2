use crate::sql::ConsentSql;

/// What [`leadgate_domain::ConsentEvidence`] reads of a row `c` and its person `h`.
macro_rules! evidence {
    () => {
        "json_object('organization', c.organization, 'submission', c.submission, 'lead', c.lead,
             'source', c.source, 'received_at', c.received_at, 'recorded_at', c.recorded_at,
             'consent_timestamp', c.consent_timestamp, 'consented_at', c.consented_at,
             'text_version', c.text_version, 'page_url', c.page_url,
             'trustedform_certificate', c.trustedform_certificate, 'jornaya_leadid', c.jornaya_leadid,
             'digest', lower(hex(c.digest)), 'revision', c.revision,
             'person', h.person)
         FROM consents AS c
         LEFT JOIN consent_people AS h ON h.organization = c.organization AND h.submission = c.submission
         WHERE c.organization = (SELECT value->>'organization' FROM p)"
    };
}

pub(super) const CONSENTS: ConsentSql = ConsentSql {
    insert: "
        INSERT INTO consents (organization, submission, lead, source, received_at, recorded_at,
                              consent_timestamp, consented_at, text_version, page_url,
                              trustedform_certificate, jornaya_leadid, digest, revision)
        SELECT value->>'organization', value->>'submission', value->>'lead', value->>'source',
               value->>'received_at', value->>'recorded_at', value->>'consent_timestamp',
               value->>'consented_at', value->>'text_version', value->>'page_url',
               value->>'trustedform_certificate', value->>'jornaya_leadid',
               unhex(value->>'digest'), value->>'revision'
        FROM json_each($1) WHERE true
        ON CONFLICT (organization, submission) DO NOTHING
        RETURNING json_array(organization, submission)",
    insert_people: "
        INSERT INTO consent_people (organization, submission, person)
        SELECT value->>'organization', value->>'submission', value->>'person' FROM json_each($1)",
    page: concat!(
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1)) SELECT ",
        evidence!(),
        " AND (c.received_at, c.submission) > ((SELECT value->>'at' FROM p), (SELECT value->>'id' FROM p))
           AND c.received_at < (SELECT value->>'before' FROM p)
         ORDER BY c.received_at, c.submission
         LIMIT (SELECT value->>'most' FROM p)"
    ),
    page_of_lead: concat!(
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1)) SELECT ",
        evidence!(),
        " AND c.lead = (SELECT value->>'lead' FROM p)
           AND (c.received_at, c.submission) > ((SELECT value->>'at' FROM p), (SELECT value->>'id' FROM p))
         ORDER BY c.received_at, c.submission
         LIMIT (SELECT value->>'most' FROM p)"
    ),
    of_submission: concat!(
        "WITH p AS MATERIALIZED (SELECT value FROM json_each($1)) SELECT ",
        evidence!(),
        " AND c.submission = (SELECT value->>'id' FROM p)"
    ),
    forget_people: "
        DELETE FROM consent_people WHERE (organization, submission) IN (
            SELECT value->>'organization', value->>'id' FROM json_each($1))",
};
