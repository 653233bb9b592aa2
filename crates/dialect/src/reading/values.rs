//! Single values: texts, flags, regions, tags.

use leadgate_domain::json::says_something;
use leadgate_domain::validate::{self, FieldFault, LONGEST_TAG, MOST_TAGS};
use leadgate_domain::{Region, Repair, Said, may_have_lost_plus};
use serde_json::Value;

use super::{Found, Reading};

/// Whether a value fitted its slot, or what was wrong with it.
pub(super) type Taken<T = ()> = Result<T, Vec<FieldFault>>;

/// Reads a value that is not null, or says what was expected.
pub(super) type Read = fn(&Value) -> Result<String, &'static str>;

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
    let value = |item: &'_ Value| item.get("value").filter(|value| says_something(value)).is_some();
    let primary = |item: &&Value| item.get("primary").and_then(word) == Some(true) && value(item);
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

pub(super) fn anything(value: &Value) -> Said<Value> {
    if value.is_null() { Said::Null } else { Said::Value(value.clone()) }
}

pub(super) fn wrong_type(pointer: impl Into<String>, expected: &str) -> FieldFault {
    FieldFault::new(pointer, "wrong_type", format!("{expected} is expected"))
}

pub(super) fn unfit<T>(one: &Found<'_>, expected: &str) -> Taken<T> {
    Err(vec![wrong_type(validate::pointer(one.name), expected)])
}

/// The words of forms, where no boolean can be sent.
pub(super) fn word(value: &Value) -> Option<bool> {
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

impl<'d> Reading<'d> {
    /// One text. Of a form's several the first that says something is taken, and all are kept beside it.
    pub(super) fn said(
        &mut self,
        one: &Found<'d>,
        firm: bool,
        longest: usize,
        read: Read,
    ) -> Taken<Said<String>> {
        let value = match one.value {
            Value::Null => return Ok(Said::Null),
            // CRMs have several of each: `[{"value": "…", "primary": true}]`. All are kept beside the one.
            Value::Array(items) if first_of_objects(items).is_some() => {
                self.keep(one.name, one.value);
                first_of_objects(items).unwrap_or(one.value)
            }
            Value::Object(members) if members.get("value").is_some_and(says_something) => {
                self.keep(one.name, one.value);
                members.get("value").unwrap_or(one.value)
            }
            Value::Array(items) if !self.typed => {
                let first = items.iter().find(|item| says_something(item)).unwrap_or(one.value);
                if items.iter().any(|item| item != first && says_something(item)) {
                    self.keep(one.name, one.value);
                }
                first
            }
            value => value,
        };
        let text = read(value).or_else(|expected| unfit(one, expected))?;
        // The validator names what is too long under a documented name.
        if !firm && text.chars().nth(longest).is_some() {
            return unfit(one, "a shorter text");
        }
        Ok(Said::Value(text))
    }

    /// A plus sign at the start of a phone, which came as a space.
    pub(super) fn with_plus(&mut self, phone: Said<String>) -> Said<String> {
        let Said::Value(text) = &phone else { return phone };
        if !(self.plus_is_space && may_have_lost_plus(text)) {
            return phone;
        }
        self.fields.repairs.insert(Repair::LostPlus.as_str().to_owned());
        Said::Value(format!("+{}", text.trim_start()))
    }

    pub(super) fn region(&mut self, one: &Found<'d>) -> Taken {
        let Said::Value(code) = self.said(one, true, 0, text)? else { return Ok(()) };
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
    pub(super) fn tags(&mut self, one: &Found<'d>, firm: bool) -> Taken {
        let items = match one.value {
            Value::Null => return Ok(()),
            Value::Array(items) if self.typed => items.clone(),
            Value::Array(items) => items.iter().filter(|item| says_something(item)).cloned().collect(),
            Value::String(text) if !self.exacting() => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(Value::from).collect()
            }
            _ => return unfit(one, "an array of strings"),
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
            return unfit(one, "a shorter list");
        }
        if firm || faults.is_empty() {
            self.fields.tags.extend(tags);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    pub(super) fn flag(&self, one: &Found<'d>) -> Taken<bool> {
        let flag = match one.value {
            Value::Null => Some(false),
            Value::Bool(flag) => Some(*flag),
            // A form's checkbox comes with a hidden field that says no.
            Value::Array(items) if !self.typed => {
                let words: Option<Vec<bool>> = items.iter().map(word).collect();
                words.map(|words| words.contains(&true))
            }
            value if !self.exacting() => word(value),
            _ => None,
        };
        flag.map_or_else(|| unfit(one, "true or false"), Ok)
    }

    /// Once said, never taken back. Words that are no clear no count as a yes where they are not refused: who
    /// may have opted out is not called.
    pub(super) fn opt_out(&mut self, one: &Found<'d>, firm: bool) -> Taken {
        let flag = self.flag(one);
        let unclear = || !firm && says_something(one.value) && word(one.value) != Some(false);
        self.fields.opt_out |= flag.as_ref().map_or_else(|_| unclear(), |flag| *flag);
        flag.map(|_| ())
    }

    /// Whether values have to have their JSON types.
    fn exacting(&self) -> bool {
        self.typed && self.index.grammar.strict
    }
}
