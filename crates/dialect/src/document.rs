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
    /// Whether values have the types of JSON. In a form everything is text, and an empty one says nothing.
    pub typed: bool,
    /// Whether a plus sign that was not escaped has become a space.
    pub plus_is_space: bool,
    /// What was put right before it could be read.
    pub repairs: BTreeSet<Repair>,
}

impl Document {
    /// Reads a body, and the query where fields may be in it; the body wins. What looks like a JSON object is one, whatever
    /// form its type announces.
    pub(crate) fn read(media: &BodyFormat, body: &[u8], query: Option<&str>) -> Result<Self, DocumentError> {
        let is_empty = body.trim_ascii().is_empty();
        let asked = query.map(|query| Self::urlencoded(query.as_bytes())).transpose()?.unwrap_or_default();
        let nothing = || DocumentError::from(FormFault::Limit(JsonFaultCode::Empty));
        let mut document = match media {
            _ if is_empty => {
                asked.says_something().then_some(()).ok_or_else(nothing)?;
                Self { plus_is_space: true, ..Self::default() }
            }
            BodyFormat::Json => Self::json(body)?,
            BodyFormat::JsonWindows1252 => Self::json(encoding::text(body).0.as_bytes())?,
            BodyFormat::Form | BodyFormat::Multipart(_) if encoding::is_json_object(body) => {
                Self::json(body)?
            }
            BodyFormat::Form => Self::urlencoded(body)?,
            BodyFormat::Multipart(boundary) => multipart::read(boundary, body)?.into(),
        };
        if document.members.is_empty() && asked.members.is_empty() && !document.typed {
            return Err(nothing());
        }
        if document.typed && asked.members.is_empty() {
            return Ok(document);
        }
        document.repairs.extend(asked.repairs);
        for (name, value) in asked.members.into_iter().filter(|(_, value)| has_content(value)) {
            document.members.entry(name).or_insert(value);
        }
        // The JSON parser looked at every limit already, but at nothing else.
        match json::check_object(&document.members) {
            Ok(()) => Ok(document),
            Err(code) => Err(FormFault::Limit(code).into()),
        }
    }

    fn json(body: &[u8]) -> Result<Self, DocumentError> {
        let mut repairs = BTreeSet::new();
        let parsed = json::parse(body).or_else(|fault| {
            let escaped =
                encoding::with_line_breaks_escaped(body).filter(|_| fault.code == JsonFaultCode::NotJson);
            repairs.insert(Repair::LineBreakInString);
            json::parse(&escaped.ok_or_else(|| fault.clone())?).map_err(|_| fault)
        });
        match parsed.map_err(DocumentError::Json)? {
            Value::Object(members) => Ok(Self { members, typed: true, plus_is_space: false, repairs }),
            _ => Err(DocumentError::NotAnObject),
        }
    }

    fn urlencoded(body: &[u8]) -> Result<Self, FormFault> {
        Ok(Self { plus_is_space: true, ..form::urlencoded(body)?.into() })
    }

    /// Whether anything was said at all.
    pub(crate) fn says_something(&self) -> bool {
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
