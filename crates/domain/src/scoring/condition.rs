//! What a rule asks, and whether it holds of a lead.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::field::{Field, Found};
use crate::Lead;

/// When a rule applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Condition {
    All { all: Vec<Condition> },
    Any { any: Vec<Condition> },
    Not { not: Box<Condition> },
    Test(Test),
}

/// One question about one field: everything that it says has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Test {
    pub field: Field,
    /// Whether there is one, said or inferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// Whether there is one that somebody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<Operand>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Operand>,
    /// A text within a text, or one item of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<Operand>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Number>,
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    Flag(bool),
    Number(Number),
    Text {
        written: String,
        /// As it is compared: in lower case, without white space around it.
        folded: String,
    },
}

impl Condition {
    pub(super) fn holds(&self, lead: &Lead) -> bool {
        match self {
            Self::All { all } => all.iter().all(|one| one.holds(lead)),
            Self::Any { any } => any.iter().any(|one| one.holds(lead)),
            Self::Not { not } => !not.holds(lead),
            Self::Test(test) => test.holds(lead),
        }
    }
}

impl Test {
    pub(super) fn of(field: Field) -> Self {
        Self {
            field,
            present: None,
            said: None,
            is: None,
            one_of: Vec::new(),
            contains: None,
            at_least: None,
            at_most: None,
        }
    }

    fn holds(&self, lead: &Lead) -> bool {
        let found = self.field.of(lead);
        let bound = |bound: &Option<Number>, keeps: fn(f64, f64) -> bool| {
            let Some(bound) = bound else { return true };
            number_of(&found).zip(bound.as_f64()).is_some_and(|(number, bound)| keeps(number, bound))
        };
        self.present.is_none_or(|present| present != found.is_nothing())
            && self.said.is_none_or(|said| said == self.field.is_said(lead))
            && self.is.as_ref().is_none_or(|operand| operand.is(&found))
            && (self.one_of.is_empty() || self.one_of.iter().any(|operand| operand.is_among(&found)))
            && self.contains.as_ref().is_none_or(|operand| operand.is_in(&found))
            && bound(&self.at_least, |number, least| number >= least)
            && bound(&self.at_most, |number, most| number <= most)
    }
}

impl Operand {
    pub(super) fn text(written: &str) -> Self {
        Self::Text { written: written.to_owned(), folded: fold(written).into_owned() }
    }

    fn is(&self, found: &Found<'_>) -> bool {
        match (self, found) {
            (Self::Flag(flag), Found::Flag(is)) => flag == is,
            (Self::Text { folded, .. }, Found::Text(text)) => same(text, folded),
            (_, Found::Value(value)) => self.is_value(value),
            _ => false,
        }
    }

    /// Of a list, whether one of its items is this.
    fn is_among(&self, found: &Found<'_>) -> bool {
        match found {
            Found::Tags(_) | Found::Value(Value::Array(_)) => self.is_in(found),
            one => self.is(one),
        }
    }

    fn is_in(&self, found: &Found<'_>) -> bool {
        match (self, found) {
            (_, Found::Value(Value::Array(items))) => items.iter().any(|item| self.is_value(item)),
            (Self::Text { folded, .. }, Found::Tags(lead)) => {
                lead.tags.iter().chain(&lead.derived_tags).any(|tag| same(tag, folded))
            }
            (Self::Text { folded, .. }, Found::Text(text)) => fold(text).contains(folded),
            (Self::Text { folded, .. }, Found::Value(Value::String(text))) => fold(text).contains(folded),
            _ => false,
        }
    }

    /// Forms send numbers and flags as texts, and mean them.
    fn is_value(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Flag(flag), Value::Bool(is)) => flag == is,
            (Self::Flag(flag), Value::String(text)) => same(text, if *flag { "true" } else { "false" }),
            (Self::Number(number), value) => {
                number.as_f64().is_some() && number.as_f64() == number_of(&Found::Value(value))
            }
            (Self::Text { folded, .. }, Value::String(text)) => same(text, folded),
            (Self::Text { folded, .. }, Value::Number(number)) => number.to_string() == *folded,
            _ => false,
        }
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

fn number_of(found: &Found<'_>) -> Option<f64> {
    let number = match found {
        Found::Value(Value::Number(number)) => number.as_f64(),
        Found::Value(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

fn fold(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

fn same(text: &str, folded: &str) -> bool {
    if text.is_ascii() { text.trim().eq_ignore_ascii_case(folded) } else { fold(text) == folded }
}
