//! A mapping proposed from the bodies that came in, for a person to review.
//!
//! What is proposed names places and kinds of values, and holds no value: it may be shown to anyone who may see the
//! source's settings.

mod candidates;
mod contact_field;
mod observed_paths;
mod value_kind;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use leadgate_domain::Region;
use serde_json::{Map, Value};

pub(crate) use value_kind::ValueKind;

/// The rules of a mapping, each with the places that its field may be read from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappingSuggestion {
    bodies: usize,
    rules: Vec<SuggestedRule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SuggestedRule {
    to: &'static str,
    from: Vec<ObservedPath>,
}

/// A place of the bodies and what was seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedPath {
    /// As a mapping names it.
    place: String,
    /// The names on the way to it, without those that only say that a value follows.
    names: Vec<String>,
    /// In which bodies there was a value.
    bodies: BTreeSet<usize>,
    kinds: BTreeMap<ValueKind, usize>,
    /// A value was written as only phones are: with a plus, brackets, spaces or dashes.
    is_formatted: bool,
}

impl MappingSuggestion {
    /// Looks at the members of each body for a contact. `region` reads phones without a country code.
    pub fn of(bodies: &[&Map<String, Value>], region: Option<Region>) -> Self {
        let seen = observed_paths::observed_paths(bodies, region);
        Self { bodies: bodies.len(), rules: candidates::rules(seen) }
    }

    /// How many bodies it was made from.
    pub fn bodies(&self) -> usize {
        self.bodies
    }

    /// Whether a phone or an email was found.
    pub fn has_contact(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.to, "phone" | "email"))
    }
}

/// As a file of TOML that a mapping is read from.
impl fmt::Display for MappingSuggestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bodies, rules } = self;
        writeln!(formatter, "# Proposed from {bodies} bodies. Check each place before you use the file.")?;
        if rules.is_empty() {
            return writeln!(formatter, "# No phone, email or name was recognized.\nrules = []");
        }
        for SuggestedRule { to, from } in rules {
            writeln!(formatter, "\n[[rules]]\nto = {}\nfrom = [", quoted(to))?;
            for seen in from {
                writeln!(formatter, "    {}, # {}", quoted(&seen.place), seen.rule_comment(*bodies))?;
            }
            writeln!(formatter, "]")?;
        }
        Ok(())
    }
}

impl ObservedPath {
    fn rule_comment(&self, bodies: usize) -> String {
        let mut remark = format!("in {} of {bodies} bodies:", self.bodies.len());
        for (position, (kind, count)) in self.kinds.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            let _ = write!(remark, "{comma} {count} {}", kind.name(*count));
        }
        remark
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
