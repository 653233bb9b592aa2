//! The expected result of a case. It follows the documented rules (`docs/compliance.md`,
//! `docs/suppression.md`, `docs/reasons.md`) and uses the stated meaning of each value. It calls no product
//! code.

use leadgate_domain::{Reason, SuppressionKind};

use crate::story::{
    Entry, EntryExpiry, Event, Owner, PolicyName, Post, RemovedFrom, SourceSettings, Test, Which,
};
use crate::values::{ConsentMeaning, DAY, MINUTE, Meaning, SECOND};

/// All reasons that hold the lead which the last submission created or matched. An eligible lead has none.
pub(crate) fn reasons(events: &[Event]) -> Vec<Reason> {
    let lead = ExpectedLead::of(events);
    let listed = listed(events);
    let is_listed = |kind, value: Option<Meaning>| {
        let matches = |entry: &&Entry| entry.kind == kind && entry.holds.map(Meaning::Own) == value;
        value.is_some() && listed.iter().any(matches)
    };
    let phone = lead.last(|post| post.phone.as_ref().map(|phone| phone.meaning));
    let email = lead.last(|post| post.email.as_ref().map(|email| email.meaning));
    let all = [
        (Reason::TestLead, lead.posts[0].test != Test::No),
        (Reason::PhoneMissing, phone.is_none_or(|phone| phone == Meaning::Absent)),
        (
            Reason::NoContact,
            [phone, email].iter().all(|meaning| meaning.is_none_or(|meaning| meaning == Meaning::Absent)),
        ),
        (Reason::PhoneInvalid, phone == Some(Meaning::Unreadable)),
        (Reason::PhoneAmbiguous, phone == Some(Meaning::Ambiguous)),
        (Reason::OptedOut, lead.opted_out),
        (Reason::SuppressedPhone, is_listed(SuppressionKind::Phone, phone)),
        (Reason::SuppressedEmail, is_listed(SuppressionKind::Email, email)),
        (Reason::SuppressedDomain, is_listed(SuppressionKind::Domain, email)),
        (Reason::ConsentRefused, lead.consent_is(Consent::Refused)),
        (Reason::ConsentMissing, lead.consent_is(Consent::Missing)),
        (Reason::ConsentIncomplete, lead.consent_is(Consent::Incomplete)),
        (Reason::ConsentInFuture, lead.consent_is(Consent::InFuture)),
        (Reason::ConsentExpired, lead.consent_is(Consent::Expired)),
        (Reason::ConsentForOtherPhone, lead.consent_is_for_other_phone()),
    ];
    all.into_iter().filter_map(|(reason, applies)| applies.then_some(reason)).collect()
}

/// Whether the person of the last submission was erased while it was in the queue. Then the submission is
/// erased too.
pub(crate) fn is_erased(events: &[Event]) -> bool {
    let queued = events.iter().rposition(|event| matches!(event, Event::Accepted(_)));
    let since_queued = queued.map_or(&[][..], |at| &events[at..]);
    let Some(Event::Accepted(post)) = since_queued.first() else { return false };
    if since_queued.iter().any(|event| matches!(event, Event::Posted(_) | Event::ListedDuringCommit(..))) {
        return false;
    }
    let queued_lead = ExpectedLead { posts: vec![post], opted_out: false };
    let mut erasures = since_queued.iter().filter_map(|event| match event {
        Event::Erased(erasure) => Some(erasure),
        _ => None,
    });
    erasures.any(|erasure| erasure.entries().any(|entry| queued_lead.has(entry)))
}

/// When the consent of an eligible lead expires, in microseconds after the first submission.
pub(crate) fn eligible_until(events: &[Event]) -> Option<i64> {
    let lead = ExpectedLead::of(events);
    match lead.consent() {
        Consent::Good { until } if reasons(events).is_empty() => until,
        _ => None,
    }
}

