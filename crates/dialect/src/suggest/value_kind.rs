//! Classifies values, for example as phones or emails.

use leadgate_domain::json::has_content;
use leadgate_domain::{Email, Phone, PhoneProblem, Region, TimeProblem, Timestamp};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ValueKind {
    Email,
    Phone,
    Text,
    Number,
    Time,
    YesOrNo,
    WebAddress,
    Other,
}

/// In characters, with a note or an extension.
const MAX_PHONE_LENGTH: usize = 40;
/// A number with fewer digits has no area code.
const MIN_DIGITS: usize = 7;

impl ValueKind {
    pub(crate) fn classify(value: &Value, region: Option<Region>) -> Self {
        match value {
            Value::Bool(_) => Self::YesOrNo,
            Value::String(text) => Self::classify_text(text.trim(), region),
            Value::Number(number) if number.is_u64() => {
                match Self::classify_text(&number.to_string(), region) {
                    Self::Phone => Self::Phone,
                    _ => Self::Number,
                }
            }
            Value::Number(_) => Self::Number,
            Value::Array(items) => {
                let first =
                    items.iter().filter_map(|item| item.get("value")).find(|value| has_content(value));
                first.map_or(Self::Other, |value| Self::classify(value, region))
            }
            Value::Null | Value::Object(_) => Self::Other,
        }
    }

    fn classify_text(text: &str, region: Option<Region>) -> Self {
        let lower = text.to_ascii_lowercase();
        if text.contains('@') && Email::parse(text).is_ok() {
            Self::Email
        } else if lower.starts_with("http://") || lower.starts_with("https://") {
            Self::WebAddress
        } else if matches!(lower.as_str(), "yes" | "no" | "true" | "false" | "on" | "off") {
            Self::YesOrNo
        } else if is_phone(text, region) {
            Self::Phone
        } else if text.parse::<f64>().is_ok() {
            Self::Number
        } else if matches!(Timestamp::read(text), Ok(_) | Err(TimeProblem::NoZone)) {
            Self::Time
        } else {
            Self::Text
        }
    }

    pub(crate) fn name(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Email, 1) => "email",
            (Self::Email, _) => "emails",
            (Self::Phone, 1) => "phone",
            (Self::Phone, _) => "phones",
            (Self::Text, 1) => "text",
            (Self::Text, _) => "texts",
            (Self::Number, 1) => "number",
            (Self::Number, _) => "numbers",
            (Self::Time, 1) => "time",
            (Self::Time, _) => "times",
            (Self::YesOrNo, _) => "yes or no",
            (Self::WebAddress, 1) => "web address",
            (Self::WebAddress, _) => "web addresses",
            (Self::Other, 1) => "other value",
            (Self::Other, _) => "other values",
        }
    }
}

fn is_phone(text: &str, region: Option<Region>) -> bool {
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if text.chars().count() > MAX_PHONE_LENGTH || digits < MIN_DIGITS || letters > digits {
        return false;
    }
    match Phone::parse(text, region) {
        Ok(_) => true,
        // The source may not have its region yet.
        Err(PhoneProblem::NoRegion) => letters == 0 && digits <= 15,
        Err(PhoneProblem::Ambiguous) => true,
        Err(_) => false,
    }
}

/// Whether a text has the format of a phone: a leading plus or bracket, or several separators.
pub(crate) fn has_phone_format(value: &Value) -> bool {
    value.as_str().map(str::trim).is_some_and(|text| {
        text.starts_with(['+', '('])
            || text.chars().filter(|c| matches!(c, ' ' | '-' | '.' | ')')).count() > 1
    })
}
