//! The data subject of an erasure: the person whose data is searched in all records of an organization.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::credential::secret::MatchKey;
use crate::suppression::ERASED_LIST;
use crate::{
    ClaimKey, ClaimKind, Email, Fields, OrganizationId, Phone, Region, SourceId, Submission, SuppressedValue,
    Suppression, SuppressionKey, SuppressionKind, Timestamp, canonical_e164,
};

/// The phones and emails of one person.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DataSubject {
    /// Keyed by E.164.
    phones: BTreeMap<String, Phone>,
    /// Keyed by the form in which emails are compared.
    emails: BTreeMap<String, Email>,
}

impl DataSubject {
    pub fn add_phone(&mut self, phone: Phone) {
        self.phones.insert(canonical_e164(phone.e164()).into_owned(), phone);
    }

    pub fn add_email(&mut self, email: Email) {
        self.emails.insert(email.comparison_form(), email);
    }

    pub fn extend(&mut self, other: Self) {
        self.phones.extend(other.phones);
        self.emails.extend(other.emails);
    }

    pub fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.emails.is_empty()
    }

    pub fn has_phone(&self, e164: &str) -> bool {
        self.phones.contains_key(&*canonical_e164(e164))
    }

    /// `address` must be in the form in which leads store it.
    pub fn has_email(&self, address: &str) -> bool {
        Email::from_stored(address).is_some_and(|email| self.emails.contains_key(&email.comparison_form()))
    }

    /// The values in the form in which leads store them and lists compare them.
    pub fn values(&self) -> impl Iterator<Item = (SuppressionKind, &str)> {
        let phones = self.phones.keys().map(|phone| (SuppressionKind::Phone, phone.as_str()));
        phones.chain(self.emails.keys().map(|email| (SuppressionKind::Email, email.as_str())))
    }

    /// Entries that hold later leads of the erased person. They contain only the keys.
    pub fn suppression_entries(
        &self,
        matching: &MatchKey,
        organization: OrganizationId,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Vec<Suppression> {
        let entry = |value: SuppressedValue| Suppression {
            list: ERASED_LIST.to_owned(),
            value: None,
            reason: reason.map(str::to_owned),
            ..Suppression::new(matching, organization, &value, now)
        };
        let phones = self.phones.values().cloned().map(SuppressedValue::Phone);
        let emails = self.emails.values().cloned().map(SuppressedValue::Email);
        phones.chain(emails).map(entry).collect()
    }

    /// All keys under which a list may contain one of the values, plain or as a digest.
    pub fn suppression_keys(&self, matching: &MatchKey, organization: OrganizationId) -> Vec<SuppressionKey> {
        let phones = self.phones.values().cloned().map(SuppressedValue::Phone);
        let emails = self.emails.values().cloned().map(SuppressedValue::Email);
        let keys = phones.chain(emails).flat_map(|value| value.suppression_keys(matching, organization));
        keys.filter(|key| key.kind != SuppressionKind::Domain).collect()
    }

    /// The identity keys of the values. Neither kind is scoped to a source.
    pub fn claim_keys(&self, matching: &MatchKey, organization: OrganizationId) -> Vec<ClaimKey> {
        let unused = SourceId::from_uuid(uuid::Uuid::nil());
        let key = |kind, value: &String| ClaimKey::new(matching, organization, unused, kind, value);
        let phones = self.phones.keys().filter_map(|phone| key(ClaimKind::Phone, phone));
        let emails = self.emails.keys().filter_map(|email| key(ClaimKind::Email, email));
        let mailboxes = self.emails.values().filter_map(Email::gmail_mailbox);
        let mailboxes = mailboxes.filter_map(|mailbox| key(ClaimKind::GmailMailbox, &mailbox));
        phones.chain(emails).chain(mailboxes).collect()
    }

    /// Whether the phone or the email of a submission is one of the values. `region` is the region of its
    /// source.
    ///
    /// A phone that cannot be parsed is parsed again with the region of the phone that is searched for.
    pub fn matches_fields(&self, fields: &Fields, region: Option<Region>) -> bool {
        let phone = fields.phone.value().is_some_and(|raw| {
            match Phone::parse(raw, fields.phone_country.or(region)) {
                Ok(phone) => self.has_phone(phone.e164()),
                Err(_) => self.phones.values().any(|own| {
                    let parsed = Phone::parse(raw, own.region());
                    parsed.is_ok_and(|phone| canonical_e164(phone.e164()) == canonical_e164(own.e164()))
                }),
            }
        });
        let email = |raw: &String| match Email::parse(raw) {
            Ok(email) => self.emails.contains_key(&email.comparison_form()),
            Err(_) => self.occurs_in(raw),
        };
        phone || fields.email.value().is_some_and(email)
    }

    /// Whether one of the values occurs anywhere in the submission, its raw body or its query.
    pub fn occurs_in_submission(&self, submission: &Submission) -> bool {
        let fields = || serde_json::to_string(&submission.fields).unwrap_or_default();
        let body = || submission.raw.bytes().unwrap_or_default();
        self.occurs_in(&fields())
            || self.occurs_in(&unescape_body(&String::from_utf8_lossy(&body())))
            || submission.query.as_deref().is_some_and(|query| self.occurs_in(&unescape_body(query)))
    }

    fn occurs_in(&self, text: &str) -> bool {
        let email = || {
            let lowercase = text.to_lowercase();
            self.emails.keys().any(|email| lowercase.contains(email.as_str()))
        };
        (!self.emails.is_empty() && email())
            || (!self.phones.is_empty() && numbers(text).any(|number| self.is_same_number(&number)))
    }

    fn is_same_number(&self, number: &str) -> bool {
        self.phones.values().any(|phone| number.contains(phone.national()))
    }
}

