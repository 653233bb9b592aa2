//! Every invariant, from the rows that are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use leadgate_domain::{
    ClaimKey, ClaimKind, DuplicatePolicy, Eligibility, Lead, LeadId, Outcome, Reason, SubmissionId, TextField,
};

use super::told::{self, Told};
use super::{Anvil, Done};

/// Who holds a key, and by which submission.
struct Held {
    lead: LeadId,
    submission: SubmissionId,
}

/// What is wrong.
pub(super) async fn all(anvil: &Anvil, policy: DuplicatePolicy) -> Vec<String> {
    // What very many leads had was left to the workers.
    anvil.world.store.rescreen(anvil.world.organization.id, anvil.world.judge(), |_| {}).await.unwrap();
    let mut told = anvil.all.lock().unwrap().clone();
    told.sort_by_key(Told::order);
    let outcomes = outcomes(anvil);
    let claims = claims(anvil);
    let leads: BTreeMap<LeadId, Lead> = leads(anvil).await;
    claims_stay(anvil);

    let mut wrong = Vec::new();
    let moved = anvil.done.moved.load(Ordering::Relaxed);
    wrong.extend((moved > 0).then(|| format!("{moved} claims moved")));
    wrong.extend(each_has_one_outcome(&told, &outcomes));
    wrong.extend(each_is_where_its_key_is(anvil, policy, &told, &outcomes, &claims));
    wrong.extend(no_orphans(policy, &outcomes, &claims, &leads));
    let listed = opted_out(anvil);
    wrong.extend(who_opted_out_is_listed(&listed, &told, &outcomes, &leads));
    wrong.extend(nobody_suppressed_is_eligible(anvil, &listed, &leads));
    wrong.extend(nothing_is_lost(policy, &told, &outcomes, &leads));
    wrong
}

type Outcomes = BTreeMap<SubmissionId, Vec<(Outcome, Option<LeadId>)>>;

fn each_has_one_outcome(told: &[Told], outcomes: &Outcomes) -> Vec<String> {
    let submitted: BTreeSet<_> = told.iter().map(|told| told.id).collect();
    let invented = outcomes.keys().filter(|id| !submitted.contains(id)).map(|id| format!("{id} is nobody's"));
    // What a suppression makes of a stored lead is one more entry of a history, and the same outcome.
    let distinct = |told: &Told| {
        let all = outcomes.get(&told.id).into_iter().flatten();
        all.map(|(outcome, lead)| (*outcome, *lead)).collect::<BTreeSet<_>>().len()
    };
    let one = |told: &Told| match distinct(told) {
        1 => None,
        several => Some(format!("{} has {several} outcomes", told.id)),
    };
    invented.chain(told.iter().filter_map(one)).collect()
}

/// Without expiry a claim never moves. So the first key that somebody supplied names their lead, whoever was first:
/// there is at most one lead for each key. Under `create` everybody is a lead of their own.
fn each_is_where_its_key_is(
    anvil: &Anvil,
    policy: DuplicatePolicy,
    told: &[Told],
    outcomes: &Outcomes,
    claims: &BTreeMap<String, Held>,
) -> Vec<String> {
    let names = names(anvil);
    let known = match policy {
        DuplicatePolicy::ReturnExisting => Outcome::Duplicate,
        DuplicatePolicy::Update => Outcome::Updated,
        DuplicatePolicy::Link => Outcome::Linked,
        DuplicatePolicy::Create => Outcome::Created,
    };
    let one = |told: &Told| {
        let (outcome, lead) = outcomes.get(&told.id)?.first().copied()?;
        let (own, lead) = (LeadId::from(told.id), lead?);
        let key = told.external_id.map(told::external_id).or_else(|| told.phone.map(told::phone))?;
        let holder = names.get(&key).and_then(|key| claims.get(key)).map(|held| held.lead);
        let as_it_should = match policy {
            DuplicatePolicy::Create => outcome == Outcome::Created && lead == own && holder.is_some(),
            _ => holder == Some(lead) && outcome == if lead == own { Outcome::Created } else { known },
        };
        (!as_it_should).then(|| format!("{} ended as {outcome} with {lead}; {key} is {holder:?}", told.id))
    };
    told.iter().filter_map(one).collect()
}