/// The entries of the organization's own lists that are active after all events.
fn listed(events: &[Event]) -> Vec<&Entry> {
    let mut listed: Vec<&Entry> = Vec::new();
    for event in events {
        match event {
            Event::Listed(entry) | Event::ListedDuringCommit(_, entry)
                if entry.expiry != EntryExpiry::Past =>
            {
                listed.push(entry)
            }
            Event::Erased(erasure) => listed.extend(erasure.entries()),
            Event::Removed(removed, RemovedFrom::AllLists) => {
                listed.retain(|entry| entry.value != removed.value);
            }
            Event::Removed(removed, RemovedFrom::ItsList) | Event::Expired(removed) => {
                listed.retain(|entry| (&entry.value, entry.list) != (&removed.value, removed.list));
            }
            _ => {}
        }
    }
    listed.retain(|entry| entry.owner == Owner::OwnOrganization);
    listed
}

fn is_expired(claim: &ExpectedClaim, post: &Post) -> bool {
    matches!(claim.key, IdentityKey::Phone(_)) && (post.after - claim.last_seen) * SECOND > 30 * DAY
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consent {
    NotRequired,
    Refused,
    Missing,
    Incomplete,
    InFuture,
    Expired,
    Good { until: Option<i64> },
}

/// A lead as the rules expect it.
#[derive(Default)]
struct ExpectedLead<'e> {
    /// Its contributors, in the order of their receipt.
    posts: Vec<&'e Post>,
    opted_out: bool,
}

/// What identifies a lead: an id for ever, a phone for 30 days after it was last seen.
#[derive(Clone, Copy, PartialEq)]
enum IdentityKey {
    Id(SourceSettings),
    Phone(Which),
}

/// The lead that a key belongs to, and when the key was last seen.
struct ExpectedClaim {
    key: IdentityKey,
    lead: usize,
    last_seen: i64,
}

/// The identity keys of a submission. A test lead has none.
fn keys(post: &Post) -> Vec<IdentityKey> {
    let phone = match post.phone.as_ref().map(|phone| phone.meaning) {
        Some(Meaning::Own(which)) => Some(IdentityKey::Phone(which)),
        _ => None,
    };
    let id = post.by_id.then_some(IdentityKey::Id(post.settings));
    id.into_iter().chain(phone).filter(|_| post.test == Test::No).collect()
}

impl<'e> ExpectedLead<'e> {
    /// The lead that the last submission created or matched.
    fn of(events: &'e [Event]) -> Self {
        let (mut leads, mut claims, mut last) = (Vec::<Self>::new(), Vec::<ExpectedClaim>::new(), 0);
        // Opted-out phones and emails hold every lead that has one of them.
        let mut opted_out_contacts = Vec::<(SuppressionKind, Meaning)>::new();
        let mut queued = None;
        for event in events {
            let stored = match event {
                Event::Accepted(post) => {
                    queued = Some(post);
                    None
                }
                Event::Committed => queued.take(),
                Event::Erased(erasure) => {
                    claims.retain(|claim| !erasure.entries().any(|entry| leads[claim.lead].has(entry)));
                    None
                }
                Event::Removed(removed, RemovedFrom::AllLists) => {
                    opted_out_contacts.retain(|(kind, value)| {
                        removed.is_digest()
                            || Some(*value) != removed.holds.map(Meaning::Own)
                            || *kind != removed.kind
                    });
                    None
                }
                other => other.post(),
            };
            let Some(post) = stored else { continue };
            let keys = keys(post);
            claims.retain(|claim| !(is_expired(claim, post) && keys.contains(&claim.key)));
            let owner = |key: &IdentityKey| Some(claims.iter().find(|claim| claim.key == *key)?.lead);
            let matched: Vec<usize> = keys.iter().filter_map(owner).collect();
            last = match matched.first() {
                Some(lead) if post.settings.policy != PolicyName::Create => *lead,
                _ => leads.len(),
            };
            if last == leads.len() {
                leads.push(Self { posts: vec![post], opted_out: post.opt_out });
            } else if post.settings.policy == PolicyName::Update {
                leads[last].posts.push(post);
            }
            // An opt-out applies to every matched lead, whatever the policy does with the submission.
            matched.iter().for_each(|lead| leads[*lead].opted_out |= post.opt_out);
            if post.opt_out && post.test == Test::No {
                let contributed = post.settings.policy == PolicyName::Update || last == leads.len() - 1;
                let reached = matched.iter().copied().chain(contributed.then_some(last));
                opted_out_contacts.extend(reached.flat_map(|lead| leads[lead].contacts()));
                opted_out_contacts.extend(Self { posts: vec![post], opted_out: true }.contacts());
            }
            for key in keys {
                match claims.iter_mut().find(|claim| claim.key == key) {
                    Some(claim) if claim.lead == last => claim.last_seen = claim.last_seen.max(post.after),
                    Some(_) => {}
                    None => claims.push(ExpectedClaim { key, lead: last, last_seen: post.after }),
                }
            }
        }
        let mut lead = leads.swap_remove(last);
        lead.posts.sort_by_key(|post| post.after);
        lead.opted_out |= lead.contacts().iter().any(|contact| opted_out_contacts.contains(contact));
        lead
    }

