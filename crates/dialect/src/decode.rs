//! From a body to a document, and from a document to what it says about a person.

use leadgate_domain::mapping::{Mapping, MappingFault};
use leadgate_domain::validate::FieldFault;
use leadgate_domain::{BodyFormat, Fields};

use crate::document::{Document, DocumentError};
use crate::field_reader::{FieldReader, ReaderInput};
use crate::protocol::Protocol;

/// Why a document is no lead. Names fields, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// Nothing was said at all, and the dialect asks for nothing more than something.
    Empty,
    InvalidFields(Vec<FieldFault>),
    Mapping(MappingFault),
    /// The mapping made more than 256 KB of the body.
    TooLarge,
}

/// The largest fields that a mapping may make of a body, in bytes. A mapping can repeat a value many times.
const LARGEST_MAPPED_FIELDS: usize = 256 * 1024;

impl Protocol {
    /// Reads a body as one object. Where the body is empty, every client may send fields in the query; where the dialect's
    /// clients send fields in both, the body wins.
    pub fn document(
        &self,
        media: &BodyFormat,
        body: &[u8],
        query: Option<&str>,
    ) -> Result<Document, DocumentError> {
        Document::read(media, body, query.filter(|_| self.reads_query || body.trim_ascii().is_empty()))
    }

    /// Reads what a document says about a person, or everything that is wrong with it.
    ///
    /// What the source's mapping fills goes before what its dialect finds in the rest.
    pub fn decode(&self, document: &Document, mapping: Option<&Mapping>) -> Result<Fields, DecodeError> {
        if self.refuses_empty && !document.says_something() {
            return Err(DecodeError::Empty);
        }
        let mapped = mapping.map(|mapping| mapping.apply(&document.members)).transpose();
        let mapped = mapped.map_err(DecodeError::Mapping)?;
        let Document { members, typed, plus_is_space, repairs } = document;
        let (members, mapped) = match &mapped {
            Some(mapped) => (&mapped.rest, Some(&mapped.native)),
            None => (members, None),
        };
        let text = ReaderInput { members, mapped, typed: *typed, plus_is_space: *plus_is_space };
        let mut fields = self.fields(text).map_err(DecodeError::InvalidFields)?;
        if mapped.is_some() && is_too_large(&fields) {
            return Err(DecodeError::TooLarge);
        }
        fields.repairs.extend(repairs.iter().map(|repair| repair.as_str().to_owned()));
        Ok(fields)
    }

    pub(crate) fn fields(&self, text: ReaderInput<'_>) -> Result<Fields, Vec<FieldFault>> {
        let mut reading = FieldReader::of(self.names, text);
        (self.require)(&mut reading);
        reading.finish()
    }
}

fn is_too_large(fields: &Fields) -> bool {
    serde_json::to_vec(fields).is_ok_and(|fields| fields.len() > LARGEST_MAPPED_FIELDS)
}