fn no_orphans(
    policy: DuplicatePolicy,
    outcomes: &Outcomes,
    claims: &BTreeMap<String, Held>,
    leads: &BTreeMap<LeadId, Lead>,
) -> Vec<String> {
    let orphans = claims.values().filter(|held| !leads.contains_key(&held.lead));
    let orphans = orphans.map(|held| format!("a claim names {}, who is not there", held.lead));
    let ended = outcomes.values().flatten().filter_map(|(_, lead)| *lead);
    let lost = ended.filter(|lead| !leads.contains_key(lead)).map(|lead| format!("{lead} is not there"));
    let made: BTreeSet<LeadId> = outcomes
        .iter()
        .filter(|(_, ended)| ended.iter().any(|(outcome, _)| *outcome == Outcome::Created))
        .map(|(id, _)| LeadId::from(*id))
        .collect();
    let unmade = leads.keys().filter(|lead| !made.contains(lead)).map(|lead| format!("nobody made {lead}"));
    // Under `create` a claim is its taker's; else that of the lead that its taker made or met.
    let taken = claims.values().filter(|held| {
        let ended = outcomes.get(&held.submission).and_then(|ended| ended.first());
        let own = policy != DuplicatePolicy::Create || held.lead == LeadId::from(held.submission);
        ended.is_none_or(|(_, lead)| *lead != Some(held.lead)) || !own
    });
    let taken = taken.map(|held| format!("the claim of {} was not taken by {}", held.lead, held.submission));
    orphans.chain(lost).chain(unmade).chain(taken).collect()
}

/// The phone of every opt-out, and besides those only phones that leads had which opted out.
fn who_opted_out_is_listed(
    listed: &BTreeSet<String>,
    told: &[Told],
    outcomes: &Outcomes,
    leads: &BTreeMap<LeadId, Lead>,
) -> Vec<String> {
    let said = |opted: &dyn Fn(&Told) -> bool| -> BTreeSet<String> {
        told.iter().filter(|told| opted(told)).filter_map(|told| Some(told::phone(told.phone?))).collect()
    };
    let own = said(&|told| told.opts_out);
    let of_leads = said(&|told| {
        let ended = outcomes.get(&told.id).and_then(|ended| ended.first());
        let lead = ended.and_then(|(_, lead)| leads.get(&(*lead)?));
        lead.is_some_and(|lead| lead.opt_out)
    });
    let missing = own.difference(listed).map(|phone| format!("{phone} opted out and is not listed"));
    let invented = listed.iter().filter(|phone| !own.contains(*phone) && !of_leads.contains(*phone));
    missing.chain(invented.map(|phone| format!("{phone} is listed and did not opt out"))).collect()
}

fn nobody_suppressed_is_eligible(
    anvil: &Anvil,
    opted_out: &BTreeSet<String>,
    leads: &BTreeMap<LeadId, Lead>,
) -> Vec<String> {
    let suppressed = anvil.suppressed.lock().unwrap();
    let one = |lead: &Lead| {
        let is_suppressed = lead.e164().is_some_and(|phone| suppressed.contains(phone));
        let is_out = lead.opt_out || lead.e164().is_some_and(|phone| opted_out.contains(phone));
        // Whether rightly so is looked at where it is known what was said.
        let consents = lead.consent.is_some() && !lead.reasons.contains(&Reason::ConsentForOtherPhone);
        let is_good = lead.e164().is_some() && consents && !is_out && !is_suppressed;
        let agrees = lead.reasons.contains(&Reason::SuppressedPhone) == is_suppressed
            && lead.reasons.contains(&Reason::OptedOut) == is_out
            && (lead.eligibility == Eligibility::Eligible) == is_good;
        (!agrees).then(|| format!("{} is {:?}, {:?}", lead.id, lead.eligibility, lead.reasons))
    };
    let eligible = leads.values().filter(|lead| lead.eligibility == Eligibility::Eligible).count();
    let nobody = (eligible == 0).then(|| "nobody at all is eligible".to_owned());
    leads.values().filter_map(one).chain(nobody).collect()
}

