//! What consists of parts: consent, attribution, custom fields, a phone and its calling code.

use leadgate_domain::json::has_content;
use leadgate_domain::validate::{self, LONGEST_PHONE};
use leadgate_domain::{Consent, Patch, Phone, Region, TextField, certificate};
use serde_json::{Map, Value};

use super::values::{self, SlotResult, wrong_type, wrong_value};
use super::{FieldReader, InputMember, insert_numbered};
use crate::name_index::{ConsentPart, fold};

impl ConsentPart {
    const ALL: [Self; 3] = [Self::Timestamp, Self::TextVersion, Self::SourceUrl];

    fn as_str(self) -> &'static str {
        match self {
            Self::Timestamp => "consent_timestamp",
            Self::TextVersion => "consent_text_version",
            Self::SourceUrl => "source_url",
        }
    }

    fn of(self, consent: &mut Consent) -> &mut Option<String> {
        match self {
            Self::Timestamp => &mut consent.consent_timestamp,
            Self::TextVersion => &mut consent.consent_text_version,
            Self::SourceUrl => &mut consent.source_url,
        }
    }
}

fn max_length() -> usize {
    TextField::PageUrl.max_length()
}

/// Members of a consent that answer the question, folded.
const ANSWERS: [&str; 5] = ["given", "agreed", "value", "optin", "consent"];

