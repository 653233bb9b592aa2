//! The invariants, checked on the stored rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use leadgate_domain::{
    ClaimKey, ClaimKind, DuplicatePolicy, Eligibility, Lead, LeadId, Outcome, Reason, SubmissionId, TextField,
};
use leadgate_store::LeadFilter;

use super::test_submission::{self, TestSubmission};
use super::{Counters, SharedState};

/// The lead that a key belongs to, and the submission that claimed it.
struct StoredClaim {
    lead: LeadId,
    submission: SubmissionId,
}

/// All violations of the invariants.
pub(super) async fn violations(shared: &SharedState, policy: DuplicatePolicy) -> Vec<String> {
    // Entries that many leads match are applied by a rescreen.
    shared.world.store.rescreen(shared.world.organization.id, shared.world.judge(), |_| {}).await.unwrap();
    let mut submissions = shared.submissions.lock().unwrap().clone();
    submissions.sort_by_key(TestSubmission::order);
    let outcomes = outcomes(shared);
    let claims = claims(shared);
    let leads: BTreeMap<LeadId, Lead> = leads(shared).await;
    count_moved_claims(shared);

    let mut violations = Vec::new();
    let moved = shared.counters.moved.load(Ordering::Relaxed);
    violations.extend((moved > 0).then(|| format!("{moved} claims moved")));
    violations.extend(each_has_one_outcome(&submissions, &outcomes));
    violations.extend(leads_match_their_keys(shared, policy, &submissions, &outcomes, &claims));
    violations.extend(no_orphans(policy, &outcomes, &claims, &leads));
    let listed = opted_out(shared);
    violations.extend(opt_outs_are_listed(&listed, &submissions, &outcomes, &leads));
    violations.extend(suppressed_leads_are_held(shared, &listed, &leads));
    violations.extend(leads_have_their_submitted_values(policy, &submissions, &outcomes, &leads));
    violations
}

type Outcomes = BTreeMap<SubmissionId, Vec<(Outcome, Option<LeadId>)>>;

fn each_has_one_outcome(submissions: &[TestSubmission], outcomes: &Outcomes) -> Vec<String> {
    let submitted: BTreeSet<_> = submissions.iter().map(|submission| submission.id).collect();
    let unknown =
        outcomes.keys().filter(|id| !submitted.contains(id)).map(|id| format!("{id} was not submitted"));
    // The decision of a rescreen is another entry of the history with the same outcome.
    let distinct = |submission: &TestSubmission| {
        let all = outcomes.get(&submission.id).into_iter().flatten();
        all.map(|(outcome, lead)| (*outcome, *lead)).collect::<BTreeSet<_>>().len()
    };
    let violation = |submission: &TestSubmission| match distinct(submission) {
        1 => None,
        count => Some(format!("{} has {count} outcomes", submission.id)),
    };
    unknown.chain(submissions.iter().filter_map(violation)).collect()
}

/// A claim without expiry never moves, so there is at most one lead for each key. The first key of a
/// submission therefore identifies its lead. Under `create` every submission creates its own lead.
fn leads_match_their_keys(
    shared: &SharedState,
    policy: DuplicatePolicy,
    submissions: &[TestSubmission],
    outcomes: &Outcomes,
    claims: &BTreeMap<String, StoredClaim>,
) -> Vec<String> {
    let key_hashes = key_hashes(shared);
    let known = match policy {
        DuplicatePolicy::ReturnExisting => Outcome::Duplicate,
        DuplicatePolicy::Update => Outcome::Updated,
        DuplicatePolicy::Link => Outcome::Linked,
        DuplicatePolicy::Create => Outcome::Created,
    };
    let violation = |submission: &TestSubmission| {
        let (outcome, lead) = outcomes.get(&submission.id)?.first().copied()?;
        let (own, lead) = (LeadId::from(submission.id), lead?);
        let key = submission
            .external_id
            .map(test_submission::external_id)
            .or_else(|| submission.phone.map(test_submission::phone))?;
        let owner = key_hashes.get(&key).and_then(|key| claims.get(key)).map(|claim| claim.lead);
        let is_valid = match policy {
            DuplicatePolicy::Create => outcome == Outcome::Created && lead == own && owner.is_some(),
            _ => owner == Some(lead) && outcome == if lead == own { Outcome::Created } else { known },
        };
        (!is_valid).then(|| {
            format!(
                "{} has the outcome {outcome} and the lead {lead}; {key} belongs to {owner:?}",
                submission.id
            )
        })
    };
    submissions.iter().filter_map(violation).collect()
}

