//! Reads single values: texts, flags, regions, tags.

use leadgate_domain::json::has_content;
use leadgate_domain::validate::{self, FieldFault, MAX_TAG_LENGTH, MAX_TAGS};
use leadgate_domain::{Patch, Region, Repair, may_lack_plus};
use serde_json::Value;

use super::{FieldReader, InputMember};

/// Ok if the value is valid for its slot, otherwise its faults.
pub(super) type SlotResult<T = ()> = Result<T, Vec<FieldFault>>;

/// Reads a value that is not null. The error is the expected type.
pub(super) type ReadText = fn(&Value) -> Result<String, &'static str>;

pub(super) fn read_text(value: &Value) -> Result<String, &'static str> {
    value.as_str().map(str::to_owned).ok_or("a string")
}

/// Reads a text or an integer, because CRMs send ids as numbers. A number with a fraction or an exponent is
/// refused: it has lost digits.
pub(super) fn read_text_or_integer(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Number(number) if number.is_u64() || number.is_i64() => Ok(number.to_string()),
        other => read_text(other).map_err(|_| "a string or an integer"),
    }
}

/// Reads a phone, which may be a number. Spreadsheets convert numbers to decimals, so a decimal without a
/// fraction is accepted. A negative number is refused, and so is a decimal that ends with three zeros: an
/// exponent may have replaced its last digits.
pub(super) fn read_phone(value: &Value) -> Result<String, &'static str> {
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
        other => read_text_or_integer(other),
    }
}

/// Reads a time, which may be a number, with or without a fraction of a second.
pub(super) fn read_text_or_number(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        other => read_text(other).map_err(|_| "a string or a number"),
    }
}

/// The value of the primary object, or of the first object with a value.
fn primary_value(items: &[Value]) -> Option<&Value> {
    let has_value = |item: &'_ Value| item.get("value").filter(|value| has_content(value)).is_some();
    let is_primary =
        |item: &&Value| item.get("primary").and_then(parse_flag_word) == Some(true) && has_value(item);
    items.iter().find(is_primary).or_else(|| items.iter().find(|item| has_value(item)))?.get("value")
}

