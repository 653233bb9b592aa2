use crate::sql::{Attempts, Quarantine};

macro_rules! rows {
    () => {
        "json_to_recordset($1::json) AS r (organization uuid, id uuid, submission uuid, reason text,
                                           body_hash text, document text, quarantined_at timestamptz)"
    };
}

pub(super) const QUARANTINE: Quarantine = Quarantine {
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
         WHERE s.body_hash <> decode(r.body_hash, 'hex')
         ON CONFLICT (organization, submission, body_hash) DO NOTHING"
    ),
};

pub(super) const ATTEMPTS: Attempts = Attempts {
    begin: "
        INSERT INTO attempts (submission, attempts, last_at)
        SELECT submission, 1, last_at
        FROM json_to_recordset($1::json) AS r (submission uuid, last_at timestamptz)
        ON CONFLICT (submission) DO UPDATE SET attempts = attempts.attempts + 1, last_at = excluded.last_at
        RETURNING attempts::text",
    forget: "
        DELETE FROM attempts USING json_to_recordset($1::json) AS r (id uuid) WHERE submission = r.id",
    purge: "
        DELETE FROM attempts USING json_to_recordset($1::json) AS r (last_at timestamptz)
        WHERE attempts.last_at < r.last_at",
};
