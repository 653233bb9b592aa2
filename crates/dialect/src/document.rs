//! What came in, before anybody asks what it means: one object.

mod form;
mod multipart;
mod unreadable;

use leadgate_domain::json::{self, Fault, FaultCode, says_something};
use leadgate_domain::{Dialect, Media};
use serde_json::{Map, Value};

pub use unreadable::{FormFault, Unreadable};

/// One object as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub members: Map<String, Value>,
    /// Whether values have the types of JSON. In a form everything is text, and an empty one says nothing.
    pub typed: bool,
}

/// Which media a dialect takes.
pub fn takes(dialect: Dialect, media: &Media) -> bool {
    match dialect {
        Dialect::Native | Dialect::AbcSales | Dialect::Lead2inbound => media.is_json(),
        Dialect::FiveHundredLeads | Dialect::KickoffLabs | Dialect::AskAd => true,
    }
}

impl Document {
    /// Reads a body. KickoffLabs's clients may say things in the query, too; the body wins.
    pub fn read(
        dialect: Dialect,
        media: &Media,
        body: &[u8],
        query: Option<&str>,
    ) -> Result<Self, Unreadable> {
        let asked = match query {
            Some(query) if dialect == Dialect::KickoffLabs => form::urlencoded(query.as_bytes())?,
            _ => Map::new(),
        };
        let nothing = || Unreadable::from(FormFault::Limit(FaultCode::Empty));
        let mut document = match media {
            _ if body.trim_ascii().is_empty() => {
                asked.values().any(says_something).then_some(()).ok_or_else(nothing)?;
                Self { members: Map::new(), typed: false }
            }
            Media::Json => Self { members: object(body)?, typed: true },
            Media::Form => Self { members: form::urlencoded(body)?, typed: false },
            Media::Multipart(boundary) => Self { members: multipart::read(boundary, body)?, typed: false },
        };
        if document.members.is_empty() && asked.is_empty() && !document.typed {
            return Err(nothing());
        }
        if document.typed && asked.is_empty() {
            return Ok(document);
        }
        for (name, value) in asked.into_iter().filter(|(_, value)| says_something(value)) {
            document.members.entry(name).or_insert(value);
        }
        // The JSON parser looked at every limit already, but at nothing else.
        match json::check_object(&document.members) {
            Ok(()) => Ok(document),
            Err(code) => Err(FormFault::Limit(code).into()),
        }
    }

    /// Whether anything was said at all.
    pub(crate) fn says_something(&self) -> bool {
        self.members.values().any(says_something)
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Unreadable> {
    match json::parse(body).map_err(Unreadable::Json)? {
        Value::Object(members) => Ok(members),
        _ => Err(Unreadable::NotAnObject),
    }
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        Self::Json(fault)
    }
}
