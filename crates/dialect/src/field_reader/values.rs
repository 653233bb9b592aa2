//! Single values: texts, flags, regions, tags.

use leadgate_domain::json::has_content;
use leadgate_domain::validate::{self, FieldFault, LONGEST_TAG, MOST_TAGS};
use leadgate_domain::{Patch, Region, Repair, may_lack_plus};
use serde_json::Value;

use super::{FieldReader, InputMember};

/// Whether a value fitted its slot, or what was wrong with it.
pub(super) type SlotResult<T = ()> = Result<T, Vec<FieldFault>>;

/// Reads a value that is not null, or says what was expected.
pub(super) type ReadText = fn(&Value) -> Result<String, &'static str>;

pub(super) fn text(value: &Value) -> Result<String, &'static str> {
    value.as_str().map(str::to_owned).ok_or("a string")
}

/// CRMs send phones and ids as numbers. A fraction or an exponent has lost digits already.
pub(super) fn text_or_integer(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Number(number) if number.is_u64() || number.is_i64() => Ok(number.to_string()),
        other => text(other).map_err(|_| "a string or an integer"),
    }
}

/// The same of a phone. Spreadsheets make decimals of numbers; a fraction is no phone. Zeros at the end may be digits that an
/// exponent has lost, and nobody has a negative number.
pub(super) fn phone(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        Value::Number(number)
            if number
                .as_f64()
                .is_some_and(|number| number > 0.0 && number % 1_000.0 != 0.0 && number.fract() == 0.0) =>
        {
            Ok(number.to_string())
        }
        Value::Number(_) => Err("a string or an integer"),
        other => text_or_integer(other),
    }
}

/// Times come as numbers, with a fraction of a second or without.
pub(super) fn text_or_number(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        other => text(other).map_err(|_| "a string or a number"),
    }
}

/// The value of the object that says it is the primary one, else of the first that has one.
fn first_of_objects(items: &[Value]) -> Option<&Value> {
    let value = |item: &'_ Value| item.get("value").filter(|value| has_content(value)).is_some();
    let primary = |item: &&Value| item.get("primary").and_then(parse_flag_word) == Some(true) && value(item);
    items.iter().find(primary).or_else(|| items.iter().find(|item| value(item)))?.get("value")
}