fn no_orphans(
    policy: DuplicatePolicy,
    outcomes: &Outcomes,
    claims: &BTreeMap<String, StoredClaim>,
    leads: &BTreeMap<LeadId, Lead>,
) -> Vec<String> {
    let orphans = claims.values().filter(|claim| !leads.contains_key(&claim.lead));
    let orphans = orphans.map(|claim| format!("a claim has the missing lead {}", claim.lead));
    let with_outcome = outcomes.values().flatten().filter_map(|(_, lead)| *lead);
    let lost = with_outcome
        .filter(|lead| !leads.contains_key(lead))
        .map(|lead| format!("the lead {lead} is missing"));
    let created: BTreeSet<LeadId> = outcomes
        .iter()
        .filter(|(_, history)| history.iter().any(|(outcome, _)| *outcome == Outcome::Created))
        .map(|(id, _)| LeadId::from(*id))
        .collect();
    let unknown = leads
        .keys()
        .filter(|lead| !created.contains(lead))
        .map(|lead| format!("no submission created the lead {lead}"));
    // A claim belongs to the lead that its submission created or, except under `create`, matched.
    let wrong_claims = claims.values().filter(|claim| {
        let outcome = outcomes.get(&claim.submission).and_then(|history| history.first());
        let own = policy != DuplicatePolicy::Create || claim.lead == LeadId::from(claim.submission);
        outcome.is_none_or(|(_, lead)| *lead != Some(claim.lead)) || !own
    });
    let wrong_claims = wrong_claims
        .map(|claim| format!("the submission {} did not claim a key for {}", claim.submission, claim.lead));
    orphans.chain(lost).chain(unknown).chain(wrong_claims).collect()
}

/// The list contains the phone of every opt-out. All its other phones belong to leads that opted out.
fn opt_outs_are_listed(
    listed: &BTreeSet<String>,
    submissions: &[TestSubmission],
    outcomes: &Outcomes,
    leads: &BTreeMap<LeadId, Lead>,
) -> Vec<String> {
    let phones_of = |opted: &dyn Fn(&TestSubmission) -> bool| -> BTreeSet<String> {
        submissions
            .iter()
            .filter(|submission| opted(submission))
            .filter_map(|submission| Some(test_submission::phone(submission.phone?)))
            .collect()
    };
    let own = phones_of(&|submission| submission.opts_out);
    let of_leads = phones_of(&|submission| {
        let outcome = outcomes.get(&submission.id).and_then(|history| history.first());
        let lead = outcome.and_then(|(_, lead)| leads.get(&(*lead)?));
        lead.is_some_and(|lead| lead.opt_out)
    });
    let missing = own.difference(listed).map(|phone| format!("{phone} opted out and is not listed"));
    let unexpected = listed.iter().filter(|phone| !own.contains(*phone) && !of_leads.contains(*phone));
    missing.chain(unexpected.map(|phone| format!("{phone} is listed and did not opt out"))).collect()
}

