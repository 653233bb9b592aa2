//! Reads values that consist of parts: consent, attribution, custom fields, a phone with a calling code.

use leadgate_domain::json::has_content;
use leadgate_domain::validate::{self, MAX_PHONE_LENGTH};
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

    /// [`fold`] of the name.
    fn folded(self) -> &'static str {
        match self {
            Self::Timestamp => "consenttimestamp",
            Self::TextVersion => "consenttextversion",
            Self::SourceUrl => "sourceurl",
        }
    }

    /// The part that a member of a consent object fills, and whether the member has its exact name. A similar
    /// name fills a part only if no member has the exact name.
    fn find(name: &str, members: &Map<String, Value>) -> Option<(Self, bool)> {
        if let Some(part) = Self::ALL.into_iter().find(|part| part.as_str() == name) {
            return Some((part, true));
        }
        let folded = fold(name);
        let is_similar = |part: &Self| part.folded() == folded && !members.contains_key(part.as_str());
        Self::ALL.into_iter().find(is_similar).map(|part| (part, false))
    }

    fn value_mut(self, consent: &mut Consent) -> &mut Option<String> {
        match self {
            Self::Timestamp => &mut consent.consent_timestamp,
            Self::TextVersion => &mut consent.consent_text_version,
            Self::SourceUrl => &mut consent.source_url,
        }
    }
}

fn max_consent_part_length() -> usize {
    TextField::PageUrl.max_length()
}

/// Folded names of the consent members that contain the person's answer.
const ANSWER_NAMES: [&str; 5] = ["given", "agreed", "value", "optin", "consent"];

impl<'d> FieldReader<'d> {
    /// Reads a consent object. A member with a similar name is used if the exact name is missing.
    pub(super) fn read_consent(&mut self, member: &InputMember<'d>, invalid_is_fault: bool) -> SlotResult {
        let members = match member.value {
            Value::Null if self.fields.consent.is_absent() => {
                self.fields.consent = Patch::Null;
                return Ok(());
            }
            Value::Null => return Ok(()),
            Value::Object(members) => members,
            answer if self.is_refusal(answer) => {
                self.set_consent_refused();
                return Ok(());
            }
            _ => return wrong_value(member, "an object"),
        };
        let mut faults = Vec::new();
        for (name, value) in members {
            if let Err(expected) = self.read_consent_member(name, value, members, invalid_is_fault) {
                let pointer = format!("{}{}", validate::pointer(member.name), validate::pointer(name));
                faults.push(wrong_type(pointer, expected));
            }
        }
        self.fields.consent.modify_or_default(|_| ());
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Reads one member of a consent object. `members` are all its members. The error is the expected type.
    fn read_consent_member(
        &mut self,
        name: &str,
        value: &Value,
        members: &Map<String, Value>,
        invalid_is_fault: bool,
    ) -> Result<(), &'static str> {
        if name == "consent_refused" {
            let is_refused = values::parse_flag_word(value) == Some(true);
            self.fields.consent.modify_or_default(|consent| consent.consent_refused |= is_refused);
            return Ok(());
        }
        // Leadgate sets this member itself, from the time zone of the source.
        if name == "timestamp_read_as" {
            self.add_custom_field(name, value);
            return Ok(());
        }
        if ANSWER_NAMES.contains(&fold(name).as_str()) && self.is_refusal(value) {
            self.set_consent_refused();
        }
        let Some((part, is_exact)) = ConsentPart::find(name, members) else {
            self.fields.consent.modify_or_default(|consent| insert_numbered(&mut consent.more, name, value));
            return Ok(());
        };
        let is_set = match value {
            Value::Null => return Ok(()),
            // A Unix timestamp.
            Value::Number(number) if part == ConsentPart::Timestamp => {
                self.set_consent_part(part, &number.to_string())
            }
            Value::String(text)
                if invalid_is_fault || !validate::is_longer(text, max_consent_part_length()) =>
            {
                self.set_consent_part(part, text)
            }
            _ if is_exact && invalid_is_fault => return Err("a string"),
            _ => false,
        };
        if !is_set {
            self.add_custom_field(name, value);
        }
        Ok(())
    }

    fn set_consent_refused(&mut self) {
        self.fields.consent.modify_or_default(|consent| consent.consent_refused = true);
    }

    pub(super) fn read_consent_part(&mut self, part: ConsentPart, member: &InputMember<'d>) -> SlotResult {
        let read =
            if part == ConsentPart::Timestamp { values::read_text_or_number } else { values::read_text };
        let Patch::Value(text) = self.read_text_patch(member, false, max_consent_part_length(), read)? else {
            return Ok(());
        };
        let alone = part == ConsentPart::SourceUrl && self.fields.consent.value().is_none();
        if alone || !self.set_consent_part(part, &text) {
            return wrong_value(member, "a part of a consent");
        }
        Ok(())
    }

    /// Records a clear no as a refusal. Every answer is also stored as a custom field; a yes is not a
    /// consent.
    pub(super) fn read_consent_answer(&mut self, member: &InputMember<'d>) -> SlotResult {
        if self.is_refusal(member.value) {
            self.set_consent_refused();
        }
        wrong_value(member, "a custom field")
    }

    fn is_refusal(&self, value: &Value) -> bool {
        match value {
            // Forms send a checkbox together with a hidden field whose value is no.
            Value::Array(items) => !items.is_empty() && items.iter().all(|item| self.is_refusal(item)),
            Value::String(text) if text.trim().to_ascii_lowercase().starts_with("no ") => true,
            value => has_content(value) && values::parse_flag_word(value) == Some(false),
        }
    }