/// Each lead says what its submissions say, one over the other in the order in which they came: under `update` all
/// that met it, under the other policies the one that made it.
fn nothing_is_lost(
    policy: DuplicatePolicy,
    told: &[Told],
    outcomes: &Outcomes,
    leads: &BTreeMap<LeadId, Lead>,
) -> Vec<String> {
    let mut of: BTreeMap<LeadId, Vec<&Told>> = BTreeMap::new();
    for told in told {
        let ended = outcomes.get(&told.id).and_then(|ended| ended.first());
        if let Some((outcome, Some(lead))) = ended
            && (policy == DuplicatePolicy::Update || *outcome == Outcome::Created)
        {
            of.entry(*lead).or_default().push(told);
        }
    }
    let one = |lead: &Lead| {
        let own = of.get(&lead.id).map_or(&[][..], Vec::as_slice);
        let mut expected = folded(own);
        // An opt-out is heard by whoever held one of its keys, whatever else became of it.
        if lead.opt_out && !expected.opted_out {
            // Whoever met a lead brought free keys along.
            let met = |told: &&Told| {
                let ended = outcomes.get(&told.id).and_then(|ended| ended.first());
                ended.is_some_and(|(_, met)| *met == Some(lead.id))
            };
            let met: Vec<_> = told.iter().filter(met).collect();
            let shares = |out: &&Told| {
                met.iter().any(|own| {
                    (own.phone.is_some() && own.phone == out.phone)
                        || (own.external_id.is_some() && own.external_id == out.external_id)
                })
            };
            expected.opted_out = told.iter().filter(|told| told.opts_out).any(|out| shares(&out));
        }
        if lead.opt_out {
            let (received_at, updated_at) = expected.received_and_updated;
            expected.received_and_updated = (received_at, updated_at.max(lead.updated_at.as_microseconds()));
        }
        let differs = expected != said(lead);
        differs.then(|| format!("{} says {:?} and not {expected:?}", lead.id, said(lead)))
    };
    leads.values().filter_map(one).collect()
}

/// What a lead says of what the hammer varies.
#[derive(Debug, Default, PartialEq)]
struct Says {
    phone: Option<String>,
    external_id: Option<String>,
    name: Option<String>,
    custom: BTreeMap<String, Option<u64>>,
    tags: BTreeSet<String>,
    consents: bool,
    consents_for_other_phone: bool,
    opted_out: bool,
    received_and_updated: (i64, i64),
}

/// Written once more, and simpler: last one wins.
fn folded(told: &[&Told]) -> Says {
    let mut says = Says::default();
    let mut consented = None;
    for told in told {
        says.phone = told.phone.map(told::phone).or(says.phone);
        says.external_id = told.external_id.map(told::external_id).or(says.external_id);
        says.name = told.name.map_or(says.name, |name| name.map(told::name_of));
        if let Some((key, value)) = told.custom {
            says.custom.insert(told::custom_key(key), value.map(u64::from));
        }
        says.tags.extend(told.tag.map(told::tag));
        says.consents |= told.consents;
        consented = if told.consents { told.phone.map(told::phone) } else { consented };
        says.opted_out |= told.opts_out;
    }
    says.custom.retain(|_, value| value.is_some());
    says.consents_for_other_phone = consented.is_some() && says.phone.is_some() && consented != says.phone;
    let at = |told: Option<&&Told>| told.map_or(0, |told| told.received_at.as_microseconds());
    says.received_and_updated = (at(told.first()), at(told.last()));
    says
}

