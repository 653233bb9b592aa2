//! One rule of a mapping or of a request template: which value a field gets.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{MappingFault, ValuePath};
use crate::submission::validate::MAX_TAGS;

/// The maximum number of rules equals the maximum number of keys in a document.
const MAX_RULES: usize = crate::value::json::MAX_KEYS;

/// One rule. It evaluates `from` (or `constant`), `join`, `split` and `values` in this order, and sets `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldRule<T> {
    /// The field that it sets.
    pub to: T,
    /// Names in the document, or paths into objects and arrays (RFC 6901, such as `/contact/phones/0`).
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
    /// Replacement values by text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Value>,
    /// The replacement for texts that are not in `values`. Without it such a text is a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Value>,
    /// A missing value is a fault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// Selects a part of a text. A field that takes a list gets all parts if `part` is not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitRule {
    pub by: String,
    /// The index from 0. Negative indexes count from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<i32>,
}

/// Why a rule cannot be applied to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MappingFaultCode {
    /// A required field has no value.
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

/// Checks rules together. `takes_list` says which fields take a list.
///
/// # Errors
/// If two rules set the same field, or a rule is invalid. The text names the rule.
pub(crate) fn check_rules<T: AsRef<str>>(
    rules: &[FieldRule<T>],
    takes_list: impl Fn(&str) -> bool,
) -> Result<(), String> {
    if rules.len() > MAX_RULES {
        return Err(format!("there are at most {MAX_RULES} rules"));
    }
    let mut filled = BTreeSet::new();
    for rule in rules {
        let to = rule.to.as_ref();
        if !filled.insert(to) {
            return Err(format!("two rules set `{to}`"));
        }
        rule.check(takes_list(to)).map_err(|what| format!("the rule for `{to}` {what}"))?;
    }
    Ok(())
}

impl<T: AsRef<str>> FieldRule<T> {
    fn check(&self, takes_list: bool) -> Result<(), String> {
        let fault = |text: &str| Err(text.to_owned());
        if self.from.is_empty() == self.constant.is_none() {
            return fault("needs either `from` or `constant`");
        }
        if self.from.iter().any(|path| path.0.is_empty()) {
            return fault("has an empty name in `from`");
        }
        if self.split.as_ref().is_some_and(|split| split.by.is_empty()) {
            return fault("has an empty separator in `split`");
        }
        let values = self.constant.iter().chain(self.values.values()).chain(&self.otherwise);
        if let Some(code) = values.filter_map(|value| crate::value::json::check(value).err()).next() {
            return Err(format!("contains a value that cannot be stored: {}", code.as_str()));
        }
        if self.split.as_ref().is_some_and(|split| split.part.is_none()) && !takes_list {
            return fault("needs `part` in `split`");
        }
        if self.otherwise.is_some() && self.values.is_empty() {
            return fault("has `otherwise` without `values`");
        }
        Ok(())
    }

    /// Checks the syntax of every path.
    ///
    /// # Errors
    /// A sentence naming the rule and the path.
    pub(crate) fn check_paths(&self) -> Result<(), String> {
        let to = self.to.as_ref();
        self.from.iter().try_for_each(|path| {
            path.check().map_err(|why| format!("the rule for `{to}` reads `{}`: {why}", path.0))
        })
    }

    /// The value for the field. `None` if the document has none, and a null if the document has a null.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn value_in(&self, members: &Map<String, Value>) -> Result<Option<Value>, MappingFault> {
        let fault = |code| MappingFault { to: self.to.as_ref().to_owned(), code };
        self.evaluate(members).map_err(fault)
    }

    /// The paths whose values are used for the field. Values at the other paths stay in the document.
    pub(super) fn consumed_paths<'r>(
        &'r self,
        members: &Map<String, Value>,
    ) -> impl Iterator<Item = &'r ValuePath> {
        let is_present = |path: &&ValuePath| path.find(members).is_some_and(|value| has_value(&value));
        let first = self.from.iter().position(|path| is_present(&path)).unwrap_or(0);
        let uses_all = self.join.is_some();
        let is_used = move |position: usize| uses_all || position == first;
        self.from.iter().enumerate().filter(move |(position, _)| is_used(*position)).map(|(_, path)| path)
    }

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