fn suppressed_leads_are_held(
    shared: &SharedState,
    opted_out: &BTreeSet<String>,
    leads: &BTreeMap<LeadId, Lead>,
) -> Vec<String> {
    let suppressed = shared.suppressed.lock().unwrap();
    let violation = |lead: &Lead| {
        let is_suppressed = lead.e164().is_some_and(|phone| suppressed.contains(phone));
        let is_out = lead.opt_out || lead.e164().is_some_and(|phone| opted_out.contains(phone));
        // Whether the consent was given for this phone is checked with the submitted values.
        let consents = lead.consent.is_some() && !lead.reasons.contains(&Reason::ConsentForOtherPhone);
        let should_be_eligible = lead.e164().is_some() && consents && !is_out && !is_suppressed;
        let agrees = lead.reasons.contains(&Reason::SuppressedPhone) == is_suppressed
            && lead.reasons.contains(&Reason::OptedOut) == is_out
            && (lead.eligibility == Eligibility::Eligible) == should_be_eligible;
        (!agrees).then(|| format!("{} is {:?}, {:?}", lead.id, lead.eligibility, lead.reasons))
    };
    let eligible = leads.values().filter(|lead| lead.eligibility == Eligibility::Eligible).count();
    let none_eligible = (eligible == 0).then(|| "no lead is eligible".to_owned());
    leads.values().filter_map(violation).chain(none_eligible).collect()
}

/// Each lead has the values of its contributors, merged in the order of receipt. Under `update` these are all
/// submissions that matched it, under the other policies only the one that created it.
fn leads_have_their_submitted_values(
    policy: DuplicatePolicy,
    submissions: &[TestSubmission],
    outcomes: &Outcomes,
    leads: &BTreeMap<LeadId, Lead>,
) -> Vec<String> {
    let mut contributors: BTreeMap<LeadId, Vec<&TestSubmission>> = BTreeMap::new();
    for submission in submissions {
        let first_outcome = outcomes.get(&submission.id).and_then(|history| history.first());
        if let Some((outcome, Some(lead))) = first_outcome
            && (policy == DuplicatePolicy::Update || *outcome == Outcome::Created)
        {
            contributors.entry(*lead).or_default().push(submission);
        }
    }
    let violation = |lead: &Lead| {
        let own = contributors.get(&lead.id).map_or(&[][..], Vec::as_slice);
        let mut expected = expected_values(own);
        // An opt-out applies to every lead that has one of its keys, whatever its own outcome is.
        if lead.opt_out && !expected.opted_out {
            // A submission that matches a lead also claims its free keys for the lead.
            let is_matched = |submission: &&TestSubmission| {
                let outcome = outcomes.get(&submission.id).and_then(|history| history.first());
                outcome.is_some_and(|(_, matched)| *matched == Some(lead.id))
            };
            let matched: Vec<_> = submissions.iter().filter(is_matched).collect();
            let shares_key = |opt_out: &&TestSubmission| {
                matched.iter().any(|own| {
                    (own.phone.is_some() && own.phone == opt_out.phone)
                        || (own.external_id.is_some() && own.external_id == opt_out.external_id)
                })
            };
            let mut opt_outs = submissions.iter().filter(|submission| submission.opts_out);
            expected.opted_out = opt_outs.any(|opt_out| shares_key(&opt_out));
        }
        if lead.opt_out {
            let (received_at, updated_at) = expected.received_and_updated;
            expected.received_and_updated = (received_at, updated_at.max(lead.updated_at.as_microseconds()));
        }
        let differs = expected != stored_values(lead);
        differs.then(|| format!("{} has {:?}, expected {expected:?}", lead.id, stored_values(lead)))
    };
    leads.values().filter_map(violation).collect()
}