/// The digits of possible phone numbers, without separators.
fn numbers(text: &str) -> impl Iterator<Item = String> {
    let is_separator = |c: char| matches!(c, ' ' | '\u{a0}' | '-' | '.' | '(' | ')' | '/');
    let runs = text.split(move |c: char| !c.is_ascii_digit() && !is_separator(c));
    let digits = |run: &str| run.chars().filter(char::is_ascii_digit).collect::<String>();
    runs.map(digits).filter(|digits| digits.len() > 3)
}

/// The body without JSON escapes or percent-encoding.
fn unescape_body(text: &str) -> Cow<'_, str> {
    if text.contains("\\u")
        && let Ok(document) = serde_json::from_str::<Value>(text)
    {
        return Cow::Owned(document.to_string());
    }
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(percent_decoded(text))
}

/// Decodes percent-encoded bytes (RFC 3986, section 2.1).
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| *first == b'%');
        let byte =
            escaped.and_then(|digits| hex::decode(digits).ok()).and_then(|bytes| bytes.first().copied());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Debug for DataSubject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DataSubject({} phones, {} emails)", self.phones.len(), self.emails.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Patch, RawBody, Source, SubmissionId};

    fn ann() -> DataSubject {
        let mut ann = DataSubject::default();
        ann.add_phone(Phone::parse("+1 415 555 0132", None).unwrap());
        ann.add_email(Email::parse("Ann.Lee@Example.com").unwrap());
        ann
    }

    fn fields(phone: &str, email: &str) -> Fields {
        let patch = |text: &str| if text.is_empty() { Patch::Absent } else { Patch::Value(text.to_owned()) };
        Fields { phone: patch(phone), email: patch(email), ..Fields::default() }
    }

    #[test]
    fn a_person_is_found_in_every_spelling_of_phone_and_email() {
        let german = "DE".parse().ok();
        for (phone, email, region) in [
            ("(415) 555-0132", "", "US".parse().ok()),
            ("415.555.0132 x9", "", None),
            ("+1 415 555 0132", "", german),
            ("", "ANN.LEE@EXAMPLE.COM", None),
            ("", "mailto:ann.lee@example.com?subject=x", None),
            ("", "Ann <ann.lee@example.com>, bob@example.com", None),
        ] {
            assert!(ann().matches_fields(&fields(phone, email), region), "{phone} {email}");
        }
        for (phone, email, region) in [
            ("415 555 0133", "ann.le@example.com", "US".parse().ok()),
            ("", "nn.lee@example.com", None),
            ("030 4155550132", "", german),
            ("", "", None),
        ] {
            assert!(!ann().matches_fields(&fields(phone, email), region), "{phone} {email}");
        }
    }

    #[test]
    fn a_value_is_found_anywhere_in_a_submission() {
        let source = Source::new(
            OrganizationId::generate(),
            &crate::SourceDefaults::for_tests(Dialect::Native),
            None,
            Timestamp::now(),
        );
        let sent = |body: &[u8]| {
            let id = SubmissionId::from_uuid(uuid::Uuid::now_v7());
            Submission::new(id, &source, Timestamp::now(), Fields::default(), body)
        };
        for body in [
            r#"{"spouse":"+1 (415) 555-0132"}"#,
            r#"{"spouse":4155550132}"#,
            r#"{"spouse":"\u002b1\u0034155550132"}"#,
            r#"{"note":"write to ANN.LEE@example.com"}"#,
            "spouse=%28415%29%20555-0132",
            "to=ann.lee%40example.com",
        ] {
            assert!(ann().occurs_in_submission(&sent(body.as_bytes())), "{body}");
        }
        for body in [r#"{"phone":"415555","zip":"0132"}"#, "a%4", "%", "lee@example.com", ""] {
            assert!(!ann().occurs_in_submission(&sent(body.as_bytes())), "{body}");
        }
        assert!(ann().occurs_in_submission(&sent(b"\xff4155550132")));
        let in_query = Submission { query: Some("tel=%2B14155550132".into()), ..sent(b"") };
        assert!(ann().occurs_in_submission(&in_query));
        let invalid_base64 = Submission { raw: RawBody::Base64("not base64".into()), ..sent(b"") };
        assert!(!ann().occurs_in_submission(&invalid_base64));
    }

    #[test]
    fn the_debug_output_contains_no_personal_data() {
        assert_eq!(format!("{:?}", ann()), "DataSubject(1 phones, 1 emails)");
    }
}
