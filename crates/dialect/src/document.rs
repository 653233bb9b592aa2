//! A request body as one object, before it is interpreted.

mod encoding;
mod error;
mod form;
mod multipart;

use std::collections::BTreeSet;

use leadgate_domain::json::{self, JsonFault, JsonFaultCode, has_content};
use leadgate_domain::{BodyFormat, Repair};
use serde_json::{Map, Value};

use form::FormBuilder;

pub use error::{DocumentError, FormFault};

/// One object as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    pub members: Map<String, Value>,
    /// Whether values have JSON types. In a form every value is text, and an empty text counts as absent.
    pub has_json_types: bool,
    /// Whether the encoding turns an unescaped plus sign into a space.
    pub plus_is_space: bool,
    /// Repairs that were necessary to read the body.
    pub repairs: BTreeSet<Repair>,
}

impl Document {
    /// Reads a body, and the query if it may contain fields. The body takes precedence over the query. A body
    /// that looks like a JSON object is read as JSON, also if its media type is a form.
    pub(crate) fn read(media: &BodyFormat, body: &[u8], query: Option<&str>) -> Result<Self, DocumentError> {
        let is_empty = body.trim_ascii().is_empty();
        let parameters =
            query.map(|query| Self::parse_urlencoded(query.as_bytes())).transpose()?.unwrap_or_default();
        let empty = || DocumentError::from(FormFault::Limit(JsonFaultCode::Empty));
        let mut document = match media {
            _ if is_empty => {
                parameters.has_value().then_some(()).ok_or_else(empty)?;
                Self { plus_is_space: true, ..Self::default() }
            }
            BodyFormat::Json => Self::parse_json(body)?,
            BodyFormat::JsonWindows1252 => Self::parse_json(encoding::decode_text(body).0.as_bytes())?,
            BodyFormat::Form | BodyFormat::Multipart(_) if encoding::is_json_object(body) => {
                Self::parse_json(body)?
            }
            BodyFormat::Form => Self::parse_urlencoded(body)?,
            BodyFormat::Multipart(boundary) => multipart::read(boundary, body)?.into(),
        };
        if document.members.is_empty() && parameters.members.is_empty() && !document.has_json_types {
            return Err(empty());
        }
        if document.has_json_types && parameters.members.is_empty() {
            return Ok(document);
        }
        document.repairs.extend(parameters.repairs);
        for (name, value) in parameters.members.into_iter().filter(|(_, value)| has_content(value)) {
            document.members.entry(name).or_insert(value);
        }
        // The JSON parser has checked the limits of a JSON body. Forms and queries are checked here.
        match json::check_object(&document.members) {
            Ok(()) => Ok(document),
            Err(code) => Err(FormFault::Limit(code).into()),
        }
    }

    fn parse_json(body: &[u8]) -> Result<Self, DocumentError> {
        let mut repairs = BTreeSet::new();
        let parsed = json::parse(body).or_else(|fault| {
            let escaped =
                encoding::with_line_breaks_escaped(body).filter(|_| fault.code == JsonFaultCode::NotJson);
            repairs.insert(Repair::LineBreakInString);
            json::parse(&escaped.ok_or_else(|| fault.clone())?).map_err(|_| fault)
        });
        match parsed.map_err(DocumentError::Json)? {
            Value::Object(members) => {
                Ok(Self { members, has_json_types: true, plus_is_space: false, repairs })
            }
            _ => Err(DocumentError::NotAnObject),
        }
    }

    fn parse_urlencoded(body: &[u8]) -> Result<Self, FormFault> {
        Ok(Self { plus_is_space: true, ..form::read_urlencoded(body)?.into() })
    }

    /// Whether any member has a value.
    pub(crate) fn has_value(&self) -> bool {
        self.members.values().any(has_content)
    }
}

impl From<FormBuilder> for Document {
    fn from(form: FormBuilder) -> Self {
        let repairs = form.is_windows_1252.then_some(Repair::Windows1252).into_iter().collect();
        Self { members: form.finish(), repairs, ..Self::default() }
    }
}

impl From<JsonFault> for DocumentError {
    fn from(fault: JsonFault) -> Self {
        Self::Json(fault)
    }
}
