//! Mappings: the rules of a source that translate the field names of a client. They are versioned.
//!
//! A mapping is a list of rules. Each rule sets one field of the native dialect. Values that rules use are
//! removed from the document, and the dialect decodes the rest. A mapping is applied completely or not at
//! all.

mod rule;
mod value_path;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use rule::check_rules;
pub use rule::{FieldRule, MappingFaultCode, SplitRule};
pub(crate) use value_path::unescape_segment;
pub use value_path::{ValuePath, path_segment};

use crate::TextField;

/// The active version of a source's mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveMapping {
    /// Starts at 1 for each source.
    pub version: u32,
    pub mapping: Mapping,
}

/// A rule of a mapping.
pub type MappingRule = FieldRule<MappingTarget>;

/// A list of rules. No two rules set the same field.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "RawMapping")]
pub struct Mapping {
    rules: Vec<MappingRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    rules: Vec<MappingRule>,
}

/// A field of the native dialect: one of its names, or `custom_fields.NAME`, `consent.NAME`,
/// `attribution.NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MappingTarget(String);

const TOP_LEVEL_FIELDS: [&str; 8] =
    ["phone", "phone_country", "email", "tags", "opt_out", "is_test", "automations", "user_assignments"];
const PARENT_FIELDS: [&str; 3] = ["custom_fields", "consent", "attribution"];

impl MappingTarget {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn nested_target(&self) -> Option<(&str, &str)> {
        self.0.split_once('.')
    }
}

impl FromStr for MappingTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_field =
            || TOP_LEVEL_FIELDS.contains(&text) || TextField::ALL.iter().any(|field| field.as_str() == text);
        let is_nested = |(parent, name): (&str, &str)| PARENT_FIELDS.contains(&parent) && !name.is_empty();
        match text.split_once('.').map_or_else(is_field, is_nested) && !text.contains('\0') {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("`{text}` is not a field of the native dialect")),
        }
    }
}

impl AsRef<str> for MappingTarget {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MappingTarget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MappingTarget> for String {
    fn from(target: MappingTarget) -> Self {
        target.0
    }
}

/// Why a mapping cannot be applied to a document. It names the field and never contains a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingFault {
    /// The field that the rule sets.
    pub to: String,
    pub code: MappingFaultCode,
}

impl fmt::Display for MappingFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the mapping failed for `{}`: {}", self.to, self.code.as_str())
    }
}

/// A document after its mapping.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappedDocument {
    /// The values that the rules set, as a document of the native dialect.
    pub native: Map<String, Value>,
    /// The members that no rule used.
    pub rest: Map<String, Value>,
}

impl TryFrom<RawMapping> for Mapping {
    type Error = String;

    fn try_from(RawMapping { rules }: RawMapping) -> Result<Self, String> {
        Self::new(rules)
    }
}

impl Mapping {
    /// # Errors
    /// If two rules set the same field, or a rule is invalid. The text names the rule.
    pub fn new(rules: Vec<MappingRule>) -> Result<Self, String> {
        check_rules(&rules, |to| to == "tags")?;
        Ok(Self { rules })
    }

    /// Checks the syntax of every path. Stored mappings are not checked, so those of earlier builds keep working.
    ///
    /// # Errors
    /// A sentence naming the rule and the path.
    pub fn check_paths(&self) -> Result<(), String> {
        self.rules.iter().try_for_each(FieldRule::check_paths)
    }

    pub fn rules(&self) -> &[MappingRule] {
        &self.rules
    }

    pub fn apply(&self, members: &Map<String, Value>) -> Result<MappedDocument, MappingFault> {
        let (mut native, mut rest) = (Map::new(), members.clone());
        for rule in &self.rules {
            for path in rule.consumed_paths(members) {
                path.remove(&mut rest);
            }
            let Some(value) = rule.value_in(members)? else { continue };
            match rule.to.nested_target() {
                None => {
                    native.insert(rule.to.0.clone(), value);
                }
                Some((parent, name)) => {
                    let parent = native.entry(parent).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(parent) = parent {
                        parent.insert(name.to_owned(), value);
                    }
                }
            }
        }
        Ok(MappedDocument { native, rest })
    }
}

#[cfg(test)]
mod tests;
