//! What ought to become of a story, by the rules as people are told them (`docs/compliance.md`, `docs/suppression.md`,
//! `docs/reasons.md`), out of what each value means. Nothing of the product is called here.

use leadgate_domain::{Reason, SuppressionKind};

use crate::story::{Entry, Event, From, Lasts, PolicyName, Post, Test, Way, Which, Whose};
use crate::values::{Consented, DAY, MINUTE, Means, SECOND};

/// All reasons that hold the lead which the last submission made or met; none for one that may be called.
pub(crate) fn reasons(events: &[Event]) -> Vec<Reason> {
    let lead = Told::of(events);
    let listed = listed(events);
    let on = |kind, held: Option<Means>| {
        let holds = |entry: &&Entry| entry.kind == kind && entry.holds.map(Means::Own) == held;
        held.is_some() && listed.iter().any(holds)
    };
    let phone = lead.last(|post| post.phone.as_ref().map(|phone| phone.means));
    let email = lead.last(|post| post.email.as_ref().map(|email| email.means));
    let all = [
        (Reason::TestLead, lead.posts[0].test != Test::No),
        (Reason::PhoneMissing, phone.is_none_or(|phone| phone == Means::Nothing)),
        (
            Reason::NoContact,
            [phone, email].iter().all(|means| means.is_none_or(|means| means == Means::Nothing)),
        ),
        (Reason::PhoneInvalid, phone == Some(Means::Unreadable)),
        (Reason::PhoneAmbiguous, phone == Some(Means::Ambiguous)),
        (Reason::OptedOut, lead.opted_out),
        (Reason::SuppressedPhone, on(SuppressionKind::Phone, phone)),
        (Reason::SuppressedEmail, on(SuppressionKind::Email, email)),
        (Reason::SuppressedDomain, on(SuppressionKind::Domain, email)),
        (Reason::ConsentRefused, lead.consent_is(Consent::Refused)),
        (Reason::ConsentMissing, lead.consent_is(Consent::Missing)),
        (Reason::ConsentIncomplete, lead.consent_is(Consent::Incomplete)),
        (Reason::ConsentInFuture, lead.consent_is(Consent::InFuture)),
        (Reason::ConsentExpired, lead.consent_is(Consent::Expired)),
        (Reason::ConsentForOtherPhone, lead.consent_is_for_other_phone()),
    ];
    all.into_iter().filter_map(|(reason, applies)| applies.then_some(reason)).collect()
}

/// Whether the last submission names a person who was erased while it was in the queue: then nothing is left of it.
pub(crate) fn is_erased(events: &[Event]) -> bool {
    let on_the_way = events.iter().rposition(|event| matches!(event, Event::Accepted(_)));
    let since = on_the_way.map_or(&[][..], |at| &events[at..]);
    let Some(Event::Accepted(post)) = since.first() else { return false };
    if since.iter().any(|event| matches!(event, Event::Posted(_) | Event::Raced(..))) {
        return false;
    }
    let own = Told { posts: vec![post], opted_out: false };
    let mut erased = since.iter().filter_map(|event| match event {
        Event::Erased(erasure) => Some(erasure),
        _ => None,
    });
    erased.any(|erasure| erasure.entries().any(|entry| own.has(entry)))
}

/// When the consent of a lead that may be called ends, in microseconds after the first submission.
pub(crate) fn until(events: &[Event]) -> Option<i64> {
    let lead = Told::of(events);
    match lead.consent() {
        Consent::Good { until } if reasons(events).is_empty() => until,
        _ => None,
    }
}

/// The entries of the organization's own lists that hold somebody after everything has happened.
fn listed(events: &[Event]) -> Vec<&Entry> {
    let mut listed: Vec<&Entry> = Vec::new();
    for event in events {
        match event {
            Event::Listed(entry) | Event::Raced(_, entry) if entry.lasts != Lasts::Over => listed.push(entry),
            Event::Erased(erasure) => listed.extend(erasure.entries()),
            Event::Removed(gone, From::AllLists) => listed.retain(|entry| entry.value != gone.value),
            Event::Removed(gone, From::ItsList) | Event::Ended(gone) => {
                listed.retain(|entry| (&entry.value, entry.list) != (&gone.value, gone.list));
            }
            _ => {}
        }
    }
    listed.retain(|entry| entry.whose == Whose::Ours);
    listed
}

fn is_old(held: &Held, post: &Post) -> bool {
    matches!(held.key, Key::Phone(_)) && (post.after - held.seen) * SECOND > 30 * DAY
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

/// What was said about a lead.
#[derive(Default)]
struct Told<'e> {
    /// Those that it is made of, in the order of their receipt.
    posts: Vec<&'e Post>,
    opted_out: bool,
}

/// By what a lead is recognized: an id for ever, a phone for 30 days after it was last seen.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Id(Way),
    Phone(Which),
}

/// Who holds a key, and when it was last seen.
struct Held {
    key: Key,
    lead: usize,
    seen: i64,
}

/// A test holds no key and meets nobody.
fn keys(post: &Post) -> Vec<Key> {
    let phone = match post.phone.as_ref().map(|phone| phone.means) {
        Some(Means::Own(which)) => Some(Key::Phone(which)),
        _ => None,
    };
    let id = post.by_id.then_some(Key::Id(post.way));
    id.into_iter().chain(phone).filter(|_| post.test == Test::No).collect()
}

