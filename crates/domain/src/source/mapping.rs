//! Mappings: the rules of a source that translate the field names of a client. They are versioned.
//!
//! A mapping is a list of rules. Each rule sets one field of the native dialect. Values that rules use are
//! removed from the document, and the dialect decodes the rest. A mapping is applied completely or not at
//! all.

mod value_path;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use value_path::{ValuePath, path_segment};

use crate::TextField;
use crate::submission::validate::MAX_TAGS;

/// The maximum number of rules equals the maximum number of keys in a document.
const MAX_RULES: usize = crate::value::json::MAX_KEYS;

/// The active version of a source's mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveMapping {
    /// Starts at 1 for each source.
    pub version: u32,
    pub mapping: Mapping,
}

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

/// One rule. It evaluates `from` (or `constant`), `join`, `split` and `values` in this order, and sets `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingRule {
    pub to: MappingTarget,
    /// Submitted names, or paths into objects and arrays (RFC 6901, such as `/contact/phones/0`).
    /// `[name=email]` instead of an index selects the first element whose `name` is `email`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<ValuePath>,
    /// A value that does not depend on the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<Value>,
    /// The separator between the values of `from`. Without it only the first present value is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitRule>,
    /// Replacement values by submitted text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Value>,
    /// The replacement for texts that are not in `values`. Without it such a text is a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Value>,
    /// A missing value is a fault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// Selects a part of a text. For `tags`, all parts are used if `part` is not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitRule {
    pub by: String,
    /// The index from 0. Negative indexes count from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<i32>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MappingFaultCode {
    /// No value was submitted for a required field.
    Missing,
    /// The value is an object or a list, and a single value is expected.
    NotOneValue,
    /// The text has no part with that index.
    NoSuchPart,
    /// The text is not in `values`.
    UnknownValue,
}

impl MappingFaultCode {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
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
        if rules.len() > MAX_RULES {
            return Err(format!("a mapping has at most {MAX_RULES} rules"));
        }
        let mut filled = BTreeSet::new();
        for rule in &rules {
            let to = rule.to.as_str();
            if !filled.insert(to) {
                return Err(format!("two rules set `{to}`"));
            }
            if rule.from.is_empty() == rule.constant.is_none() {
                return Err(format!("the rule for `{to}` needs either `from` or `constant`"));
            }
            if rule.from.iter().any(|path| path.0.is_empty()) {
                return Err(format!("the rule for `{to}` has an empty name in `from`"));
            }
            if rule.split.as_ref().is_some_and(|split| split.by.is_empty()) {
                return Err(format!("the rule for `{to}` has an empty separator in `split`"));
            }
            let values = rule.constant.iter().chain(rule.values.values()).chain(&rule.otherwise);
            if let Some(code) = values.filter_map(|value| crate::value::json::check(value).err()).next() {
                return Err(format!(
                    "the rule for `{to}` contains a value that cannot be stored: {}",
                    code.as_str()
                ));
            }
            let is_list = rule.split.as_ref().is_some_and(|split| split.part.is_none());
            if is_list && to != "tags" {
                return Err(format!("the rule for `{to}` needs `part` in `split`"));
            }
            if rule.otherwise.is_some() && rule.values.is_empty() {
                return Err(format!("the rule for `{to}` has `otherwise` without `values`"));
            }
        }
        Ok(Self { rules })
    }

    /// Checks the syntax of every path. Stored mappings are not checked, so those of earlier builds keep working.
    ///
    /// # Errors
    /// A sentence naming the rule and the path.
    pub fn check_paths(&self) -> Result<(), String> {
        let mut places = self.rules.iter().flat_map(|rule| rule.from.iter().map(move |place| (rule, place)));
        places.try_for_each(|(rule, place)| {
            let wrong = |why| format!("the rule for `{}` reads `{}`: {why}", rule.to.as_str(), place.0);
            place.check().map_err(wrong)
        })
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
            let value =
                rule.evaluate(members).map_err(|code| MappingFault { to: rule.to.clone().into(), code })?;
            let Some(value) = value else { continue };
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

impl MappingRule {
    /// The paths whose values are used for the field. Values at the other paths stay in the document.
    fn consumed_paths<'r>(&'r self, members: &Map<String, Value>) -> impl Iterator<Item = &'r ValuePath> {
        let is_present = |path: &&ValuePath| path.find(members).is_some_and(|value| has_value(&value));
        let first = self.from.iter().position(|path| is_present(&path)).unwrap_or(0);
        let uses_all = self.join.is_some();
        let is_used = move |position: usize| uses_all || position == first;
        self.from.iter().enumerate().filter(move |(position, _)| is_used(*position)).map(|(_, path)| path)
    }

    /// `None` if no value was submitted. A submitted null results in a null.
    fn evaluate(&self, members: &Map<String, Value>) -> Result<Option<Value>, MappingFaultCode> {
        if let Some(constant) = &self.constant {
            return Ok(Some(constant.clone()));
        }
        let values: Vec<Cow<'_, Value>> = self.from.iter().filter_map(|path| path.find(members)).collect();
        let values: Vec<&Value> = values.iter().map(AsRef::as_ref).collect();
        if self.required && !values.iter().any(|value| has_value(value)) {
            return Err(MappingFaultCode::Missing);
        }
        let value = match &self.join {
            Some(separator) => join(&values, separator)?,
            None => values.iter().find(|value| has_value(value)).or(values.first()).map(|v| (*v).clone()),
        };
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok((!values.is_empty()).then_some(Value::Null));
        };
        let value = match &self.split {
            Some(split) => split.apply(&value)?,
            None => value,
        };
        self.translate(value).map(Some)
    }

    fn translate(&self, value: Value) -> Result<Value, MappingFaultCode> {
        if self.values.is_empty() {
            return Ok(value);
        }
        let known = self.values.get(text(&value)?.trim()).or(self.otherwise.as_ref());
        known.cloned().ok_or(MappingFaultCode::UnknownValue)
    }
}

impl SplitRule {
    fn apply(&self, value: &Value) -> Result<Value, MappingFaultCode> {
        let text = text(value)?;
        let parts: Vec<&str> = text.split(&self.by).map(str::trim).collect();
        let Some(part) = self.part else {
            let parts = parts.into_iter().filter(|part| !part.is_empty()).take(MAX_TAGS + 1);
            return Ok(parts.map(Value::from).collect());
        };
        let index = usize::try_from(part).ok().or_else(|| {
            let from_end = usize::try_from(part.unsigned_abs()).ok()?;
            parts.len().checked_sub(from_end)
        });
        let part = index.and_then(|index| parts.get(index)).ok_or(MappingFaultCode::NoSuchPart)?;
        Ok(Value::from(*part))
    }
}

fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
    }
}

fn join(values: &[&Value], separator: &str) -> Result<Option<Value>, MappingFaultCode> {
    let present = values.iter().filter(|value| has_value(value));
    let parts = present.map(|value| text(value).map(|text| text.trim().to_owned()));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    Ok((!parts.is_empty()).then(|| Value::from(parts.join(separator))))
}

fn text(value: &Value) -> Result<String, MappingFaultCode> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(MappingFaultCode::NotOneValue),
    }
}

#[cfg(test)]
mod tests;