    /// Sets a part that has no value yet. Returns whether the part now has this value.
    fn set_consent_part(&mut self, part: ConsentPart, text: &str) -> bool {
        self.fields.consent.modify_or_default(|consent| {
            part.value_mut(consent).get_or_insert_with(|| text.to_owned()) == text
        })
    }

    /// Stores a certificate with the other members of the consent.
    pub(super) fn read_certificate(&mut self, member: &InputMember<'d>) {
        if has_content(member.value) {
            self.fields
                .consent
                .modify_or_default(|consent| insert_numbered(&mut consent.more, member.name, member.value));
        }
    }

    pub(super) fn read_likely_certificate(&mut self, member: &InputMember<'d>) -> SlotResult {
        if !certificate::is_leadid(member.value) {
            return wrong_value(member, "a GUID");
        }
        self.read_certificate(member);
        Ok(())
    }

    pub(super) fn read_attribution(&mut self, member: &InputMember<'d>) -> SlotResult {
        match member.value {
            Value::Null if self.fields.attribution.is_absent() => self.fields.attribution = Patch::Null,
            Value::Null => {}
            Value::Object(members) => {
                self.fields.attribution.modify_or_default(|all| {
                    members.iter().for_each(|(name, value)| insert_numbered(all, name, value))
                });
            }
            _ => return wrong_value(member, "an object"),
        }
        Ok(())
    }

    pub(super) fn read_attribution_part(&mut self, canonical: &str, member: &InputMember<'d>) {
        if has_content(member.value) && !self.set_attribution_part(canonical, member.value) {
            self.add_custom_field(member.name, member.value);
        }
    }

    /// Reads `{"source": …}` and `{"utm_source": …}` as `utm_source`.
    pub(super) fn read_campaign(&mut self, member: &InputMember<'d>) {
        let Value::Object(members) = member.value else {
            return self.read_attribution_part(member.name, member);
        };
        let mut rejected = Map::new();
        for (name, value) in members.iter().filter(|(_, value)| has_content(value)) {
            let parameter = ["source", "medium", "campaign", "term", "content", "id"]
                .into_iter()
                .find(|parameter| fold(name) == *parameter || fold(name) == format!("utm{parameter}"));
            let canonical = parameter.map_or_else(|| name.clone(), |parameter| format!("utm_{parameter}"));
            if !self.set_attribution_part(&canonical, value) {
                rejected.insert(name.clone(), value.clone());
            }
        }
        if !rejected.is_empty() {
            self.add_custom_field(member.name, &Value::Object(rejected));
        }
    }

    /// Sets a part that has no value yet. Returns whether the part now has this value.
    fn set_attribution_part(&mut self, name: &str, value: &Value) -> bool {
        self.fields
            .attribution
            .modify_or_default(|all| all.entry(name).or_insert_with(|| value.clone()) == value)
    }

    /// Reads an object of custom fields. Its members take precedence over unknown top-level members.
    pub(super) fn read_custom_fields(&mut self, member: &InputMember<'d>) -> SlotResult {
        let members = match member.value {
            Value::Null => return Ok(()),
            Value::Object(members) => members,
            _ => return wrong_value(member, "an object"),
        };
        members
            .iter()
            .for_each(|(name, value)| insert_numbered(&mut self.custom_fields_from_object, name, value));
        Ok(())
    }

    pub(super) fn merge_custom_fields(&mut self) {
        let unknown = std::mem::replace(
            &mut self.fields.custom_fields,
            std::mem::take(&mut self.custom_fields_from_object),
        );
        unknown.iter().for_each(|(name, value)| insert_numbered(&mut self.fields.custom_fields, name, value));
        if !self.index.rules.lowercases_custom_names {
            return;
        }
        let all = std::mem::take(&mut self.fields.custom_fields);
        let (lower, other) = all.into_iter().partition(|(name, _)| *name == name.to_lowercase());
        self.fields.custom_fields = lower;
        for (name, value) in Map::into_iter(other) {
            insert_numbered(&mut self.fields.custom_fields, &name.to_lowercase(), &value);
        }
    }

    /// Prefixes a phone with a calling code. If the value is a region instead, it becomes the phone's region.
    pub(super) fn read_calling_code(&mut self, member: &InputMember<'d>) -> SlotResult {
        let Patch::Value(code) = self.read_text_patch(member, false, 8, values::read_text_or_integer)? else {
            return Ok(());
        };
        let code = code.trim();
        if let (None, Ok(region)) = (self.fields.phone_country, code.parse::<Region>()) {
            self.fields.phone_country = Some(region);
            return Ok(());
        }
        let digits = code.strip_prefix('+').unwrap_or(code);
        let is_code = (1..=4).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        let phone = self.fields.phone.value().map(|phone| phone.trim()).filter(|phone| !phone.is_empty());
        let (true, Some(phone)) = (is_code, phone) else { return wrong_value(member, "a calling code") };
        if phone.starts_with('+') || phone.starts_with("00") {
            return wrong_value(member, "a phone without a calling code");
        }
        let prefixed = format!("+{digits} {phone}");
        if validate::is_longer(&prefixed, MAX_PHONE_LENGTH) {
            return wrong_value(member, "a calling code");
        }
        // Some clients send the code in the phone as well.
        let unprefixed = format!("+{phone}");
        let has_code_already = phone.starts_with(digits)
            && Phone::parse(&prefixed, None).is_err()
            && Phone::parse(&unprefixed, None).is_ok();
        self.fields.phone = Patch::Value(if has_code_already { unprefixed } else { prefixed });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folded_name_of_a_part_is_its_name_folded() {
        for part in ConsentPart::ALL {
            assert_eq!(part.folded(), fold(part.as_str()));
        }
    }
}
