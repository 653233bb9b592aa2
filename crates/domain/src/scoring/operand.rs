//! Operands: the values with which fields of a lead are compared.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::Number;

/// A value with which a field is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    Flag(bool),
    Number(Number),
    Text {
        written: String,
        /// The form in which texts are compared: trimmed and in lower case.
        folded: String,
        /// The number, if the text is one, because forms send numbers as texts and texts as numbers.
        number: Option<Number>,
    },
}

impl Operand {
    pub(super) fn text(written: &str) -> Self {
        let folded = fold(written).into_owned();
        Self::Text { written: written.to_owned(), number: folded.parse().ok(), folded }
    }
}

impl Serialize for Operand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::Text { written, .. } => serializer.serialize_str(written),
        }
    }
}

/// The form in which texts are compared: trimmed and in lower case.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}
