//! How the names that a client uses become fields: per source, versioned, applied once.
//!
//! A mapping is a list of rules, each of which fills one field of the native dialect. What rules take is taken out
//! of the document; what is left is read as its dialect reads it. A mapping either applies whole or not at all.

mod value_path;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use value_path::{ValuePath, path_segment};

use crate::TextField;
use crate::submission::validate::MOST_TAGS;

/// As many rules as a document may have keys.
const MOST_RULES: usize = crate::value::json::MAX_KEYS;

/// A mapping in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveMapping {
    /// Counts from 1 within its source.
    pub version: u32,
    pub mapping: Mapping,
}

/// Rules, no two of which fill the same field.
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

/// One rule: `from` (or a `constant`), then `join`, `split`, `values` in this order, fill `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingRule {
    pub to: MappingTarget,
    /// Incoming names, or paths into objects and arrays (RFC 6901, such as `/contact/phones/0`). `[name=email]` in the place
    /// of a position is the first element whose `name` is `email`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<ValuePath>,
    /// Said whatever came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<Value>,
    /// What stands between several incoming values; without it the first that is there is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitRule>,
    /// Incoming text to what it means.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Value>,
    /// What a text that is not among `values` means; without it such a text is a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Value>,
    /// Nothing coming in is a fault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// A part of a text. For `tags`, all parts are taken where no `part` is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitRule {
    pub by: String,
    /// From 0; negative ones count from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<i32>,
}

/// A field of the native dialect: one of its names, or `custom_fields.NAME`, `consent.NAME`, `attribution.NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MappingTarget(String);

const WHOLE: [&str; 8] =
    ["phone", "phone_country", "email", "tags", "opt_out", "is_test", "automations", "user_assignments"];
const INNER: [&str; 3] = ["custom_fields", "consent", "attribution"];

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
        let whole = || WHOLE.contains(&text) || TextField::ALL.iter().any(|field| field.as_str() == text);
        let inner = |(parent, name): (&str, &str)| INNER.contains(&parent) && !name.is_empty();
        match text.split_once('.').map_or_else(whole, inner) && !text.contains('\0') {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("`{text}` is no field that can be filled")),
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

/// Why a mapping cannot be applied to a document. Names the field, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingFault {
    /// The field that was to be filled.
    pub to: String,
    pub code: MappingFaultCode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MappingFaultCode {
    /// Nothing came in that a required field could be filled from.
    Missing,
    /// An object or a list where one value is needed.
    NotOneValue,
    /// The text has no such part.
    NoSuchPart,
    /// The text is not among the known values.
    UnknownValue,
}

impl MappingFaultCode {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for MappingFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` cannot be filled: {}", self.to, self.code.as_str())
    }
}

/// A document after its mapping.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappedDocument {
    /// What the rules filled, as a document of the native dialect.
    pub native: Map<String, Value>,
    /// What no rule took.
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
    /// A sentence naming the rule: two of them for one field, or one that says nothing.
    pub fn new(rules: Vec<MappingRule>) -> Result<Self, String> {
        if rules.len() > MOST_RULES {
            return Err(format!("a mapping has at most {MOST_RULES} rules"));
        }
        let mut filled = BTreeSet::new();
        for rule in &rules {
            let to = rule.to.as_str();
            if !filled.insert(to) {
                return Err(format!("two rules fill `{to}`"));
            }
            if rule.from.is_empty() == rule.constant.is_none() {
                return Err(format!("the rule for `{to}` needs either `from` or `constant`"));
            }
            if rule.from.iter().any(|place| place.0.is_empty()) {
                return Err(format!("the rule for `{to}` takes from a name that is empty"));
            }
            if rule.split.as_ref().is_some_and(|split| split.by.is_empty()) {
                return Err(format!("the rule for `{to}` splits by nothing"));
            }
            let said = rule.constant.iter().chain(rule.values.values()).chain(&rule.otherwise);
            if let Some(code) = said.filter_map(|value| crate::value::json::check(value).err()).next() {
                return Err(format!("the rule for `{to}` says what cannot be kept: {}", code.as_str()));
            }
            let lists = rule.split.as_ref().is_some_and(|split| split.part.is_none());
            if lists && to != "tags" {
                return Err(format!("the rule for `{to}` splits without saying which `part` to take"));
            }
            if rule.otherwise.is_some() && rule.values.is_empty() {
                return Err(format!("the rule for `{to}` has `otherwise` without `values`"));
            }
        }
        Ok(Self { rules })
    }

    /// Whether every path can lead anywhere. A stored mapping is not checked again: one of an earlier build still applies
    /// as far as it did.
    ///
    /// # Errors
    /// A sentence naming the rule and the path.
    pub fn check_paths(&self) -> Result<(), String> {
        let mut places = self.rules.iter().flat_map(|rule| rule.from.iter().map(move |place| (rule, place)));
        places.try_for_each(|(rule, place)| {
            let wrong = |why| format!("the rule for `{}` takes from `{}`: {why}", rule.to.as_str(), place.0);
            place.check().map_err(wrong)
        })
    }

    pub fn rules(&self) -> &[MappingRule] {
        &self.rules
    }

    pub fn apply(&self, members: &Map<String, Value>) -> Result<MappedDocument, MappingFault> {
        let (mut native, mut rest) = (Map::new(), members.clone());
        for rule in &self.rules {
            for place in rule.consumed_paths(members) {
                place.remove(&mut rest);
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
    /// The places whose values end up in the field; the others stay what they are.
    fn consumed_paths<'r>(&'r self, members: &Map<String, Value>) -> impl Iterator<Item = &'r ValuePath> {
        let said = |place: &&ValuePath| place.find(members).is_some_and(|value| has_value(&value));
        let chosen = self.from.iter().position(|place| said(&place)).unwrap_or(0);
        let every = self.join.is_some();
        let taken = move |position: usize| every || position == chosen;
        self.from.iter().enumerate().filter(move |(position, _)| taken(*position)).map(|(_, place)| place)
    }

    /// `None` where nothing came in; a null that came in is said.
    fn evaluate(&self, members: &Map<String, Value>) -> Result<Option<Value>, MappingFaultCode> {
        if let Some(constant) = &self.constant {
            return Ok(Some(constant.clone()));
        }
        let found: Vec<Cow<'_, Value>> = self.from.iter().filter_map(|place| place.find(members)).collect();
        let found: Vec<&Value> = found.iter().map(AsRef::as_ref).collect();
        if self.required && !found.iter().any(|value| has_value(value)) {
            return Err(MappingFaultCode::Missing);
        }
        let value = match &self.join {
            Some(between) => join(&found, between)?,
            None => found.iter().find(|value| has_value(value)).or(found.first()).map(|v| (*v).clone()),
        };
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok((!found.is_empty()).then_some(Value::Null));
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
            let said = parts.into_iter().filter(|part| !part.is_empty()).take(MOST_TAGS + 1);
            return Ok(said.map(Value::from).collect());
        };
        let place = usize::try_from(part).ok().or_else(|| {
            let back = usize::try_from(part.unsigned_abs()).ok()?;
            parts.len().checked_sub(back)
        });
        let part = place.and_then(|place| parts.get(place)).ok_or(MappingFaultCode::NoSuchPart)?;
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

fn join(found: &[&Value], between: &str) -> Result<Option<Value>, MappingFaultCode> {
    let said = found.iter().filter(|value| has_value(value));
    let parts = said.map(|value| text(value).map(|text| text.trim().to_owned()));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    Ok((!parts.is_empty()).then(|| Value::from(parts.join(between))))
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
