use crate::sql::ConsentSql;

/// What [`leadgate_domain::ConsentEvidence`] reads of a row `c` and its person `h`.
macro_rules! evidence {
    () => {
        "json_build_object('organization', c.organization, 'submission', c.submission, 'lead', c.lead,
             'source', c.source, 'received_at', c.received_at, 'recorded_at', c.recorded_at,
             'consent_timestamp', c.consent_timestamp, 'consented_at', c.consented_at,
             'text_version', c.text_version, 'page_url', c.page_url,
             'trustedform_certificate', c.trustedform_certificate, 'jornaya_leadid', c.jornaya_leadid,
             'digest', encode(c.digest, 'hex'), 'revision', c.revision,
             'person', (SELECT h.person FROM consent_people AS h
                        WHERE h.organization = c.organization AND h.submission = c.submission))::text
         FROM consents AS c
         WHERE c.organization = (SELECT organization FROM p)"
    };
}

macro_rules! wanted {
    () => {
        "WITH p AS MATERIALIZED (
             SELECT * FROM json_to_recordset($1::json) AS p (
                 organization uuid, lead uuid, at timestamptz, id uuid, before timestamptz, most int))
         SELECT "
    };
}

pub(super) const CONSENTS: ConsentSql = ConsentSql {
    insert: "
        INSERT INTO consents (organization, submission, lead, source, received_at, recorded_at,
                              consent_timestamp, consented_at, text_version, page_url,
                              trustedform_certificate, jornaya_leadid, digest, revision)
        SELECT organization, submission, lead, source, received_at, recorded_at, consent_timestamp,
               consented_at, text_version, page_url, trustedform_certificate, jornaya_leadid,
               decode(digest, 'hex'), revision
        FROM json_to_recordset($1::json) AS r (
            organization uuid, submission uuid, lead uuid, source uuid, received_at timestamptz,
            recorded_at timestamptz, consent_timestamp text, consented_at timestamptz, text_version text,
            page_url text, trustedform_certificate text, jornaya_leadid text, digest text,
            revision integer)
        ON CONFLICT (organization, submission) DO NOTHING
        RETURNING json_build_array(organization, submission)::text",
    insert_people: "
        INSERT INTO consent_people (organization, submission, person)
        SELECT organization, submission, person
        FROM json_to_recordset($1::json) AS r (organization uuid, submission uuid, person text)",
    page: concat!(
        wanted!(),
        evidence!(),
        " AND (c.received_at, c.submission) > ((SELECT at FROM p), (SELECT id FROM p))
           AND c.received_at < (SELECT before FROM p)
         ORDER BY c.received_at, c.submission
         LIMIT (SELECT most FROM p)"
    ),
    page_of_lead: concat!(
        wanted!(),
        evidence!(),
        " AND c.lead BETWEEN (SELECT lead FROM p) AND (SELECT lead FROM p)
           AND (c.received_at, c.submission) > ((SELECT at FROM p), (SELECT id FROM p))
         ORDER BY c.lead, c.received_at, c.submission
         LIMIT (SELECT most FROM p)"
    ),
    of_submission: concat!(wanted!(), evidence!(), " AND c.submission = (SELECT id FROM p)"),
    forget_people: "
        DELETE FROM consent_people AS h
        USING json_to_recordset($1::json) AS r (organization uuid, id uuid)
        WHERE h.organization = r.organization AND h.submission = r.id",
};