fn said(lead: &Lead) -> Says {
    Says {
        phone: lead.e164().map(str::to_owned),
        external_id: lead.texts.get(&TextField::ExternalId).cloned(),
        name: lead.texts.get(&TextField::FullName).cloned(),
        custom: lead.custom_fields.iter().map(|(key, value)| (key.clone(), value.as_u64())).collect(),
        tags: lead.tags.clone(),
        consents: lead.consent.is_some(),
        consents_for_other_phone: lead.reasons.contains(&Reason::ConsentForOtherPhone),
        opted_out: lead.opt_out,
        received_and_updated: (lead.received_at.as_microseconds(), lead.updated_at.as_microseconds()),
    }
}

/// Looks at who holds which key, and counts those that somebody else held before.
pub(super) fn claims_stay(anvil: &Anvil) {
    for (key, now) in claims(anvil) {
        let before = *anvil.held.lock().unwrap().entry(key).or_insert(now.lead);
        Done::add(&anvil.done.moved, usize::from(before != now.lead));
    }
}

/// As PostgreSQL counts them; SQLite has one writer.
pub(super) fn deadlocks(anvil: &Anvil) -> String {
    if anvil.world.config.url.starts_with("sqlite:") {
        return "no".to_owned();
    }
    let sql =
        "SELECT CAST(deadlocks AS TEXT) AS line FROM pg_stat_database WHERE datname = current_database()";
    anvil.world.lines(sql).concat()
}

/// By the hash of the key: nobody else can say whose it is.
fn claims(anvil: &Anvil) -> BTreeMap<String, Held> {
    let sqlite = anvil.world.config.url.starts_with("sqlite:");
    let key = if sqlite { "lower(hex(key))" } else { "encode(key, 'hex')" };
    let sql = format!(
        "SELECT {key} || ' ' || CAST(lead AS TEXT) || ' ' || CAST(submission AS TEXT) AS line FROM claims"
    );
    let held = |line: String| {
        let mut words = line.split(' ');
        let key = words.next()?.to_owned();
        Some((key, Held { lead: words.next()?.parse().ok()?, submission: words.next()?.parse().ok()? }))
    };
    anvil.world.lines(&sql).into_iter().map(|line| held(line).unwrap()).collect()
}

fn opted_out(anvil: &Anvil) -> BTreeSet<String> {
    let sql = "SELECT value AS line FROM suppressions WHERE list = 'opted_out'";
    anvil.world.lines(sql).into_iter().collect()
}

/// The hash of each key.
fn names(anvil: &Anvil) -> BTreeMap<String, String> {
    let (matching, source) = (&anvil.matching, &anvil.source);
    let name = |kind, value: String| {
        let key = ClaimKey::new(matching, source.organization, source.id, kind, &value).unwrap();
        (value, key.key.to_string())
    };
    let numbers = 0..super::KEYS;
    let external = numbers.clone().map(|n| name(ClaimKind::ExternalId, told::external_id(n)));
    external.chain(numbers.map(|n| name(ClaimKind::Phone, told::phone(n)))).collect()
}

fn outcomes(anvil: &Anvil) -> Outcomes {
    let sql =
        "SELECT CAST(submission AS TEXT) || ' ' || outcome || ' ' || coalesce(CAST(lead AS TEXT), '') AS line
               FROM outcomes ORDER BY submission, revision";
    let mut all = Outcomes::new();
    for line in anvil.world.lines(sql) {
        let words: Vec<_> = line.split(' ').collect();
        let ended = (words[1].parse().unwrap(), words[2].parse().ok());
        all.entry(words[0].parse().unwrap()).or_default().push(ended);
    }
    all
}

async fn leads(anvil: &Anvil) -> BTreeMap<LeadId, Lead> {
    let (store, organization) = (&anvil.world.store, anvil.world.organization.id);
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = store.leads(organization, None, after, 1_000).await.unwrap();
        all.extend(page.data.into_iter().map(|lead| (lead.id, lead)));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}