/// Whether a value contains a text that forbids calls, at any depth: `415-555-0132 (do not call)`.
pub(super) fn forbids_calls(value: &Value) -> bool {
    match value {
        Value::String(text) => leadgate_domain::forbids_calls(text),
        Value::Array(items) => items.iter().any(forbids_calls),
        Value::Object(members) => members.values().any(forbids_calls),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) fn to_patch(value: &Value) -> Patch<Value> {
    if value.is_null() { Patch::Null } else { Patch::Value(value.clone()) }
}

pub(super) fn wrong_type(pointer: impl Into<String>, expected: &str) -> FieldFault {
    FieldFault::new(pointer, "wrong_type", format!("{expected} is expected"))
}

pub(super) fn wrong_value<T>(member: &InputMember<'_>, expected: &str) -> SlotResult<T> {
    Err(vec![wrong_type(validate::pointer(member.name), expected)])
}

/// Reads a flag, also from the words that forms use because they cannot send a boolean.
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
    /// Reads one text. If a form has several values, the first one with content is used, and all are
    /// stored as a custom field.
    pub(super) fn read_text_patch(
        &mut self,
        member: &InputMember<'d>,
        invalid_is_fault: bool,
        max_length: usize,
        read: ReadText,
    ) -> SlotResult<Patch<String>> {
        let value = match member.value {
            Value::Null => return Ok(Patch::Null),
            // CRMs send lists of phones and emails: `[{"value": "…", "primary": true}]`.
            Value::Array(items) if primary_value(items).is_some() => {
                self.add_custom_field(member.name, member.value);
                primary_value(items).unwrap_or(member.value)
            }
            Value::Object(members) if members.get("value").is_some_and(has_content) => {
                self.add_custom_field(member.name, member.value);
                members.get("value").unwrap_or(member.value)
            }
            Value::Array(items) if !self.has_json_types => {
                let first = items.iter().find(|item| has_content(item)).unwrap_or(member.value);
                if items.iter().any(|item| item != first && has_content(item)) {
                    self.add_custom_field(member.name, member.value);
                }
                first
            }
            value => value,
        };
        let text = read(value).or_else(|expected| wrong_value(member, expected))?;
        // The validator reports a long value under a documented name.
        if !invalid_is_fault && validate::is_longer(&text, max_length) {
            return wrong_value(member, "a shorter text");
        }
        Ok(Patch::Value(text))
    }

    /// Restores the plus sign of a phone that form decoding turned into a space.
    pub(super) fn restore_plus(&mut self, phone: Patch<String>) -> Patch<String> {
        let Patch::Value(text) = &phone else { return phone };
        if !(self.plus_is_space && may_lack_plus(text)) {
            return phone;
        }
        self.fields.repairs.insert(Repair::LostPlus.as_str().to_owned());
        Patch::Value(format!("+{}", text.trim_start()))
    }

    pub(super) fn read_phone_country(&mut self, member: &InputMember<'d>) -> SlotResult {
        let Patch::Value(code) = self.read_text_patch(member, true, 0, read_text)? else { return Ok(()) };
        match code.parse::<Region>() {
            Ok(region) => self.fields.phone_country = Some(region),
            // A form sends an empty text if no region was selected.
            Err(_) if code.trim().is_empty() => {}
            Err(detail) => {
                return Err(vec![FieldFault::new(validate::pointer(member.name), "unknown_region", detail)]);
            }
        }
        Ok(())
    }

    /// Reads a list of texts, or a text with comma-separated tags.
    pub(super) fn read_tags(&mut self, member: &InputMember<'d>, invalid_is_fault: bool) -> SlotResult {
        let items = match member.value {
            Value::Null => return Ok(()),
            Value::Array(items) if self.has_json_types => items.clone(),
            Value::Array(items) => items.iter().filter(|item| has_content(item)).cloned().collect(),
            Value::String(text) if !self.requires_json_types() => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(Value::from).collect()
            }
            _ => return wrong_value(member, "an array of strings"),
        };
        let mut tags = Vec::new();
        let mut faults = Vec::new();
        // One more than the limit, so that the validator reports the list as too long.
        for (position, item) in items.iter().enumerate().take(MAX_TAGS + 1) {
            match read_text(item) {
                Ok(tag) => tags.push(tag),
                Err(expected) => faults
                    .push(wrong_type(format!("{}/{position}", validate::pointer(member.name)), expected)),
            }
        }
        let too_many = self.fields.tags.len() + tags.len() > MAX_TAGS;
        let too_long = tags.iter().any(|tag| validate::is_longer(tag, MAX_TAG_LENGTH));
        if !invalid_is_fault && (too_many || too_long) {
            return wrong_value(member, "a shorter list");
        }
        if invalid_is_fault || faults.is_empty() {
            self.fields.tags.extend(tags);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    pub(super) fn read_flag(&self, member: &InputMember<'d>) -> SlotResult<bool> {
        let flag = match member.value {
            Value::Null => Some(false),
            Value::Bool(flag) => Some(*flag),
            // Forms send a checkbox together with a hidden field whose value is no.
            Value::Array(items) if !self.has_json_types => {
                let words: Option<Vec<bool>> = items.iter().map(parse_flag_word).collect();
                words.map(|words| words.contains(&true))
            }
            value if !self.requires_json_types() => parse_flag_word(value),
            _ => None,
        };
        flag.map_or_else(|| wrong_value(member, "true or false"), Ok)
    }

    /// Reads an opt-out. Another member cannot revoke it. A text that is not a clear no counts as an opt-out,
    /// unless the name is documented and the text is a fault: a person who may have opted out must not be
    /// called.
    pub(super) fn read_opt_out(&mut self, member: &InputMember<'d>, invalid_is_fault: bool) -> SlotResult {
        let flag = self.read_flag(member);
        let may_be_yes =
            || !invalid_is_fault && has_content(member.value) && parse_flag_word(member.value) != Some(false);
        self.fields.opt_out |= flag.as_ref().map_or_else(|_| may_be_yes(), |flag| *flag);
        flag.map(|_| ())
    }

    /// Whether values must have their JSON types.
    fn requires_json_types(&self) -> bool {
        self.has_json_types && self.index.rules.requires_json_types
    }
}