/// The values of a lead that the test varies.
#[derive(Debug, Default, PartialEq)]
struct LeadValues {
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

/// A simple second implementation of the merge: the last value wins.
fn expected_values(submissions: &[&TestSubmission]) -> LeadValues {
    let mut values = LeadValues::default();
    let mut consented = None;
    for submission in submissions {
        values.phone = submission.phone.map(test_submission::phone).or(values.phone);
        values.external_id = submission.external_id.map(test_submission::external_id).or(values.external_id);
        values.name = submission.name.map_or(values.name, |name| name.map(test_submission::name_of));
        if let Some((key, value)) = submission.custom {
            values.custom.insert(test_submission::custom_key(key), value.map(u64::from));
        }
        values.tags.extend(submission.tag.map(test_submission::tag));
        values.consents |= submission.consents;
        consented =
            if submission.consents { submission.phone.map(test_submission::phone) } else { consented };
        values.opted_out |= submission.opts_out;
    }
    values.custom.retain(|_, value| value.is_some());
    values.consents_for_other_phone =
        consented.is_some() && values.phone.is_some() && consented != values.phone;
    let at = |submission: Option<&&TestSubmission>| {
        submission.map_or(0, |submission| submission.received_at.as_microseconds())
    };
    values.received_and_updated = (at(submissions.first()), at(submissions.last()));
    values
}

fn stored_values(lead: &Lead) -> LeadValues {
    LeadValues {
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

/// Counts the claims whose lead has changed since they were first read.
pub(super) fn count_moved_claims(shared: &SharedState) {
    for (key, claim) in claims(shared) {
        let first_owner = *shared.first_owners.lock().unwrap().entry(key).or_insert(claim.lead);
        Counters::add(&shared.counters.moved, usize::from(first_owner != claim.lead));
    }
}

/// The number of deadlocks that PostgreSQL counted. SQLite has only one writer.
pub(super) fn deadlocks(shared: &SharedState) -> String {
    if shared.world.is_sqlite() {
        return "no".to_owned();
    }
    let sql =
        "SELECT CAST(deadlocks AS TEXT) AS line FROM pg_stat_database WHERE datname = current_database()";
    shared.world.lines(sql).concat()
}

/// The stored claims by the hash of their key.
fn claims(shared: &SharedState) -> BTreeMap<String, StoredClaim> {
    let key = if shared.world.is_sqlite() { "lower(hex(key))" } else { "encode(key, 'hex')" };
    let [lead, submission] = ["lead", "submission"].map(|column| shared.world.id_text(column));
    let sql = format!("SELECT {key} || ' ' || {lead} || ' ' || {submission} AS line FROM claims");
    let claim = |line: String| {
        let mut words = line.split(' ');
        let key = words.next()?.to_owned();
        Some((
            key,
            StoredClaim { lead: words.next()?.parse().ok()?, submission: words.next()?.parse().ok()? },
        ))
    };
    shared.world.lines(&sql).into_iter().map(|line| claim(line).unwrap()).collect()
}

fn opted_out(shared: &SharedState) -> BTreeSet<String> {
    let sql = "SELECT value AS line FROM suppressions WHERE list = 'opted_out'";
    shared.world.lines(sql).into_iter().collect()
}

/// The hash of each key.
fn key_hashes(shared: &SharedState) -> BTreeMap<String, String> {
    let (match_key, source) = (&shared.match_key, &shared.source);
    let key_hash = |kind, value: String| {
        let key = ClaimKey::new(match_key, source.organization, source.id, kind, &value).unwrap();
        (value, key.key.to_string())
    };
    let numbers = 0..super::KEYS;
    let external = numbers.clone().map(|n| key_hash(ClaimKind::ExternalId, test_submission::external_id(n)));
    external.chain(numbers.map(|n| key_hash(ClaimKind::Phone, test_submission::phone(n)))).collect()
}

fn outcomes(shared: &SharedState) -> Outcomes {
    let [lead, submission] = ["lead", "submission"].map(|column| shared.world.id_text(column));
    let sql = format!(
        "SELECT {submission} || ' ' || outcome || ' ' || coalesce({lead}, '') AS line
         FROM outcomes ORDER BY submission, revision"
    );
    let mut all = Outcomes::new();
    for line in shared.world.lines(&sql) {
        let words: Vec<_> = line.split(' ').collect();
        let outcome = (words[1].parse().unwrap(), words[2].parse().ok());
        all.entry(words[0].parse().unwrap()).or_default().push(outcome);
    }
    all
}

async fn leads(shared: &SharedState) -> BTreeMap<LeadId, Lead> {
    let (store, organization) = (&shared.world.store, shared.world.organization.id);
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = store.leads(organization, &LeadFilter::default(), after, 1_000).await.unwrap();
        all.extend(page.data.into_iter().map(|lead| (lead.id, lead)));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}
