//! What a value of a lead is compared with.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::Number;

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    Flag(bool),
    Number(Number),
    Text {
        written: String,
        /// As it is compared: in lower case, without white space around it.
        folded: String,
        /// Forms send numbers as texts and texts as numbers.
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

/// As texts are compared: in lower case, without white space around them.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}
