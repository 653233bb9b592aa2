//! Suggests a mapping from received bodies, for review by an operator.
//!
//! A suggestion contains paths and kinds of values, but no values. It may be shown to every user who may see
//! the settings of the source.

mod candidates;
mod contact_field;
mod observed_paths;
mod value_kind;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use leadgate_domain::Region;
use serde_json::{Map, Value};

pub(crate) use value_kind::ValueKind;

/// The rules of a mapping, each with the paths from which its field can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappingSuggestion {
    body_count: usize,
    rules: Vec<SuggestedRule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SuggestedRule {
    to: &'static str,
    from: Vec<ObservedPath>,
}

/// A path in the bodies, and which kinds of values were found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedPath {
    /// In the syntax of a mapping.
    path: String,
    /// The names in the path, without generic names such as `value`.
    names: Vec<String>,
    /// The indexes of the bodies with a value at this path.
    body_indexes: BTreeSet<usize>,
    kinds: BTreeMap<ValueKind, usize>,
    /// Whether a value was formatted like a phone: with a plus, brackets, spaces or dashes.
    has_phone_format: bool,
}

impl MappingSuggestion {
    /// Searches each body for contact fields. `region` is used for phones without a country code.
    pub fn from_bodies(bodies: &[&Map<String, Value>], region: Option<Region>) -> Self {
        let observed = observed_paths::collect_paths(bodies, region);
        Self { body_count: bodies.len(), rules: candidates::suggest_rules(observed) }
    }

    /// The number of bodies from which the suggestion was made.
    pub fn body_count(&self) -> usize {
        self.body_count
    }

    /// Whether a path to a phone or an email was found.
    pub fn has_contact(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.to, "phone" | "email"))
    }
}

/// Writes a TOML file that can be used as a mapping.
impl fmt::Display for MappingSuggestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { body_count, rules } = self;
        writeln!(
            formatter,
            "# Suggested from {body_count} bodies. Check each path before you use the file."
        )?;
        if rules.is_empty() {
            return writeln!(formatter, "# No phone, email or name was recognized.\nrules = []");
        }
        for SuggestedRule { to, from } in rules {
            writeln!(formatter, "\n[[rules]]\nto = {}\nfrom = [", quoted(to))?;
            for observed in from {
                writeln!(
                    formatter,
                    "    {}, # {}",
                    quoted(&observed.path),
                    observed.rule_comment(*body_count)
                )?;
            }
            writeln!(formatter, "]")?;
        }
        Ok(())
    }
}

impl ObservedPath {
    fn rule_comment(&self, body_count: usize) -> String {
        let mut comment = format!("in {} of {body_count} bodies:", self.body_indexes.len());
        for (position, (kind, count)) in self.kinds.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            let _ = write!(comment, "{comma} {count} {}", kind.name(*count));
        }
        comment
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
