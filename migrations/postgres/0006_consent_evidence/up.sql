-- Only adds: the build before writes neither table.

-- That consent was given: one row for each submission that said so and was judged. Never changed and never deleted,
-- and without the person, who is in `consent_people`. `digest` is SHA-256 of that person's
-- document, after a salt that is derived from the match key and not stored.
CREATE TABLE consents (
    organization            uuid        NOT NULL,
    submission              uuid        NOT NULL,
    lead                    uuid,
    source                  uuid        NOT NULL,
    received_at             timestamptz NOT NULL,
    recorded_at             timestamptz NOT NULL,
    consent_timestamp       text,
    consented_at            timestamptz,
    text_version            text,
    page_url                text,
    trustedform_certificate text,
    jornaya_leadid          text,
    digest                  bytea       NOT NULL,
    revision                integer     NOT NULL,
    PRIMARY KEY (organization, submission)
);
CREATE INDEX consents_by_time ON consents (organization, received_at, submission);
CREATE INDEX consents_by_lead ON consents (organization, lead) WHERE lead IS NOT NULL;

CREATE FUNCTION refuse_to_change_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence of consent is never changed or deleted' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER consents_are_not_changed BEFORE UPDATE OR DELETE ON consents
    FOR EACH ROW EXECUTE FUNCTION refuse_to_change_evidence();
CREATE TRIGGER consents_are_not_emptied BEFORE TRUNCATE ON consents
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_evidence();

-- Who consented: the document that is digested, as text, to the byte. Deleted when the person is to be forgotten.
CREATE TABLE consent_people (
    organization uuid NOT NULL,
    submission   uuid NOT NULL,
    person       text NOT NULL,
    PRIMARY KEY (organization, submission)
);
