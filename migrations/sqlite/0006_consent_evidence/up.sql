-- Only adds: the build before writes neither table.

-- That consent was given: one row for each submission that said so and was judged. Never changed and never deleted,
-- and without the person, who is in `consent_people`. `digest` is SHA-256 of that person's
-- document, after a salt that is derived from the match key and not stored.
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
-- INSERT OR REPLACE would delete without asking the trigger above.
CREATE TRIGGER consents_are_not_replaced BEFORE INSERT ON consents
WHEN EXISTS (SELECT 1 FROM consents AS c
             WHERE c.organization = NEW.organization AND c.submission = NEW.submission)
BEGIN SELECT RAISE(IGNORE); END;

-- Who consented: the document that is digested, as text, to the byte. Deleted when the person is to be forgotten.
CREATE TABLE consent_people (
    organization TEXT NOT NULL,
    submission   TEXT NOT NULL,
    person       TEXT NOT NULL,
    PRIMARY KEY (organization, submission)
) STRICT, WITHOUT ROWID;
