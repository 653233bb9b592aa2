use std::borrow::Cow;
use std::fmt;

use leadgate_domain::json::{JsonFault, JsonFaultCode};

/// Why a body cannot be read as a document. Contains positions and names, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentError {
    Json(JsonFault),
    /// Valid JSON that is not an object.
    NotAnObject,
    Form(FormFault),
}

/// Why a form cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormFault {
    /// A limit that also applies to JSON bodies.
    Limit(JsonFaultCode),
    /// `multipart/form-data` (RFC 7578) that is truncated, has another boundary, or has a part without a
    /// name.
    BrokenMultipart,
}

impl DocumentError {
    /// Stable, snake_case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(fault) => fault.code.as_str(),
            Self::NotAnObject => "wrong_type",
            Self::Form(FormFault::Limit(code)) => code.as_str(),
            Self::Form(FormFault::BrokenMultipart) => "broken_multipart",
        }
    }

    /// A sentence for the client.
    pub fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Json(JsonFault { code: JsonFaultCode::NotJson, line, column, .. }) => {
                format!("The body is not valid JSON: line {line}, column {column}.").into()
            }
            Self::Json(fault) => fault.code.detail().into(),
            Self::NotAnObject => "a JSON object is expected".into(),
            Self::Form(FormFault::Limit(code)) => code.detail().into(),
            Self::Form(FormFault::BrokenMultipart) => {
                "The body is not valid multipart/form-data: it is truncated, or a part has no name.".into()
            }
        }
    }

    /// A JSON Pointer (RFC 6901), if the position is known.
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Json(fault) => fault.pointer.as_deref(),
            Self::NotAnObject => Some(""),
            Self::Form(_) => None,
        }
    }
}

impl From<FormFault> for DocumentError {
    fn from(fault: FormFault) -> Self {
        Self::Form(fault)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl std::error::Error for DocumentError {}
