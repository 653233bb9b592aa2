//! The native dialect: one JSON object in our own words.
//!
//! Everything is optional but a way to reach the person. A name that is not ours is kept as a custom field,
//! also one that looks like it could command us (`id`, `status`, `organization`).

mod answer;

use leadgate_domain::validate::{self, FieldFault, MOST_TAGS};
use leadgate_domain::{Consent, Fields, Region, Said, TextField};
use serde_json::{Map, Value};

pub use answer::{
    Ended, LeadAnswer, Leadless, Page, Queued, Record, SubmissionNote, lead, leadless, page, queued, record,
};

/// As many faults are named at once; a hostile body has thousands.
const MOST_FAULTS: usize = 50;

/// Reads what a document says about a person, or everything that is wrong with it.
///
/// The document has passed [`leadgate_domain::json::parse`].
pub fn decode(document: &Value) -> Result<Fields, Vec<FieldFault>> {
    let Value::Object(members) = document else {
        return Err(vec![wrong_type("", "a JSON object")]);
    };
    let mut reading = Reading::default();
    for (name, value) in members {
        reading.member(name, value);
    }
    reading.contact(members);
    let Reading { fields, mut faults } = reading;
    if let Err(more) = validate::fields(&fields) {
        faults.extend(more);
    }
    faults.truncate(MOST_FAULTS);
    if faults.is_empty() { Ok(fields) } else { Err(faults) }
}

#[derive(Default)]
struct Reading {
    fields: Fields,
    faults: Vec<FieldFault>,
}

impl Reading {
    fn member(&mut self, name: &str, value: &Value) {
        match name {
            "phone" => self.fields.phone = self.said("/phone", value, text_or_integer),
            "email" => self.fields.email = self.said("/email", value, text),
            "phone_country" => self.region(value),
            "tags" => self.tags(value),
            "consent" => self.fields.consent = self.consent(value),
            "attribution" => self.fields.attribution = self.said("/attribution", value, object),
            "custom_fields" => self.custom_fields(value),
            "automations" => self.fields.automations = anything(value),
            "user_assignments" => self.fields.user_assignments = anything(value),
            "opt_out" => self.fields.opt_out = self.flag("/opt_out", value),
            "is_test" => self.fields.is_test = self.flag("/is_test", value),
            _ => self.text_or_unknown(name, value),
        }
    }

    fn text_or_unknown(&mut self, name: &str, value: &Value) {
        let Some(field) = TextField::ALL.into_iter().find(|field| field.as_str() == name) else {
            self.fields.custom_fields.entry(name).or_insert_with(|| value.clone());
            return;
        };
        let read = match field {
            TextField::ExternalId | TextField::LineId => text_or_integer,
            _ => text,
        };
        if let Some(text) = self.nullable(&format!("/{name}"), value, read) {
            self.fields.texts.insert(field, text);
        }
    }

    fn region(&mut self, value: &Value) {
        let Some(Some(code)) = self.nullable("/phone_country", value, text) else { return };
        match code.parse::<Region>() {
            Ok(region) => self.fields.phone_country = Some(region),
            // What a form sends when nothing was chosen.
            Err(_) if code.trim().is_empty() => {}
            Err(detail) => self.faults.push(FieldFault::new("/phone_country", "unknown_region", detail)),
        }
    }

    fn tags(&mut self, value: &Value) {
        let Some(Some(items)) = self.nullable("/tags", value, array) else { return };
        // One more than is taken, so that the validator notices.
        for (position, item) in items.iter().enumerate().take(MOST_TAGS + 1) {
            match text(item) {
                Ok(tag) => self.fields.tags.push(tag),
                Err(expected) => self.faults.push(wrong_type(format!("/tags/{position}"), expected)),
            }
        }
    }

    fn consent(&mut self, value: &Value) -> Said<Consent> {
        let members = match self.said("/consent", value, object) {
            Said::Value(members) => members,
            Said::Null => return Said::Null,
            Said::Absent => return Said::Absent,
        };
        let mut consent = Consent::default();
        for (name, value) in members {
            let part = match name.as_str() {
                "consent_timestamp" => &mut consent.consent_timestamp,
                "consent_text_version" => &mut consent.consent_text_version,
                "source_url" => &mut consent.source_url,
                _ => {
                    consent.more.insert(name, value);
                    continue;
                }
            };
            *part = self.nullable(&format!("/consent/{name}"), &value, text).flatten();
        }
        Said::Value(consent)
    }

    /// What was put there on purpose wins over a top-level name that was merely unknown.
    fn custom_fields(&mut self, value: &Value) {
        if let Some(Some(members)) = self.nullable("/custom_fields", value, object) {
            self.fields.custom_fields.extend(members);
        }
    }

    fn flag(&mut self, pointer: &str, value: &Value) -> bool {
        let flag = |value: &Value| value.as_bool().ok_or("true or false");
        self.nullable(pointer, value, flag).flatten().unwrap_or_default()
    }

    /// A phone or an email that says something. One of the wrong type was reported already.
    fn contact(&mut self, members: &Map<String, Value>) {
        let said = |name| match members.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(_) => true,
        };
        if !said("phone") && !said("email") {
            self.faults.push(FieldFault::new("", "contact_missing", "a phone or an email is required"));
        }
    }

    fn said<'v, T>(&mut self, pointer: &str, value: &'v Value, read: Read<'v, T>) -> Said<T> {
        self.nullable(pointer, value, read).map_or(Said::Absent, Said::from)
    }

    /// `None` after a fault, `Some(None)` for null.
    fn nullable<'v, T>(
        &mut self,
        pointer: &str,
        value: &'v Value,
        read: impl FnOnce(&'v Value) -> Result<T, &'static str>,
    ) -> Option<Option<T>> {
        if value.is_null() {
            return Some(None);
        }
        let read = read(value).map_err(|expected| self.faults.push(wrong_type(pointer, expected)));
        read.ok().map(Some)
    }
}

/// Reads a value that is not null, or says what was expected.
type Read<'v, T> = fn(&'v Value) -> Result<T, &'static str>;

fn text(value: &Value) -> Result<String, &'static str> {
    value.as_str().map(str::to_owned).ok_or("a string")
}

/// CRMs send phones and ids as numbers. A fraction or an exponent has lost digits already.
fn text_or_integer(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Number(number) if number.is_u64() || number.is_i64() => Ok(number.to_string()),
        other => text(other).map_err(|_| "a string or an integer"),
    }
}

fn object(value: &Value) -> Result<Map<String, Value>, &'static str> {
    value.as_object().cloned().ok_or("an object")
}

fn array(value: &Value) -> Result<&[Value], &'static str> {
    value.as_array().map(Vec::as_slice).ok_or("an array of strings")
}

fn anything(value: &Value) -> Said<Value> {
    if value.is_null() { Said::Null } else { Said::Value(value.clone()) }
}

fn wrong_type(pointer: impl Into<String>, expected: &str) -> FieldFault {
    FieldFault::new(pointer, "wrong_type", format!("{expected} is expected"))
}

#[cfg(test)]
mod tests;
