//! The values of a lead in the fields that a scoring tests.
//!
//! Each field is read and folded once for a lead, even if many tests use it. So the cost of a scoring grows
//! with the sum of the sizes of the lead and the scoring, and not with their product.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use serde_json::{Number, Value};

use super::field::{ScoringField, ScoringFieldValue};
use super::operand::{Operand, fold};
use crate::Lead;

/// Maximum number of bytes of a text that are compared. Operands are shorter, so a longer text equals no
/// operand.
const MAX_COMPARED_BYTES: usize = 4 * 1024;

/// The initial capacity: the number of fields in a usual scoring.
const INITIAL_CAPACITY: usize = 14;

pub(super) struct Facts<'a> {
    lead: &'a Lead,
    known: HashMap<&'a ScoringField, Fact<'a>, RandomState>,
}

/// The value of a lead in one field.
pub(super) struct Fact<'l> {
    pub(super) present: bool,
    /// Whether the value was submitted, and not only inferred.
    pub(super) submitted: bool,
    value: Comparable<'l>,
}

enum Comparable<'l> {
    /// A value that equals no operand.
    Other,
    One(Scalar<'l>),
    List(Items<'l>),
}

enum Scalar<'l> {
    Flag(bool),
    Number(f64),
    Text {
        /// The beginning of the text, at most [`MAX_COMPARED_BYTES`] before folding.
        folded: Cow<'l, str>,
        whole: bool,
        number: Option<f64>,
    },
}

/// The items of a list, whose order does not matter.
#[derive(Default)]
struct Items<'l> {
    flags: HashSet<bool>,
    /// Sorted.
    numbers: Vec<u64>,
    texts: HashSet<Cow<'l, str>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(lead: &'a Lead) -> Self {
        Self { lead, known: HashMap::with_capacity_and_hasher(INITIAL_CAPACITY, RandomState::default()) }
    }

    pub(super) fn get_or_read(&mut self, field: &'a ScoringField) -> &Fact<'a> {
        let lead = self.lead;
        self.known.entry(field).or_insert_with(|| Fact::read(field, lead))
    }
}

impl<'l> Fact<'l> {
    fn read(field: &ScoringField, lead: &'l Lead) -> Self {
        let field_value = field.read_value(lead);
        let present = !field_value.is_nothing();
        let submitted = match field {
            ScoringField::Text(_) | ScoringField::Attribution(_) => field.is_submitted(lead),
            _ => present,
        };
        let value = match field_value {
            ScoringFieldValue::Absent | ScoringFieldValue::Present => Comparable::Other,
            ScoringFieldValue::Flag(flag) => Comparable::One(Scalar::Flag(flag)),
            ScoringFieldValue::Text(text) => Comparable::One(Scalar::text(text)),
            ScoringFieldValue::Tags(lead) => {
                let tags = lead.tags.iter().chain(&lead.derived_tags);
                Comparable::List(tags.map(|tag| Scalar::text(tag)).collect())
            }
            ScoringFieldValue::Value(Value::Array(items)) => {
                Comparable::List(items.iter().filter_map(Scalar::read).collect())
            }
            ScoringFieldValue::Value(value) => Scalar::read(value).map_or(Comparable::Other, Comparable::One),
        };
        Self { present, submitted, value }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match &self.value {
            Comparable::One(scalar) => scalar.number(),
            _ => None,
        }
    }

    pub(super) fn is(&self, operand: &Operand) -> bool {
        matches!(&self.value, Comparable::One(scalar) if scalar.is(operand))
    }

    /// Whether the value, or an item of a list, equals the operand.
    pub(super) fn equals_or_contains(&self, operand: &Operand) -> bool {
        match &self.value {
            Comparable::List(items) => items.matches_any(operand),
            _ => self.is(operand),
        }
    }

    pub(super) fn contains(&self, operand: &Operand) -> bool {
        match (&self.value, operand) {
            (Comparable::List(items), _) => items.matches_any(operand),
            (Comparable::One(Scalar::Text { folded: text, .. }), Operand::Text { folded, .. }) => {
                text.len() >= folded.len() && text.contains(folded)
            }
            _ => false,
        }
    }
}

impl<'l> Scalar<'l> {
    fn read(value: &'l Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::text(text)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn text(text: &'l str) -> Self {
        let text = text.trim();
        let whole = text.len() <= MAX_COMPARED_BYTES;
        let folded = fold(text.get(..text.floor_char_boundary(MAX_COMPARED_BYTES)).unwrap_or(text));
        let number = if whole { text.parse().ok().filter(|number: &f64| number.is_finite()) } else { None };
        Self::Text { folded, whole, number }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Flag(_) => None,
            Self::Number(number) => Some(*number),
            Self::Text { number, .. } => *number,
        }
    }

    /// A text also equals a number or a flag, because forms send numbers and flags as texts.
    fn is(&self, operand: &Operand) -> bool {
        match (operand, self) {
            (Operand::Flag(flag), Self::Flag(is)) => flag == is,
            (Operand::Flag(flag), Self::Text { folded, .. }) => folded == bool_text(*flag),
            (Operand::Number(number), _) => number.as_f64().is_some() && number.as_f64() == self.number(),
            // The comparison of texts compares their lengths first.
            (Operand::Text { folded, .. }, Self::Text { folded: text, whole, .. }) => {
                *whole && text == folded
            }
            (Operand::Text { number, .. }, Self::Number(is)) => {
                number.as_ref().and_then(Number::as_f64) == Some(*is)
            }
            _ => false,
        }
    }
}

impl Items<'_> {
    fn matches_any(&self, operand: &Operand) -> bool {
        let has_number = |number: &Number| {
            number.as_f64().is_some_and(|number| self.numbers.binary_search(&number_bits(number)).is_ok())
        };
        match operand {
            Operand::Flag(flag) => self.flags.contains(flag) || self.texts.contains(bool_text(*flag)),
            Operand::Number(number) => has_number(number),
            Operand::Text { folded, number, .. } => {
                self.texts.contains(folded.as_str()) || number.as_ref().is_some_and(has_number)
            }
        }
    }
}

impl<'l> FromIterator<Scalar<'l>> for Items<'l> {
    fn from_iter<I: IntoIterator<Item = Scalar<'l>>>(scalars: I) -> Self {
        let mut items = Self::default();
        for scalar in scalars {
            items.numbers.extend(scalar.number().map(number_bits));
            match scalar {
                Scalar::Flag(flag) => {
                    items.flags.insert(flag);
                }
                Scalar::Text { folded, whole: true, .. } => {
                    items.texts.insert(folded);
                }
                Scalar::Number(_) | Scalar::Text { .. } => {}
            }
        }
        items.numbers.sort_unstable();
        items
    }
}

/// The bits of a number. 0 and -0 have the same bits.
fn number_bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

fn bool_text(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}
