//! What people say: phones, emails and consents in the ways in which they are written, each with what it means.
//!
//! The meaning is stated beside the text and never read out of it, so that the oracle needs no reader.

mod consents;
mod emails;
mod phones;

pub(crate) use consents::{Consented, Consenting, DAY, HOUR, MINUTE, SECOND, complete, given, shapes, times};

use crate::story::{Entry, Lasts, Listing, Post, Test, Which, Whose};
use leadgate_domain::SuppressionKind;

/// Somebody in a story of their own: no other story has these phones and domains.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) number: usize,
}

/// A phone or an email as it is written, and what it is.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) words: String,
    /// `None` for an explicit null.
    pub(crate) text: Option<String>,
    /// The country that the sender says a phone is of.
    pub(crate) region: Option<&'static str>,
    pub(crate) means: Means,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// One of the person's own.
    Own(Which),
    /// Something that cannot be called or written to.
    Unreadable,
    /// It can be read as two different numbers.
    Ambiguous,
    /// Null or blank: the same as having none.
    Nothing,
}

impl Written {
    fn new(words: impl Into<String>, text: impl Into<String>, means: Means) -> Self {
        Self { words: words.into(), text: Some(text.into()), region: None, means }
    }

    fn of(self, region: &'static str) -> Self {
        let words = format!("{} ({region})", self.words);
        Self { words, region: Some(region), ..self }
    }
}

impl Person {
    /// A submission of a lead that nothing holds.
    pub(crate) fn lead(self) -> Post {
        let silent = |written: Written| Some(Written { words: String::new(), ..written });
        Post {
            phone: silent(self.phone(Which::First)),
            email: silent(self.email(Which::First)),
            consent: Some(complete()),
            ..Post::nothing("a lead is posted")
        }
    }

    /// A later submission about the same person that says no more than who it is.
    pub(crate) fn update(self) -> Post {
        let phone = Written { words: String::new(), ..self.phone(Which::First) };
        Post { phone: Some(phone), after: 60, ..Post::nothing("it is posted again") }
    }

    /// The same for somebody who is known by an id, so that the phone need not be said.
    pub(crate) fn update_by_id(self) -> Post {
        Post { phone: None, by_id: true, ..self.update() }
    }

    pub(crate) fn test_lead(self, test: Test) -> Post {
        self.lead().test(test)
    }

    fn entry(self, words: &str, kind: SuppressionKind, text: String, holds: Option<Which>) -> Entry {
        Entry {
            words: words.to_owned(),
            kind,
            value: Listing::Plain { text, region: None },
            list: "default",
            lasts: Lasts::ForEver,
            whose: Whose::Ours,
            holds,
        }
    }

    /// An entry by the SHA-256 of a text.
    fn digest(self, words: &str, kind: SuppressionKind, of: String, holds: Option<Which>) -> Entry {
        Entry { value: Listing::DigestOf(of), ..self.entry(words, kind, String::new(), holds) }
    }
}
