//! Reads a stored submission again, from its original body or from a repaired one.

use leadgate_domain::{ApiKey, BodyFormat, Fields, Source, Submission};

use crate::accept::StoredBody;
use crate::credentials;
use crate::decode::DecodeError;
use crate::dialects::protocol;
use crate::document::DocumentError;

/// Why a stored body is not a lead. Names fields, never values.
#[derive(Debug, Clone, PartialEq)]
pub enum RepairError {
    /// The body was erased.
    BodyErased,
    Document(DocumentError),
    Decode(DecodeError),
}

/// Reads the fields of a submission with the current mapping of its source.
pub fn reread(submission: &Submission, source: &Source) -> Result<Fields, RepairError> {
    let body = submission.raw.bytes().ok_or(RepairError::BodyErased)?;
    read_body(submission, &submission.media, &body, source).map(|(fields, _)| fields)
}

/// Reads the fields of `body` as if the submission had it, and the body as it is stored.
fn read_body(
    submission: &Submission,
    media: &BodyFormat,
    body: &[u8],
    source: &Source,
) -> Result<(Fields, StoredBody), RepairError> {
    let (protocol, query) = (protocol(submission.dialect), submission.query.as_deref());
    let document = protocol.read_document(media, body, query);
    let mut document = document.map_err(RepairError::Document)?;
    let keys = credentials::remove_credentials(&mut document, body, protocol.reads_query);
    let mapping = source.mapping.as_ref().map(|active| &active.mapping);
    let mut fields = protocol.decode(&document, mapping).map_err(RepairError::Decode)?;
    submission.trust.remove_untrusted_fields(&mut fields);
    Ok((fields, StoredBody::from_request(media, body, query, protocol, &document, &keys)))
}

/// Replaces the body of a submission. The id, the receipt data and the hash of the original body do not
/// change. `key` is the credential of the original request.
pub fn repair(
    submission: Submission,
    body: &[u8],
    media: BodyFormat,
    source: &Source,
    key: Option<&ApiKey>,
) -> Result<Submission, RepairError> {
    let (mut fields, StoredBody { raw, media, .. }) = read_body(&submission, &media, body, source)?;
    let mut repaired = Submission { raw, media, ..submission };
    fields.is_test |= repaired.fields.is_test;
    if let Some(key) = key {
        key.apply_defaults(&mut fields);
    }
    repaired.fields = fields;
    repaired.mapping_fault = None;
    repaired.mapping_version = source.mapping.as_ref().map(|active| active.version);
    repaired.source_revision = source.revision;
    Ok(repaired)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::key::PresentedKey;
    use leadgate_domain::{Dialect, KeyKind, OrganizationId, SubmissionId, Timestamp};
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_repair_keeps_the_id_and_the_body_hash() {
        let source = Source::new(
            OrganizationId::generate(),
            &protocol(Dialect::Native).source_defaults,
            None,
            Timestamp::now(),
        );
        let id = SubmissionId::from_uuid(OrganizationId::generate().as_uuid());
        let original = Submission::new(id, &source, Timestamp::now(), Fields::default(), b"{\"phne\":1}");
        assert!(matches!(
            reread(&original, &source),
            Err(RepairError::Decode(DecodeError::InvalidFields(_)))
        ));
        let repaired =
            repair(original.clone(), b"{\"phone\":\"+14155550132\"}", BodyFormat::Json, &source, None)
                .unwrap();
        assert_eq!(repaired.fields.phone.value().map(String::as_str), Some("+14155550132"));
        assert_eq!((repaired.id, repaired.body_hash), (original.id, original.body_hash));
        assert_ne!(repaired.raw, original.raw);
        let (_, key) = PresentedKey::generate(KeyKind::Secret);
        let with_key = format!(r#"{{"phone":"+14155550132","note":"{}"}}"#, key.expose_secret());
        let repaired =
            repair(original.clone(), with_key.as_bytes(), BodyFormat::Json, &source, None).unwrap();
        let stored = format!("{:?} {:?}", repaired.raw, repaired.fields);
        assert!(!stored.contains(key.expose_secret()), "a key is not stored");
        let refused = repair(original, b"{", BodyFormat::Json, &source, None);
        assert!(matches!(refused, Err(RepairError::Document(_))));
    }
}