    /// Its phone and its email, if they can be read.
    fn contacts(&self) -> Vec<(SuppressionKind, Meaning)> {
        let mut posts = self.posts.clone();
        posts.sort_by_key(|post| std::cmp::Reverse(post.after));
        let phone =
            posts.iter().find_map(|post| Some((SuppressionKind::Phone, post.phone.as_ref()?.meaning)));
        let email =
            posts.iter().find_map(|post| Some((SuppressionKind::Email, post.email.as_ref()?.meaning)));
        phone.into_iter().chain(email).filter(|(_, meaning)| matches!(meaning, Meaning::Own(_))).collect()
    }

    /// Whether it has the phone or the email of an entry.
    fn has(&self, entry: &Entry) -> bool {
        self.contacts()
            .iter()
            .any(|(kind, meaning)| *kind == entry.kind && Some(*meaning) == entry.holds.map(Meaning::Own))
    }

    /// The value of the last contributor that has one.
    fn last<T>(&self, value: impl Fn(&'e Post) -> Option<T>) -> Option<T> {
        self.posts.iter().rev().find_map(|post| value(post))
    }

    fn consent_is(&self, consent: Consent) -> bool {
        self.consent() == consent
    }

    /// Whether the last consent was submitted with a phone, and the lead now has another one.
    fn consent_is_for_other_phone(&self) -> bool {
        let phone = self.last(|post| post.phone.as_ref());
        let consented = self.last(|post| Some((post.consent.as_ref()?.meaning, post.phone.as_ref())));
        let (Some((meaning, Some(consented))), Some(phone)) = (consented, phone) else { return false };
        let is_required = !matches!(self.consent(), Consent::NotRequired | Consent::Refused)
            && meaning != ConsentMeaning::Absent;
        is_required
            && match (consented.meaning, phone.meaning) {
                (Meaning::Absent, _) | (_, Meaning::Absent) => false,
                (Meaning::Unreadable, Meaning::Unreadable) => consented.text != phone.text,
                (consented, current) => consented != current,
            }
    }

    fn consent(&self) -> Consent {
        let last_consent = self.last(|post| Some((post.consent.as_ref()?.meaning, post.after * SECOND)));
        if matches!(last_consent, Some((ConsentMeaning::Refused, _))) {
            return Consent::Refused;
        }
        if !self.posts.iter().any(|post| post.settings.consent_required) {
            return Consent::NotRequired;
        }
        let (given, received) = match last_consent {
            None | Some((ConsentMeaning::Absent | ConsentMeaning::Refused, _)) => return Consent::Missing,
            Some((ConsentMeaning::Incomplete, _)) => return Consent::Incomplete,
            Some((ConsentMeaning::Given(offset), received)) => (received + offset, received),
        };
        let last_received = self.posts.iter().map(|post| post.after * SECOND).max().unwrap();
        let shortest_max_age = self.posts.iter().filter_map(|post| post.settings.max_age_days).min();
        let until = shortest_max_age.map(|days| given + days * DAY);
        if given > received + 5 * MINUTE {
            Consent::InFuture
        } else if until.is_some_and(|until| until < last_received) {
            Consent::Expired
        } else {
            Consent::Good { until }
        }
    }
}
