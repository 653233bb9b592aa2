//! A stored submission read once more: from the bytes that came in, or from others that somebody put in their place.

use leadgate_domain::{ApiKey, Fields, Media, Raw, Source, Submission};

use crate::decode::{Undecodable, decode};
use crate::document::{Document, Unreadable};

/// Why a stored body is no lead. Names fields, never values.
#[derive(Debug, Clone, PartialEq)]
pub enum Unmendable {
    /// Its own bytes cannot be had any more.
    Gone,
    Unreadable(Unreadable),
    Undecodable(Undecodable),
}

/// What a submission says, by the mapping that its source has by now.
pub fn reread(submission: &Submission, source: &Source) -> Result<Fields, Unmendable> {
    let body = submission.raw.bytes().ok_or(Unmendable::Gone)?;
    let query = submission.query.as_deref();
    let document = Document::read(submission.dialect, &submission.media, &body, query);
    let document = document.map_err(Unmendable::Unreadable)?;
    let mapping = source.mapping.as_ref().map(|active| &active.mapping);
    let mut fields = decode(submission.dialect, &document, mapping).map_err(Unmendable::Undecodable)?;
    submission.trust.withhold_untrusted_fields(&mut fields);
    Ok(fields)
}

/// A submission as it is with another body. It stays the submission that it was: its id, when and how it came, and the
/// digest of the body that came. `key` is the credential that it came with.
pub fn mend(
    submission: Submission,
    body: &[u8],
    media: Media,
    source: &Source,
    key: Option<&ApiKey>,
) -> Result<Submission, Unmendable> {
    let mut mended = Submission { raw: Raw::new(body), media, ..submission };
    let mut fields = reread(&mended, source)?;
    fields.is_test |= mended.fields.is_test;
    if let Some(key) = key {
        key.mark(&mut fields);
    }
    mended.fields = fields;
    mended.mapping_fault = None;
    mended.mapping_version = source.mapping.as_ref().map(|active| active.version);
    mended.source_revision = source.revision;
    Ok(mended)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{Dialect, OrganizationId, SubmissionId, Timestamp};

    use super::*;

    #[test]
    fn another_body_makes_no_other_submission() {
        let source = Source::new(OrganizationId::generate(), Dialect::Native, None, Timestamp::now());
        let id = SubmissionId::from_uuid(OrganizationId::generate().as_uuid());
        let came = Submission::new(id, &source, Timestamp::now(), Fields::default(), b"{\"phne\":1}");
        assert!(matches!(reread(&came, &source), Err(Unmendable::Undecodable(Undecodable::Faulty(_)))));
        let mended = mend(came.clone(), b"{\"phone\":\"+14155550132\"}", Media::Json, &source, None).unwrap();
        assert_eq!(mended.fields.phone.value().map(String::as_str), Some("+14155550132"));
        assert_eq!((mended.id, mended.body_hash), (came.id, came.body_hash));
        assert_ne!(mended.raw, came.raw);
        let refused = mend(came, b"{", Media::Json, &source, None);
        assert!(matches!(refused, Err(Unmendable::Unreadable(_))));
    }
}
