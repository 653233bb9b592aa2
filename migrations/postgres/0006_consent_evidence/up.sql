-- Additions only. The previous build writes neither table.

-- Evidence of consent: one row for each submission that has a consent and was judged. A row is never changed
-- or deleted. The person is in `consent_people`. `digest` is the SHA-256 of a salt and the person's document.
-- The salt is derived from the match key and not stored.
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

-- The person who consented: the exact text of the digested document. The row is deleted when the person is
-- erased.
CREATE TABLE consent_people (
    organization uuid NOT NULL,
    submission   uuid NOT NULL,
    person       text NOT NULL,
    PRIMARY KEY (organization, submission)
);
