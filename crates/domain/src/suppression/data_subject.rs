//! Somebody who is looked for in everything that an organization holds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::credential::secret::MatchKey;
use crate::suppression::ERASED_LIST;
use crate::{
    ClaimKey, ClaimKind, Email, Fields, OrganizationId, Phone, Region, SourceId, Submission, SuppressedValue,
    Suppression, SuppressionKey, SuppressionKind, Timestamp, subscriber,
};

/// The phones and emails of one person.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DataSubject {
    /// By E.164.
    phones: BTreeMap<String, Phone>,
    /// By their identity.
    emails: BTreeMap<String, Email>,
}

impl DataSubject {
    pub fn add_phone(&mut self, phone: Phone) {
        self.phones.insert(subscriber(phone.e164()).into_owned(), phone);
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
        self.phones.contains_key(&*subscriber(e164))
    }

    /// `address` as a lead holds it.
    pub fn has_email(&self, address: &str) -> bool {
        Email::from_stored(address).is_some_and(|email| self.emails.contains_key(&email.comparison_form()))
    }

    /// The values as leads hold them and lists compare them.
    pub fn values(&self) -> impl Iterator<Item = (SuppressionKind, &str)> {
        let phones = self.phones.keys().map(|phone| (SuppressionKind::Phone, phone.as_str()));
        phones.chain(self.emails.keys().map(|email| (SuppressionKind::Email, email.as_str())))
    }

    /// Entries that hold whoever comes back, and of which only the key is kept.
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

    /// Every key under which a list may name one of the values, digested or not.
    pub fn suppression_keys(&self, matching: &MatchKey, organization: OrganizationId) -> Vec<SuppressionKey> {
        let phones = self.phones.values().cloned().map(SuppressedValue::Phone);
        let emails = self.emails.values().cloned().map(SuppressedValue::Email);
        let keys = phones.chain(emails).flat_map(|value| value.suppression_keys(matching, organization));
        keys.filter(|key| key.kind != SuppressionKind::Domain).collect()
    }

    /// The identity keys of the values. Neither kind is scoped to a source.
    pub fn claim_keys(&self, matching: &MatchKey, organization: OrganizationId) -> Vec<ClaimKey> {
        let any = SourceId::from_uuid(uuid::Uuid::nil());
        let key = |kind, value: &String| ClaimKey::new(matching, organization, any, kind, value);
        let phones = self.phones.keys().filter_map(|phone| key(ClaimKind::Phone, phone));
        let emails = self.emails.keys().filter_map(|email| key(ClaimKind::Email, email));
        let mailboxes = self.emails.values().filter_map(Email::gmail_mailbox);
        let mailboxes = mailboxes.filter_map(|mailbox| key(ClaimKind::GmailMailbox, &mailbox));
        phones.chain(emails).chain(mailboxes).collect()
    }

    /// Whether a submission is about one of the values, as its phone or its email. `region` is its source's.
    ///
    /// A phone that cannot be read is read once more in the region of the one that is looked for.
    pub fn matches_fields(&self, fields: &Fields, region: Option<Region>) -> bool {
        let phone = fields.phone.value().is_some_and(|raw| {
            match Phone::parse(raw, fields.phone_country.or(region)) {
                Ok(phone) => self.has_phone(phone.e164()),
                Err(_) => self.phones.values().any(|sought| {
                    let read = Phone::parse(raw, sought.region());
                    read.is_ok_and(|read| subscriber(read.e164()) == subscriber(sought.e164()))
                }),
            }
        });
        let email = |raw: &String| match Email::parse(raw) {
            Ok(email) => self.emails.contains_key(&email.comparison_form()),
            Err(_) => self.occurs_in(raw),
        };
        phone || fields.email.value().is_some_and(email)
    }

    /// Whether one of the values occurs anywhere in what was sent.
    pub fn occurs_in_submission(&self, submission: &Submission) -> bool {
        let fields = || serde_json::to_string(&submission.fields).unwrap_or_default();
        let body = || submission.raw.bytes().unwrap_or_default();
        self.occurs_in(&fields())
            || self.occurs_in(&unescape_body(&String::from_utf8_lossy(&body())))
            || submission.query.as_deref().is_some_and(|query| self.occurs_in(&unescape_body(query)))
    }

    fn occurs_in(&self, text: &str) -> bool {
        let email = || {
            let written = text.to_lowercase();
            self.emails.keys().any(|email| written.contains(email.as_str()))
        };
        (!self.emails.is_empty() && email())
            || (!self.phones.is_empty() && numbers(text).any(|number| self.is_same_number(&number)))
    }

    fn is_same_number(&self, number: &str) -> bool {
        self.phones.values().any(|phone| number.contains(phone.national()))
    }
}

/// The digits of what looks like phone numbers, without what people write between them.
fn numbers(text: &str) -> impl Iterator<Item = String> {
    let between = |c: char| matches!(c, ' ' | '\u{a0}' | '-' | '.' | '(' | ')' | '/');
    let runs = text.split(move |c: char| !c.is_ascii_digit() && !between(c));
    let digits = |run: &str| run.chars().filter(char::is_ascii_digit).collect::<String>();
    runs.map(digits).filter(|digits| digits.len() > 3)
}

/// A body without the escapes of JSON or of a form.
fn unescape_body(text: &str) -> Cow<'_, str> {
    if text.contains("\\u")
        && let Ok(document) = serde_json::from_str::<Value>(text)
    {
        return Cow::Owned(document.to_string());
    }
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(unescaped(text))
}

/// Percent-encoded bytes as what they stand for (RFC 3986, section 2.1).
fn unescaped(text: &str) -> String {
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
        write!(formatter, "Sought({} phones, {} emails)", self.phones.len(), self.emails.len())
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
        let said = |text: &str| if text.is_empty() { Patch::Absent } else { Patch::Value(text.to_owned()) };
        Fields { phone: said(phone), email: said(email), ..Fields::default() }
    }

    #[test]
    fn a_person_is_found_however_the_values_are_written() {
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
    fn a_mention_is_found_in_whatever_was_sent() {
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
        let asked = Submission { query: Some("tel=%2B14155550132".into()), ..sent(b"") };
        assert!(ann().occurs_in_submission(&asked));
        let wrapped = Submission { raw: RawBody::Base64("not base64".into()), ..sent(b"") };
        assert!(!ann().occurs_in_submission(&wrapped));
    }

    #[test]
    fn nobody_reads_who_is_sought_in_a_log() {
        assert_eq!(format!("{:?}", ann()), "Sought(1 phones, 1 emails)");
    }
}
