//! The events of a case. A case is described in words, run against a store, and judged by the oracle.

use leadgate_domain::{DuplicatePolicy, SuppressionKind};

use crate::values::{SubmittedConsent, SubmittedValue};

/// One of a person's two phones, or of two emails at two domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    First,
    Second,
}

/// A row of the table: events about one person who is in no other case.
pub(crate) struct Case {
    pub(crate) number: usize,
    pub(crate) chapter: &'static str,
    pub(crate) events: Vec<Event>,
}

impl Case {
    pub(crate) fn words(&self) -> String {
        self.events.iter().map(Event::words).collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn is_after_erasure(&self, post: &Post) -> bool {
        let is_this = |event: &&Event| event.post().is_some_and(|other| std::ptr::eq(other, post));
        let before = self.events.iter().take_while(|event| !is_this(event));
        before.into_iter().any(|event| matches!(event, Event::Erased(_)))
    }

    pub(crate) fn posts(&self) -> impl Iterator<Item = &Post> {
        self.events.iter().filter_map(Event::post)
    }
}

pub(crate) enum Event {
    Listed(Entry),
    /// The entry is removed from its list or from all lists.
    Removed(Entry, RemovedFrom),
    /// The entry expires.
    Expired(Entry),
    Posted(Post),
    /// A worker has normalized the submission and has not begun its transaction.
    Accepted(Post),
    Committed,
    /// The entry is added while the transaction of the post is open and has already read the lists.
    ListedDuringCommit(Post, Entry),
    Erased(Erasure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemovedFrom {
    ItsList,
    AllLists,
}

impl Event {
    pub(crate) fn post(&self) -> Option<&Post> {
        match self {
            Self::Posted(post) | Self::Accepted(post) | Self::ListedDuringCommit(post, _) => Some(post),
            Self::Listed(_) | Self::Removed(..) | Self::Expired(_) | Self::Committed | Self::Erased(_) => {
                None
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Listed(entry) => format!("{} is listed{}", entry.words, entry.expiry.words()),
            Self::Removed(entry, RemovedFrom::AllLists) => {
                format!("{} is removed from all lists", entry.words)
            }
            Self::Removed(entry, RemovedFrom::ItsList) => {
                format!("{} is removed from that list", entry.words)
            }
            Self::Expired(entry) => format!("the entry for {} expires", entry.words),
            Self::Posted(post) => post.words(),
            Self::Accepted(post) => format!("{}, and is queued", post.words()),
            Self::Committed => "the lead is stored".to_owned(),
            Self::ListedDuringCommit(post, entry) => {
                format!("{}; while it is being stored, {} is listed", post.words(), entry.words)
            }
            Self::Erased(erasure) => erasure.words(),
        }
    }
}

/// An entry of a suppression list.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) words: String,
    pub(crate) kind: SuppressionKind,
    pub(crate) value: ListedValue,
    pub(crate) list: &'static str,
    pub(crate) expiry: EntryExpiry,
    pub(crate) owner: Owner,
    /// The entry holds leads with this phone or email. `None`: it holds no lead of this case.
    pub(crate) holds: Option<Which>,
}

/// The value of an entry: plain, or as a digest.
#[derive(Clone, PartialEq)]
pub(crate) enum ListedValue {
    Plain {
        text: String,
        region: Option<&'static str>,
    },
    /// Listed as the SHA-256 of this text.
    DigestOf(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryExpiry {
    Never,
    /// Expires a year after it is added.
    InAYear,
    /// Has expired before it is added.
    Past,
}

impl EntryExpiry {
    fn words(self) -> &'static str {
        match self {
            Self::Never => "",
            Self::InAYear => " with an entry that expires in a year",
            Self::Past => " with an entry that expired yesterday",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    OwnOrganization,
    OtherOrganization,
}

impl Entry {
    pub(crate) fn is_digest(&self) -> bool {
        matches!(self.value, ListedValue::DigestOf(_))
    }

    pub(crate) fn on(self, list: &'static str) -> Self {
        Self { words: format!("{} (list `{list}`)", self.words), list, ..self }
    }

    pub(crate) fn with_expiry(self, expiry: EntryExpiry) -> Self {
        Self { expiry, ..self }
    }

    pub(crate) fn of_other_organization(self) -> Self {
        let words = format!("{} (in another organization)", self.words);
        Self { words, owner: Owner::OtherOrganization, holds: None, ..self }
    }
}

/// The erasure of a person.
pub(crate) struct Erasure {
    /// The values in the erasure request.
    pub(crate) given: Vec<Entry>,
    /// Further values of the person, from stored leads.
    pub(crate) found_in_leads: Vec<Entry>,
}

impl Erasure {
    fn words(&self) -> String {
        let given = self.given.iter().map(|entry| entry.words.as_str()).collect::<Vec<_>>();
        format!("the person with {} is erased", given.join(" and "))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.given.iter().chain(&self.found_in_leads)
    }
}

/// The settings of a source that decide about eligibility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceSettings {
    pub(crate) policy: PolicyName,
    pub(crate) consent_required: bool,
    pub(crate) max_age_days: Option<i64>,
    pub(crate) region: Option<&'static str>,
}

/// [`DuplicatePolicy`] with an order, so that the settings can be a map's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PolicyName {
    ReturnExisting,
    Update,
    Link,
    Create,
}

impl PolicyName {
    pub(crate) fn policy(self) -> DuplicatePolicy {
        match self {
            Self::ReturnExisting => DuplicatePolicy::ReturnExisting,
            Self::Update => DuplicatePolicy::Update,
            Self::Link => DuplicatePolicy::Link,
            Self::Create => DuplicatePolicy::Create,
        }
    }
}

pub(crate) const PLAIN: SourceSettings = SourceSettings {
    policy: PolicyName::ReturnExisting,
    consent_required: true,
    max_age_days: None,
    region: None,
};
pub(crate) const UPDATING: SourceSettings = SourceSettings { policy: PolicyName::Update, ..PLAIN };
pub(crate) const OPTIONAL: SourceSettings = SourceSettings { consent_required: false, ..UPDATING };

impl SourceSettings {
    /// The settings that differ from the defaults, in words.
    fn words(self) -> Option<String> {
        let policy = match self.policy {
            PolicyName::ReturnExisting | PolicyName::Update => None,
            PolicyName::Link => Some("links duplicates".to_owned()),
            PolicyName::Create => Some("creates a lead for every submission".to_owned()),
        };
        let consent = (!self.consent_required).then(|| "does not require consent".to_owned());
        let age = self.max_age_days.map(|days| format!("accepts consent of up to {days} days"));
        let region = self.region.map(|region| format!("has the default region {region}"));
        let all: Vec<_> = [policy, consent, age, region].into_iter().flatten().collect();
        (!all.is_empty()).then(|| format!("to a source that {}", all.join(" and ")))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    No,
    /// The submission is marked as a test.
    Marked,
    /// The submission is posted with a test key.
    ByKey,
}

/// A submission.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) verb: &'static str,
    pub(crate) with: Vec<String>,
    pub(crate) settings: SourceSettings,
    /// Whether it has an external id. The id identifies the lead, as the phone does.
    pub(crate) by_id: bool,
    /// Seconds from the receipt of the person's first submission to the receipt of this one.
    pub(crate) after: i64,
    pub(crate) phone: Option<SubmittedValue>,
    pub(crate) email: Option<SubmittedValue>,
    pub(crate) consent: Option<SubmittedConsent>,
    pub(crate) opt_out: bool,
    pub(crate) test: Test,
}

impl Post {
    /// A submission without any value.
    pub(crate) fn empty(verb: &'static str) -> Self {
        Self {
            verb,
            with: Vec::new(),
            settings: PLAIN,
            by_id: false,
            after: 0,
            phone: None,
            email: None,
            consent: None,
            opt_out: false,
            test: Test::No,
        }
    }

    /// Its values and missing values in words. Default values are not mentioned.
    fn words(&self) -> String {
        let with = self.with.iter().filter(|words| !words.is_empty()).cloned().collect::<Vec<_>>().join(", ");
        let with = if with.is_empty() { with } else { format!(" {with}") };
        let settings = self.settings.words().map(|settings| format!(" {settings}")).unwrap_or_default();
        format!("{}{with}{settings}", self.verb)
    }

    /// Adds words that its values do not supply.
    pub(crate) fn with_words(mut self, words: impl Into<String>) -> Self {
        self.with.push(words.into());
        self
    }

    pub(crate) fn to(self, settings: SourceSettings) -> Self {
        Self { settings, ..self }
    }

    pub(crate) fn with_external_id(self) -> Self {
        Self { by_id: true, ..self }
    }

    pub(crate) fn later(self, seconds: i64) -> Self {
        Self { after: seconds, ..self }
    }

    pub(crate) fn phone(self, phone: SubmittedValue) -> Self {
        let words = phone.words.clone();
        Self { phone: Some(phone), ..self.with_words(words) }
    }

    pub(crate) fn without_phone(self) -> Self {
        Self { phone: None, ..self.with_words("without a phone") }
    }

    pub(crate) fn email(self, email: SubmittedValue) -> Self {
        let words = email.words.clone();
        Self { email: Some(email), ..self.with_words(words) }
    }

    pub(crate) fn without_email(self) -> Self {
        Self { email: None, ..self.with_words("without an email") }
    }

    pub(crate) fn consent(self, consent: SubmittedConsent) -> Self {
        let words = consent.words.clone();
        Self { consent: Some(consent), ..self.with_words(words) }
    }

    pub(crate) fn without_consent(self) -> Self {
        Self { consent: None, ..self.with_words("without consent") }
    }

    pub(crate) fn opted_out(self) -> Self {
        Self { opt_out: true, ..self.with_words("with an opt-out") }
    }

    pub(crate) fn test(self, test: Test) -> Self {
        let words = match test {
            Test::No => "",
            Test::Marked => "marked as a test",
            Test::ByKey => "with a test key",
        };
        Self { test, ..self.with_words(words) }
    }
}
