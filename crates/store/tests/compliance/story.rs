//! What may happen to a person's lead: said in words, played against a store, judged by the oracle.

use leadgate_domain::{DuplicatePolicy, SuppressionKind};

use crate::values::{Consenting, Written};

/// Which of a person's two phones, or two emails at two domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    First,
    Second,
}

/// A row of the table: what happens about one person, and nobody else.
pub(crate) struct Case {
    pub(crate) number: usize,
    pub(crate) chapter: &'static str,
    pub(crate) events: Vec<Event>,
}

impl Case {
    pub(crate) fn words(&self) -> String {
        self.events.iter().map(Event::words).collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn comes_after_erasure(&self, post: &Post) -> bool {
        let is_this = |event: &&Event| event.post().is_some_and(|one| std::ptr::eq(one, post));
        let before = self.events.iter().take_while(|event| !is_this(event));
        before.into_iter().any(|event| matches!(event, Event::Erased(_)))
    }

    pub(crate) fn posts(&self) -> impl Iterator<Item = &Post> {
        self.events.iter().filter_map(Event::post)
    }
}

pub(crate) enum Event {
    Listed(Entry),
    /// Taken off the list it names, or off all.
    Removed(Entry, From),
    /// The time comes until which an entry was to hold.
    Ended(Entry),
    Posted(Post),
    /// Accepted and read by a worker that has not begun its transaction.
    Accepted(Post),
    Committed,
    /// The entry is added while the transaction of the post is under way and has read the lists.
    Raced(Post, Entry),
    Erased(Erasure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    ItsList,
    AllLists,
}

impl Event {
    pub(crate) fn post(&self) -> Option<&Post> {
        match self {
            Self::Posted(post) | Self::Accepted(post) | Self::Raced(post, _) => Some(post),
            Self::Listed(_) | Self::Removed(..) | Self::Ended(_) | Self::Committed | Self::Erased(_) => None,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Listed(entry) => format!("{} is listed{}", entry.words, entry.lasts.words()),
            Self::Removed(entry, From::AllLists) => format!("{} is taken off all lists", entry.words),
            Self::Removed(entry, From::ItsList) => format!("{} is taken off that list", entry.words),
            Self::Ended(entry) => format!("the time of {} on the list ends", entry.words),
            Self::Posted(post) => post.words(),
            Self::Accepted(post) => format!("{}, and is queued", post.words()),
            Self::Committed => "the lead reaches the store".to_owned(),
            Self::Raced(post, entry) => {
                format!("{}; while it is being stored {} is listed", post.words(), entry.words)
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
    pub(crate) value: Listing,
    pub(crate) list: &'static str,
    pub(crate) lasts: Lasts,
    pub(crate) whose: Whose,
    /// Whom it holds: leads with this phone or email; `None` for nobody of this story.
    pub(crate) holds: Option<Which>,
}

/// How the value is given.
#[derive(Clone, PartialEq)]
pub(crate) enum Listing {
    Plain {
        text: String,
        region: Option<&'static str>,
    },
    /// The SHA-256 of this text.
    DigestOf(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasts {
    ForEver,
    /// Until a time that has not come.
    Long,
    /// Until a time that was over when it was added.
    Over,
}

impl Lasts {
    fn words(self) -> &'static str {
        match self {
            Self::ForEver => "",
            Self::Long => " for a year",
            Self::Over => " until yesterday",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Ours,
    AnotherOrganizations,
}

impl Entry {
    pub(crate) fn is_digest(&self) -> bool {
        matches!(self.value, Listing::DigestOf(_))
    }

    pub(crate) fn on(self, list: &'static str) -> Self {
        Self { words: format!("{} on `{list}`", self.words), list, ..self }
    }

    pub(crate) fn lasting(self, lasts: Lasts) -> Self {
        Self { lasts, ..self }
    }

    pub(crate) fn of_another(self) -> Self {
        let words = format!("{}, by another organization,", self.words);
        Self { words, whose: Whose::AnotherOrganizations, holds: None, ..self }
    }
}

/// Everything about a person is erased.
pub(crate) struct Erasure {
    /// What is known of the person.
    pub(crate) given: Vec<Entry>,
    /// What stored leads show to be the person's, too.
    pub(crate) beside: Vec<Entry>,
}

impl Erasure {
    fn words(&self) -> String {
        let given = self.given.iter().map(|entry| entry.words.as_str()).collect::<Vec<_>>();
        format!("the person with {} is erased", given.join(" and "))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.given.iter().chain(&self.beside)
    }
}

/// What a source asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    pub(crate) policy: PolicyName,
    pub(crate) consent_required: bool,
    pub(crate) max_age_days: Option<i64>,
    pub(crate) region: Option<&'static str>,
}

/// [`Policy`] in an order.
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

pub(crate) const PLAIN: Way =
    Way { policy: PolicyName::ReturnExisting, consent_required: true, max_age_days: None, region: None };
pub(crate) const UPDATING: Way = Way { policy: PolicyName::Update, ..PLAIN };
pub(crate) const OPTIONAL: Way = Way { consent_required: false, ..UPDATING };

impl Way {
    /// What of it is not as usual.
    fn words(self) -> Option<String> {
        let policy = match self.policy {
            PolicyName::ReturnExisting | PolicyName::Update => None,
            PolicyName::Link => Some("links".to_owned()),
            PolicyName::Create => Some("makes a lead of every post".to_owned()),
        };
        let consent = (!self.consent_required).then(|| "requires no consent".to_owned());
        let age = self.max_age_days.map(|days| format!("takes consent of up to {days} days"));
        let region = self.region.map(|region| format!("reads phones as of {region}"));
        let all: Vec<_> = [policy, consent, age, region].into_iter().flatten().collect();
        (!all.is_empty()).then(|| format!("to a source that {}", all.join(" and ")))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    No,
    Said,
    ByKey,
}

/// A submission.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) verb: &'static str,
    pub(crate) with: Vec<String>,
    pub(crate) way: Way,
    /// The person's number in somebody's records, by which a lead is recognized besides its phone.
    pub(crate) by_id: bool,
    /// Seconds between the person's first submission and this one, in the order of receipt.
    pub(crate) after: i64,
    pub(crate) phone: Option<Written>,
    pub(crate) email: Option<Written>,
    pub(crate) consent: Option<Consenting>,
    pub(crate) opt_out: bool,
    pub(crate) test: Test,
}

impl Post {
    /// Says nothing yet.
    pub(crate) fn nothing(verb: &'static str) -> Self {
        Self {
            verb,
            with: Vec::new(),
            way: PLAIN,
            by_id: false,
            after: 0,
            phone: None,
            email: None,
            consent: None,
            opt_out: false,
            test: Test::No,
        }
    }

    /// What it says, or does not say, in words; nothing for what is usual.
    fn words(&self) -> String {
        let with = self.with.iter().filter(|words| !words.is_empty()).cloned().collect::<Vec<_>>().join(", ");
        let with = if with.is_empty() { with } else { format!(" {with}") };
        let way = self.way.words().map(|way| format!(" {way}")).unwrap_or_default();
        format!("{}{with}{way}", self.verb)
    }

    /// Says something more about itself than its values do.
    pub(crate) fn told(mut self, words: impl Into<String>) -> Self {
        self.with.push(words.into());
        self
    }

    pub(crate) fn to(self, way: Way) -> Self {
        Self { way, ..self }
    }

    pub(crate) fn known_by_id(self) -> Self {
        Self { by_id: true, ..self }
    }

    pub(crate) fn later(self, seconds: i64) -> Self {
        Self { after: seconds, ..self }
    }

    pub(crate) fn phone(self, phone: Written) -> Self {
        let words = phone.words.clone();
        Self { phone: Some(phone), ..self.told(words) }
    }

    pub(crate) fn without_phone(self) -> Self {
        Self { phone: None, ..self.told("without a phone") }
    }

    pub(crate) fn email(self, email: Written) -> Self {
        let words = email.words.clone();
        Self { email: Some(email), ..self.told(words) }
    }

    pub(crate) fn without_email(self) -> Self {
        Self { email: None, ..self.told("without an email") }
    }

    pub(crate) fn consent(self, consent: Consenting) -> Self {
        let words = consent.words.clone();
        Self { consent: Some(consent), ..self.told(words) }
    }

    pub(crate) fn without_consent(self) -> Self {
        Self { consent: None, ..self.told("without consent") }
    }

    pub(crate) fn opted_out(self) -> Self {
        Self { opt_out: true, ..self.told("with an opt-out") }
    }

    pub(crate) fn test(self, test: Test) -> Self {
        let words = match test {
            Test::No => "",
            Test::Said => "that says it is a test",
            Test::ByKey => "posted with a test key",
        };
        Self { test, ..self.told(words) }
    }
}