impl<'d> FieldReader<'d> {
    /// The whole of it. Parts whose names are merely alike are taken where the exact ones are missing.
    pub(super) fn consent(&mut self, one: &InputMember<'d>, firm: bool) -> SlotResult {
        let members = match one.value {
            Value::Null if self.fields.consent.is_absent() => {
                self.fields.consent = Patch::Null;
                return Ok(());
            }
            Value::Null => return Ok(()),
            Value::Object(members) => members,
            answer if self.is_refusal(answer) => {
                self.fields.consent.get_or_insert_with(|consent| consent.consent_refused = true);
                return Ok(());
            }
            _ => return wrong_value(one, "an object"),
        };
        let mut faults = Vec::new();
        for (name, value) in members {
            if name == "consent_refused" {
                self.fields.consent.get_or_insert_with(|consent| {
                    consent.consent_refused |= values::parse_flag_word(value) == Some(true)
                });
                continue;
            }
            // What the source's zone makes of the time is no client's to say.
            if name == "timestamp_read_as" {
                self.add_custom_field(name, value);
                continue;
            }
            if ANSWERS.contains(&fold(name).as_str()) && self.is_refusal(value) {
                self.fields.consent.get_or_insert_with(|consent| consent.consent_refused = true);
            }
            let exact = ConsentPart::ALL.into_iter().find(|part| part.as_str() == name);
            let alike = || {
                let mut parts = ConsentPart::ALL.into_iter();
                parts.find(|part| fold(part.as_str()) == fold(name) && !members.contains_key(part.as_str()))
            };
            match (exact.or_else(alike), value) {
                (Some(_), Value::Null) => {}
                // Clocks of programs count from 1970.
                (Some(part @ ConsentPart::Timestamp), Value::Number(number)) => {
                    if !self.set_consent_part(part, &number.to_string()) {
                        self.add_custom_field(name, value);
                    }
                }
                (Some(part), Value::String(text)) if firm || text.chars().nth(max_length()).is_none() => {
                    if !self.set_consent_part(part, text) {
                        self.add_custom_field(name, value);
                    }
                }
                (Some(_), _) if exact.is_some() && firm => {
                    faults.push(wrong_type(
                        format!("{}{}", validate::pointer(one.name), validate::pointer(name)),
                        "a string",
                    ));
                }
                (Some(_), _) => self.add_custom_field(name, value),
                (None, _) => self
                    .fields
                    .consent
                    .get_or_insert_with(|consent| insert_numbered(&mut consent.more, name, value)),
            }
        }
        self.fields.consent.get_or_insert_with(|_| ());
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    pub(super) fn consent_part(&mut self, part: ConsentPart, one: &InputMember<'d>) -> SlotResult {
        let read = if part == ConsentPart::Timestamp { values::text_or_number } else { values::text };
        let Patch::Value(text) = self.text_patch(one, false, max_length(), read)? else { return Ok(()) };
        let alone = part == ConsentPart::SourceUrl && self.fields.consent.value().is_none();
        if alone || !self.set_consent_part(part, &text) {
            return wrong_value(one, "a part of a consent");
        }
        Ok(())
    }

    /// A clear no is one; what else is answered is kept, and is no consent.
    pub(super) fn consent_answer(&mut self, one: &InputMember<'d>) -> SlotResult {
        if self.is_refusal(one.value) {
            self.fields.consent.get_or_insert_with(|consent| consent.consent_refused = true);
        }
        wrong_value(one, "nothing: it is kept as it came")
    }

    fn is_refusal(&self, value: &Value) -> bool {
        match value {
            // A checkbox comes with a hidden field that says no.
            Value::Array(items) => !items.is_empty() && items.iter().all(|item| self.is_refusal(item)),
            Value::String(text) if text.trim().to_ascii_lowercase().starts_with("no ") => true,
            value => has_content(value) && values::parse_flag_word(value) == Some(false),
        }
    }

    /// Whether the consent now says so.
    fn set_consent_part(&mut self, part: ConsentPart, text: &str) -> bool {
        self.fields
            .consent
            .get_or_insert_with(|consent| part.of(consent).get_or_insert_with(|| text.to_owned()) == text)
    }

    /// Certificates, beside what else was sent with the consent.
    pub(super) fn evidence(&mut self, one: &InputMember<'d>) {
        if has_content(one.value) {
            self.fields
                .consent
                .get_or_insert_with(|consent| insert_numbered(&mut consent.more, one.name, one.value));
        }
    }

    pub(super) fn likely_evidence(&mut self, one: &InputMember<'d>) -> SlotResult {
        if !certificate::is_leadid(one.value) {
            return wrong_value(one, "a GUID");
        }
        self.evidence(one);
        Ok(())
    }

    pub(super) fn attribution(&mut self, one: &InputMember<'d>) -> SlotResult {
        match one.value {
            Value::Null if self.fields.attribution.is_absent() => self.fields.attribution = Patch::Null,
            Value::Null => {}
            Value::Object(members) => {
                self.fields.attribution.get_or_insert_with(|all| {
                    members.iter().for_each(|(name, value)| insert_numbered(all, name, value))
                });
            }
            _ => return wrong_value(one, "an object"),
        }
        Ok(())
    }

    pub(super) fn origin(&mut self, canonical: &str, one: &InputMember<'d>) {
        if has_content(one.value) && !self.set_attribution_part(canonical, one.value) {
            self.add_custom_field(one.name, one.value);
        }
    }

    /// `{"source": …}` is `utm_source`, like `{"utm_source": …}`.
    pub(super) fn campaign(&mut self, one: &InputMember<'d>) {
        let Value::Object(members) = one.value else {
            return self.origin(one.name, one);
        };
        let mut left = Map::new();
        for (name, value) in members.iter().filter(|(_, value)| has_content(value)) {
            let bare = ["source", "medium", "campaign", "term", "content", "id"]
                .into_iter()
                .find(|bare| fold(name) == *bare || fold(name) == format!("utm{bare}"));
            let canonical = bare.map_or_else(|| name.clone(), |bare| format!("utm_{bare}"));
            if !self.set_attribution_part(&canonical, value) {
                left.insert(name.clone(), value.clone());
            }
        }
        if !left.is_empty() {
            self.add_custom_field(one.name, &Value::Object(left));
        }
    }

    /// Whether the attribution now says so.
    fn set_attribution_part(&mut self, name: &str, value: &Value) -> bool {
        self.fields
            .attribution
            .get_or_insert_with(|all| all.entry(name).or_insert_with(|| value.clone()) == value)
    }

    /// What was put there on purpose goes before a top-level name that was merely unknown.
    pub(super) fn custom_fields(&mut self, one: &InputMember<'d>) -> SlotResult {
        let members = match one.value {
            Value::Null => return Ok(()),
            Value::Object(members) => members,
            _ => return wrong_value(one, "an object"),
        };
        members.iter().for_each(|(name, value)| insert_numbered(&mut self.explicit, name, value));
        Ok(())
    }

    pub(super) fn settle_custom_fields(&mut self) {
        let unknown = std::mem::replace(&mut self.fields.custom_fields, std::mem::take(&mut self.explicit));
        unknown.iter().for_each(|(name, value)| insert_numbered(&mut self.fields.custom_fields, name, value));
        if !self.index.grammar.lower_case {
            return;
        }
        let all = std::mem::take(&mut self.fields.custom_fields);
        let (lower, other) = all.into_iter().partition(|(name, _)| *name == name.to_lowercase());
        self.fields.custom_fields = lower;
        for (name, value) in Map::into_iter(other) {
            insert_numbered(&mut self.fields.custom_fields, &name.to_lowercase(), &value);
        }
    }

    /// Puts a calling code before a phone without one, or takes a region for what it is.
    pub(super) fn calling_code(&mut self, one: &InputMember<'d>) -> SlotResult {
        let Patch::Value(code) = self.text_patch(one, false, 8, values::text_or_integer)? else {
            return Ok(());
        };
        let code = code.trim();
        if let (None, Ok(region)) = (self.fields.phone_country, code.parse::<Region>()) {
            self.fields.phone_country = Some(region);
            return Ok(());
        }
        let digits = code.strip_prefix('+').unwrap_or(code);
        let calls = (1..=4).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        let phone = self.fields.phone.value().map(|phone| phone.trim()).filter(|phone| !phone.is_empty());
        let (true, Some(phone)) = (calls, phone) else { return wrong_value(one, "a calling code") };
        if phone.starts_with('+') || phone.starts_with("00") {
            return wrong_value(one, "said once");
        }
        let before = format!("+{digits} {phone}");
        if before.chars().nth(LONGEST_PHONE).is_some() {
            return wrong_value(one, "a calling code");
        }
        // Some send the code within the phone as well.
        let within = format!("+{phone}");
        let twice = phone.starts_with(digits)
            && Phone::parse(&before, None).is_err()
            && Phone::parse(&within, None).is_ok();
        self.fields.phone = Patch::Value(if twice { within } else { before });
        Ok(())
    }
}