impl<'e> Told<'e> {
    /// The lead that the last submission made or met.
    fn of(events: &'e [Event]) -> Self {
        let (mut leads, mut held, mut last) = (Vec::<Self>::new(), Vec::<Held>::new(), 0);
        // Who asked not to be contacted, by phone or email: nobody contacts them as whichever lead.
        let mut opted = Vec::<(SuppressionKind, Means)>::new();
        let mut on_the_way = None;
        for event in events {
            let stored = match event {
                Event::Accepted(post) => {
                    on_the_way = Some(post);
                    None
                }
                Event::Committed => on_the_way.take(),
                Event::Erased(erasure) => {
                    held.retain(|one| !erasure.entries().any(|entry| leads[one.lead].has(entry)));
                    None
                }
                Event::Removed(gone, From::AllLists) => {
                    opted.retain(|one| {
                        gone.is_digest() || Some(one.1) != gone.holds.map(Means::Own) || one.0 != gone.kind
                    });
                    None
                }
                other => other.post(),
            };
            let Some(post) = stored else { continue };
            let keys = keys(post);
            held.retain(|one| !(is_old(one, post) && keys.contains(&one.key)));
            let holder = |key: &Key| Some(held.iter().find(|one| one.key == *key)?.lead);
            let named: Vec<usize> = keys.iter().filter_map(holder).collect();
            last = match named.first() {
                Some(met) if post.way.policy != PolicyName::Create => *met,
                _ => leads.len(),
            };
            if last == leads.len() {
                leads.push(Self { posts: vec![post], opted_out: post.opt_out });
            } else if post.way.policy == PolicyName::Update {
                leads[last].posts.push(post);
            }
            // Whoever asks not to be contacted is heard, whatever else is made of what they sent.
            named.iter().for_each(|lead| leads[*lead].opted_out |= post.opt_out);
            if post.opt_out && post.test == Test::No {
                let made = post.way.policy == PolicyName::Update || last == leads.len() - 1;
                let reached = named.iter().copied().chain(made.then_some(last));
                opted.extend(reached.flat_map(|lead| leads[lead].contacts()));
                opted.extend(Self { posts: vec![post], opted_out: true }.contacts());
            }
            for key in keys {
                match held.iter_mut().find(|one| one.key == key) {
                    Some(one) if one.lead == last => one.seen = one.seen.max(post.after),
                    Some(_) => {}
                    None => held.push(Held { key, lead: last, seen: post.after }),
                }
            }
        }
        let mut lead = leads.swap_remove(last);
        lead.posts.sort_by_key(|post| post.after);
        lead.opted_out |= lead.contacts().iter().any(|contact| opted.contains(contact));
        lead
    }

    /// Its phone and its email, as far as they are somebody's.
    fn contacts(&self) -> Vec<(SuppressionKind, Means)> {
        let mut posts = self.posts.clone();
        posts.sort_by_key(|post| std::cmp::Reverse(post.after));
        let phone = posts.iter().find_map(|post| Some((SuppressionKind::Phone, post.phone.as_ref()?.means)));
        let email = posts.iter().find_map(|post| Some((SuppressionKind::Email, post.email.as_ref()?.means)));
        phone.into_iter().chain(email).filter(|(_, means)| matches!(means, Means::Own(_))).collect()
    }

    /// Whether it has the phone or the email that an entry is about.
    fn has(&self, entry: &Entry) -> bool {
        self.contacts()
            .iter()
            .any(|(kind, means)| *kind == entry.kind && Some(*means) == entry.holds.map(Means::Own))
    }

    /// What was said last about something; what is not said changes nothing.
    fn last<T>(&self, said: impl Fn(&'e Post) -> Option<T>) -> Option<T> {
        self.posts.iter().rev().find_map(|post| said(post))
    }

    fn consent_is(&self, consent: Consent) -> bool {
        self.consent() == consent
    }

    /// Whether a phone came with the consent that counts, and it is not the one that counts.
    fn consent_is_for_other_phone(&self) -> bool {
        let phone = self.last(|post| post.phone.as_ref());
        let consented = self.last(|post| Some((post.consent.as_ref()?.means, post.phone.as_ref())));
        let (Some((means, Some(consented))), Some(phone)) = (consented, phone) else { return false };
        let is_required =
            !matches!(self.consent(), Consent::NotRequired | Consent::Refused) && means != Consented::Nothing;
        is_required
            && match (consented.means, phone.means) {
                (Means::Nothing, _) | (_, Means::Nothing) => false,
                (Means::Unreadable, Means::Unreadable) => consented.text != phone.text,
                (with, now) => with != now,
            }
    }

    fn consent(&self) -> Consent {
        let said = self.last(|post| Some((post.consent.as_ref()?.means, post.after * SECOND)));
        if matches!(said, Some((Consented::Refused, _))) {
            return Consent::Refused;
        }
        if !self.posts.iter().any(|post| post.way.consent_required) {
            return Consent::NotRequired;
        }
        let (given, received) = match said {
            None | Some((Consented::Nothing | Consented::Refused, _)) => return Consent::Missing,
            Some((Consented::Incomplete, _)) => return Consent::Incomplete,
            Some((Consented::Given(offset), received)) => (received + offset, received),
        };
        let last_heard = self.posts.iter().map(|post| post.after * SECOND).max().unwrap();
        let shortest = self.posts.iter().filter_map(|post| post.way.max_age_days).min();
        let until = shortest.map(|days| given + days * DAY);
        if given > received + 5 * MINUTE {
            Consent::InFuture
        } else if until.is_some_and(|until| until < last_heard) {
            Consent::Expired
        } else {
            Consent::Good { until }
        }
    }
}
