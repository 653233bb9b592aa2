-- Additions only. The previous build writes neither table.

-- Evidence of consent: one row for each submission that has a consent and was judged. A row is never changed
-- or deleted. The person is in `consent_people`. `digest` is the SHA-256 of a salt and the person's document.
-- The salt is derived from the match key and not stored.
CREATE TABLE consents (
    organization            TEXT    NOT NULL,
    submission              TEXT    NOT NULL,
    lead                    TEXT,
    source                  TEXT    NOT NULL,
    received_at             TEXT    NOT NULL,
    recorded_at             TEXT    NOT NULL,
    consent_timestamp       TEXT,
    consented_at            TEXT,
    text_version            TEXT,
    page_url                TEXT,
    trustedform_certificate TEXT,
    jornaya_leadid          TEXT,
    digest                  BLOB    NOT NULL,
    revision                INTEGER NOT NULL,
    PRIMARY KEY (organization, submission)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_by_time ON consents (organization, received_at, submission);
CREATE INDEX consents_by_lead ON consents (organization, lead) WHERE lead IS NOT NULL;

CREATE TRIGGER consents_are_not_updated BEFORE UPDATE ON consents
BEGIN SELECT RAISE(ABORT, 'evidence of consent is never changed'); END;
CREATE TRIGGER consents_are_not_deleted BEFORE DELETE ON consents
BEGIN SELECT RAISE(ABORT, 'evidence of consent is never deleted'); END;
-- INSERT OR REPLACE would delete a row without running the trigger above.
CREATE TRIGGER consents_are_not_replaced BEFORE INSERT ON consents
WHEN EXISTS (SELECT 1 FROM consents AS c
             WHERE c.organization = NEW.organization AND c.submission = NEW.submission)
BEGIN SELECT RAISE(IGNORE); END;

-- The person who consented: the exact text of the digested document. The row is deleted when the person is
-- erased.
CREATE TABLE consent_people (
    organization TEXT NOT NULL,
    submission   TEXT NOT NULL,
    person       TEXT NOT NULL,
    PRIMARY KEY (organization, submission)
) STRICT, WITHOUT ROWID;
