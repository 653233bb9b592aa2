//! Submitted values: phones, emails and consents in their spellings, each with its meaning.
//!
//! The meaning is stated next to the text. The oracle uses it and needs no parser.

mod consents;
mod emails;
mod phones;

pub(crate) use consents::{
    ConsentMeaning, DAY, HOUR, MINUTE, SECOND, SubmittedConsent, bad_consents, complete, consent_times, given,
};

use crate::story::{Entry, EntryExpiry, ListedValue, Owner, Post, Test, Which};
use leadgate_domain::SuppressionKind;

/// The person of one case. No other case has these phones and domains.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) number: usize,
}

/// A phone or an email as submitted, with its meaning.
#[derive(Clone)]
pub(crate) struct SubmittedValue {
    pub(crate) words: String,
    /// `None` for an explicit null.
    pub(crate) text: Option<String>,
    /// The country of the phone, as submitted.
    pub(crate) region: Option<&'static str>,
    pub(crate) meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// One of the person's two phones or emails.
    Own(Which),
    /// Not a valid phone or email.
    Unreadable,
    /// A phone that can be read as two different numbers.
    Ambiguous,
    /// Null or blank.
    Absent,
}

impl SubmittedValue {
    fn new(words: impl Into<String>, text: impl Into<String>, meaning: Meaning) -> Self {
        Self { words: words.into(), text: Some(text.into()), region: None, meaning }
    }

    fn of(self, region: &'static str) -> Self {
        let words = format!("{} ({region})", self.words);
        Self { words, region: Some(region), ..self }
    }
}

impl Person {
    /// A submission of an eligible lead.
    pub(crate) fn lead(self) -> Post {
        let without_words = |value: SubmittedValue| Some(SubmittedValue { words: String::new(), ..value });
        Post {
            phone: without_words(self.phone(Which::First)),
            email: without_words(self.email(Which::First)),
            consent: Some(complete()),
            ..Post::empty("a lead is posted")
        }
    }

    /// A later submission about the same person, with the phone only.
    pub(crate) fn update(self) -> Post {
        let phone = SubmittedValue { words: String::new(), ..self.phone(Which::First) };
        Post { phone: Some(phone), after: 60, ..Post::empty("it is posted again") }
    }

    /// A later submission about the same person, with the external id only.
    pub(crate) fn update_with_id(self) -> Post {
        Post { phone: None, by_id: true, ..self.update() }
    }

    pub(crate) fn test_lead(self, test: Test) -> Post {
        self.lead().test(test)
    }

    fn entry(self, words: &str, kind: SuppressionKind, text: String, holds: Option<Which>) -> Entry {
        Entry {
            words: words.to_owned(),
            kind,
            value: ListedValue::Plain { text, region: None },
            list: "default",
            expiry: EntryExpiry::Never,
            owner: Owner::OwnOrganization,
            holds,
        }
    }

    /// An entry by the SHA-256 of a text.
    fn digest(self, words: &str, kind: SuppressionKind, of: String, holds: Option<Which>) -> Entry {
        Entry { value: ListedValue::DigestOf(of), ..self.entry(words, kind, String::new(), holds) }
    }
}
