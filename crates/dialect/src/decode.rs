//! Reads a body into a document, and a document into the fields of a lead.

use leadgate_domain::mapping::{Mapping, MappingFault};
use leadgate_domain::validate::FieldFault;
use leadgate_domain::{BodyFormat, Fields};

use crate::document::{Document, DocumentError};
use crate::field_reader::{FieldReader, ReaderInput};
use crate::protocol::Protocol;

/// Why a document is not a lead. Names fields, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The document has no value, and the dialect requires at least one.
    Empty,
    InvalidFields(Vec<FieldFault>),
    Mapping(MappingFault),
    /// The fields are larger than 256 KB after mapping.
    TooLarge,
}

/// The size limit for mapped fields, in bytes. A mapping can copy one value many times.
const MAX_MAPPED_FIELDS: usize = 256 * 1024;

impl Protocol {
    /// Reads a body as one object. If the body is empty, fields may be in the query. If the dialect allows
    /// fields in both, the body takes precedence.
    pub fn read_document(
        &self,
        media: &BodyFormat,
        body: &[u8],
        query: Option<&str>,
    ) -> Result<Document, DocumentError> {
        Document::read(media, body, query.filter(|_| self.reads_query || body.trim_ascii().is_empty()))
    }

    /// Reads the fields of a document, or lists all its faults.
    ///
    /// Fields that the mapping fills take precedence over fields that the dialect finds in the remaining
    /// members.
    pub fn decode(&self, document: &Document, mapping: Option<&Mapping>) -> Result<Fields, DecodeError> {
        if self.refuses_empty_document && !document.has_value() {
            return Err(DecodeError::Empty);
        }
        let mapped = mapping.map(|mapping| mapping.apply(&document.members)).transpose();
        let mapped = mapped.map_err(DecodeError::Mapping)?;
        let Document { members, repairs, .. } = document;
        let (members, mapped_fields) = match &mapped {
            Some(mapped) => (&mapped.rest, Some(&mapped.native)),
            None => (members, None),
        };
        let Document { has_json_types, plus_is_space, .. } = *document;
        let input = ReaderInput { members, mapped_fields, has_json_types, plus_is_space };
        let mut fields = self.read_fields(input).map_err(DecodeError::InvalidFields)?;
        if mapped_fields.is_some() && is_too_large(&fields) {
            return Err(DecodeError::TooLarge);
        }
        fields.repairs.extend(repairs.iter().map(|repair| repair.as_str().to_owned()));
        Ok(fields)
    }

    pub(crate) fn read_fields(&self, input: ReaderInput<'_>) -> Result<Fields, Vec<FieldFault>> {
        let mut reader = FieldReader::read(self.name_index, input);
        (self.check_fields)(&mut reader);
        reader.finish()
    }
}

fn is_too_large(fields: &Fields) -> bool {
    serde_json::to_vec(fields).is_ok_and(|fields| fields.len() > MAX_MAPPED_FIELDS)
}
