//! A stored submission read once more: from the bytes that came in, or from others in their place.

use leadgate_domain::{ApiKey, Fields, Media, Raw, Source, Submission};

use crate::decode::Undecodable;
use crate::dialects::protocol;
use crate::document::Unreadable;

/// Why a stored body is no lead. Names fields, never values.
#[derive(Debug, Clone, PartialEq)]
pub enum NotRepairable {
    /// Its own bytes cannot be had any more.
    Gone,
    Unreadable(Unreadable),
    Undecodable(Undecodable),
}

/// What a submission says, by the mapping that its source has by now.
pub fn reread(submission: &Submission, source: &Source) -> Result<Fields, NotRepairable> {
    let body = submission.raw.bytes().ok_or(NotRepairable::Gone)?;
    let protocol = protocol(submission.dialect);
    let document = protocol.document(&submission.media, &body, submission.query.as_deref());
    let document = document.map_err(NotRepairable::Unreadable)?;
    let mapping = source.mapping.as_ref().map(|active| &active.mapping);
    let mut fields = protocol.decode(&document, mapping).map_err(NotRepairable::Undecodable)?;
    submission.trust.withhold_untrusted_fields(&mut fields);
    Ok(fields)
}

/// A submission as it is with another body. It stays the submission that it was: its id, when and how it came, and the
/// digest of the body that came. `key` is the credential that it came with.
pub fn repair(
    submission: Submission,
    body: &[u8],
    media: Media,
    source: &Source,
    key: Option<&ApiKey>,
) -> Result<Submission, NotRepairable> {
    let mut repaired = Submission { raw: Raw::new(body), media, ..submission };
    let mut fields = reread(&repaired, source)?;
    fields.is_test |= repaired.fields.is_test;
    if let Some(key) = key {
        key.mark(&mut fields);
    }
    repaired.fields = fields;
    repaired.mapping_fault = None;
    repaired.mapping_version = source.mapping.as_ref().map(|active| active.version);
    repaired.source_revision = source.revision;
    Ok(repaired)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{Dialect, OrganizationId, SubmissionId, Timestamp};

    use super::*;

    #[test]
    fn another_body_makes_no_other_submission() {
        let source = Source::new(
            OrganizationId::generate(),
            &protocol(Dialect::Native).source,
            None,
            Timestamp::now(),
        );
        let id = SubmissionId::from_uuid(OrganizationId::generate().as_uuid());
        let came = Submission::new(id, &source, Timestamp::now(), Fields::default(), b"{\"phne\":1}");
        assert!(matches!(reread(&came, &source), Err(NotRepairable::Undecodable(Undecodable::Faulty(_)))));
        let repaired =
            repair(came.clone(), b"{\"phone\":\"+14155550132\"}", Media::Json, &source, None).unwrap();
        assert_eq!(repaired.fields.phone.value().map(String::as_str), Some("+14155550132"));
        assert_eq!((repaired.id, repaired.body_hash), (came.id, came.body_hash));
        assert_ne!(repaired.raw, came.raw);
        let refused = repair(came, b"{", Media::Json, &source, None);
        assert!(matches!(refused, Err(NotRepairable::Unreadable(_))));
    }
}
