//! Conditions of rules, and their evaluation for a lead.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

use super::facts::{Fact, Facts};
use super::field::ScoringField;
use super::operand::Operand;
use super::parse;
use crate::Lead;

/// When a rule matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Condition {
    All { all: Vec<Condition> },
    Any { any: Vec<Condition> },
    Not { not: Box<Condition> },
    Test(Box<FieldTest>),
}

/// A test of one field. All of its operators must match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldTest {
    pub field: ScoringField,
    /// Whether the field has a submitted or inferred value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// Whether the field has a submitted value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<Operand>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Operand>,
    /// A substring of a text, or an item of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<Operand>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Number>,
}

impl Condition {
    /// # Errors
    /// A sentence about the first fault.
    pub fn read(document: &Value) -> Result<Self, String> {
        parse::single_condition(document)
    }

    /// Whether the lead meets the condition.
    pub fn is_met_by(&self, lead: &Lead) -> bool {
        self.matches(&mut Facts::new(lead))
    }

    pub(super) fn matches<'a>(&'a self, facts: &mut Facts<'a>) -> bool {
        match self {
            Self::All { all } => all.iter().all(|condition| condition.matches(facts)),
            Self::Any { any } => any.iter().any(|condition| condition.matches(facts)),
            Self::Not { not } => !not.matches(facts),
            Self::Test(test) => test.matches(facts.get_or_read(&test.field)),
        }
    }

    /// The number of values with which fields are compared.
    pub(super) fn operands(&self) -> usize {
        match self {
            Self::All { all } => all.iter().map(Self::operands).sum(),
            Self::Any { any } => any.iter().map(Self::operands).sum(),
            Self::Not { not } => not.operands(),
            Self::Test(test) => test.operands(),
        }
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl FieldTest {
    pub(super) fn new(field: ScoringField) -> Self {
        Self {
            field,
            present: None,
            submitted: None,
            is: None,
            one_of: Vec::new(),
            contains: None,
            at_least: None,
            at_most: None,
        }
    }

    fn operands(&self) -> usize {
        let texts = usize::from(self.is.is_some()) + self.one_of.len() + usize::from(self.contains.is_some());
        texts + usize::from(self.at_least.is_some()) + usize::from(self.at_most.is_some())
    }

    fn matches(&self, fact: &Fact<'_>) -> bool {
        let within = |bound: &Option<Number>, compare: fn(f64, f64) -> bool| {
            let Some(bound) = bound else { return true };
            fact.number().zip(bound.as_f64()).is_some_and(|(number, bound)| compare(number, bound))
        };
        self.present.is_none_or(|present| present == fact.present)
            && self.submitted.is_none_or(|submitted| submitted == fact.submitted)
            && self.is.as_ref().is_none_or(|operand| fact.is(operand))
            && (self.one_of.is_empty() || self.one_of.iter().any(|operand| fact.equals_or_contains(operand)))
            && self.contains.as_ref().is_none_or(|operand| fact.contains(operand))
            && within(&self.at_least, |number, min| number >= min)
            && within(&self.at_most, |number, max| number <= max)
    }
}