/// Whether a text says not to call, at whatever depth: `415-555-0132 (do not call)`.
pub(super) fn forbids_calls(value: &Value) -> bool {
    match value {
        Value::String(text) => leadgate_domain::forbids_calls(text),
        Value::Array(items) => items.iter().any(forbids_calls),
        Value::Object(members) => members.values().any(forbids_calls),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) fn any_value(value: &Value) -> Patch<Value> {
    if value.is_null() { Patch::Null } else { Patch::Value(value.clone()) }
}

pub(super) fn wrong_type(pointer: impl Into<String>, expected: &str) -> FieldFault {
    FieldFault::new(pointer, "wrong_type", format!("{expected} is expected"))
}

pub(super) fn wrong_value<T>(one: &InputMember<'_>, expected: &str) -> SlotResult<T> {
    Err(vec![wrong_type(validate::pointer(one.name), expected)])
}

/// The words of forms, where no boolean can be sent.
pub(super) fn parse_flag_word(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "y" | "on" => Some(true),
            "false" | "0" | "no" | "n" | "off" | "" => Some(false),
            "declined" | "refused" | "denied" | "disagree" | "opted out" | "unchecked" | "nein" | "non" => {
                Some(false)
            }
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl<'d> FieldReader<'d> {
    /// One text. Of a form's several the first that says something is taken, and all are kept beside it.
    pub(super) fn text_patch(
        &mut self,
        one: &InputMember<'d>,
        firm: bool,
        longest: usize,
        read: ReadText,
    ) -> SlotResult<Patch<String>> {
        let value = match one.value {
            Value::Null => return Ok(Patch::Null),
            // CRMs have several of each: `[{"value": "…", "primary": true}]`. All are kept beside the one.
            Value::Array(items) if first_of_objects(items).is_some() => {
                self.add_custom_field(one.name, one.value);
                first_of_objects(items).unwrap_or(one.value)
            }
            Value::Object(members) if members.get("value").is_some_and(has_content) => {
                self.add_custom_field(one.name, one.value);
                members.get("value").unwrap_or(one.value)
            }
            Value::Array(items) if !self.typed => {
                let first = items.iter().find(|item| has_content(item)).unwrap_or(one.value);
                if items.iter().any(|item| item != first && has_content(item)) {
                    self.add_custom_field(one.name, one.value);
                }
                first
            }
            value => value,
        };
        let text = read(value).or_else(|expected| wrong_value(one, expected))?;
        // The validator names what is too long under a documented name.
        if !firm && text.chars().nth(longest).is_some() {
            return wrong_value(one, "a shorter text");
        }
        Ok(Patch::Value(text))
    }

    /// A plus sign at the start of a phone, which came as a space.
    pub(super) fn with_plus(&mut self, phone: Patch<String>) -> Patch<String> {
        let Patch::Value(text) = &phone else { return phone };
        if !(self.plus_is_space && may_lack_plus(text)) {
            return phone;
        }
        self.fields.repairs.insert(Repair::LostPlus.as_str().to_owned());
        Patch::Value(format!("+{}", text.trim_start()))
    }

    pub(super) fn region(&mut self, one: &InputMember<'d>) -> SlotResult {
        let Patch::Value(code) = self.text_patch(one, true, 0, text)? else { return Ok(()) };
        match code.parse::<Region>() {
            Ok(region) => self.fields.phone_country = Some(region),
            // What a form sends when nothing was chosen.
            Err(_) if code.trim().is_empty() => {}
            Err(detail) => {
                return Err(vec![FieldFault::new(validate::pointer(one.name), "unknown_region", detail)]);
            }
        }
        Ok(())
    }

    /// A list of texts, or a text with commas between them.
    pub(super) fn tags(&mut self, one: &InputMember<'d>, firm: bool) -> SlotResult {
        let items = match one.value {
            Value::Null => return Ok(()),
            Value::Array(items) if self.typed => items.clone(),
            Value::Array(items) => items.iter().filter(|item| has_content(item)).cloned().collect(),
            Value::String(text) if !self.requires_json_types() => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(Value::from).collect()
            }
            _ => return wrong_value(one, "an array of strings"),
        };
        let mut tags = Vec::new();
        let mut faults = Vec::new();
        // One more than is taken, so that the validator notices.
        for (position, item) in items.iter().enumerate().take(MOST_TAGS + 1) {
            match text(item) {
                Ok(tag) => tags.push(tag),
                Err(expected) => {
                    faults.push(wrong_type(format!("{}/{position}", validate::pointer(one.name)), expected))
                }
            }
        }
        let many = self.fields.tags.len() + tags.len() > MOST_TAGS;
        let long = tags.iter().any(|tag| tag.chars().nth(LONGEST_TAG).is_some());
        if !firm && (many || long) {
            return wrong_value(one, "a shorter list");
        }
        if firm || faults.is_empty() {
            self.fields.tags.extend(tags);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    pub(super) fn flag(&self, one: &InputMember<'d>) -> SlotResult<bool> {
        let flag = match one.value {
            Value::Null => Some(false),
            Value::Bool(flag) => Some(*flag),
            // A form's checkbox comes with a hidden field that says no.
            Value::Array(items) if !self.typed => {
                let words: Option<Vec<bool>> = items.iter().map(parse_flag_word).collect();
                words.map(|words| words.contains(&true))
            }
            value if !self.requires_json_types() => parse_flag_word(value),
            _ => None,
        };
        flag.map_or_else(|| wrong_value(one, "true or false"), Ok)
    }

    /// Once said, never taken back. Words that are no clear no count as a yes where they are not refused: who
    /// may have opted out is not called.
    pub(super) fn opt_out(&mut self, one: &InputMember<'d>, firm: bool) -> SlotResult {
        let flag = self.flag(one);
        let unclear = || !firm && has_content(one.value) && parse_flag_word(one.value) != Some(false);
        self.fields.opt_out |= flag.as_ref().map_or_else(|_| unclear(), |flag| *flag);
        flag.map(|_| ())
    }

    /// Whether values have to have their JSON types.
    fn requires_json_types(&self) -> bool {
        self.typed && self.index.grammar.strict
    }
}
