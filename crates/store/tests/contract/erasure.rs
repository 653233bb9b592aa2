//! The erasure of one person, without effects on other people.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
use leadgate_domain::suppression::ERASED_LIST;
use leadgate_domain::{
    ActiveScoring, DataSubject, Email, LeadId, Outcome, Phone, QuarantineReason, RawBody, Reason, Source,
    Submission, SuppressionKind, TextField, Timestamp,
};
use leadgate_store::{
    ConsentFilter, Contribution, ErasureCounts, ErasureSubject, LeadRebuild, QuarantineState, RebuildResult,
    SubjectRecords, SubmissionRecord,
};

use crate::commit::with_body;
use crate::races::{all_leads, suppression};
use crate::releases::released;
use crate::world::{World, over_both};

over_both!(
    an_erasure_removes_the_person_and_keeps_other_data,
    a_second_erasure_finds_nothing,
    an_interrupted_erasure_is_finished_by_the_next_one,
    a_later_lead_of_an_erased_person_is_held,
    a_redelivery_after_an_erasure_changes_nothing,
    the_evidence_of_consent_remains,
    a_lead_of_another_person_loses_the_erased_values,
    a_shared_email_does_not_erase_the_other_lead,
    a_mention_in_another_lead_is_not_found,
    a_lead_can_be_erased_by_its_id,
    only_data_of_the_person_is_read,
    other_organizations_are_not_affected,
    a_long_history_is_erased_in_chunks,
);

const OLD_PHONE: &str = "+14155550131";
pub(crate) const PHONE: &str = "+14155550132";
pub(crate) const EMAIL: &str = "ann.lee@example.com";
/// Texts that must not be found anywhere after her erasure.
const ANN: [&str; 7] =
    ["4155550131", "4155550132", "555-0132", "ann.lee", "Annabel", "203.0.113.7", "Mozilla/5.0 (Ann)"];

impl World {
    pub(crate) fn subject(phones: &[&str], emails: &[&str]) -> DataSubject {
        let mut subject = DataSubject::default();
        phones.iter().for_each(|phone| subject.add_phone(Phone::parse(phone, None).unwrap()));
        emails.iter().for_each(|email| subject.add_email(Email::parse(email).unwrap()));
        subject
    }

    pub(crate) async fn person(&self, given: DataSubject, leads: &[LeadId]) -> ErasureSubject {
        self.store.find_subject(self.organization.id, given, leads).await.unwrap()
    }

    pub(crate) async fn erase(&self, given: DataSubject) -> ErasureCounts {
        let (person, reason) = (self.person(given, &[]).await, Some("asked by mail"));
        self.store.erase(self.organization.id, &person, reason, self.judge(), |_| {}).await.unwrap()
    }

    pub(crate) async fn record(&self, submission: &Submission) -> SubmissionRecord {
        self.store.submission(self.organization.id, submission.id).await.unwrap().unwrap()
    }

    async fn rebuild_all(&self, leads: &[LeadId], sources: &[Arc<Source>]) -> Vec<RebuildResult> {
        let mut rebuilds: BTreeMap<LeadId, Vec<Contribution>> = BTreeMap::new();
        for contributor in self.store.contributors(self.organization.id, leads).await.unwrap() {
            let source = sources.iter().find(|source| source.id == contributor.submission.source).cloned();
            let scoring = ActiveScoring::standard();
            let normalized = self.pipeline.normalize(contributor.submission, source, scoring);
            let keys = normalized.claim_keys().copied().collect();
            let part = Contribution { normalized, outcome: contributor.outcome, keys };
            rebuilds.entry(contributor.lead).or_default().push(part);
        }
        let rebuilds = rebuilds.into_iter().map(|(lead, parts)| LeadRebuild { lead, parts }).collect();
        self.store.rebuild(self.organization.id, rebuilds, self.judge(), false).await.unwrap()
    }
}

/// A submission of Ann with a value in every kind of field.
pub(crate) fn ann(world: &World, phone: &str, email: &str) -> Submission {
    let mut ann = world.eligible(phone, email);
    ann.client.address = Some("203.0.113.7".into());
    ann.client.user_agent = Some("Mozilla/5.0 (Ann)".into());
    ann.fields.texts.insert(TextField::FullName, Some("Annabel Lee".into()));
    ann.fields.custom_fields.insert("note".into(), "call Annabel".into());
    ann.query = Some("name=Annabel".into());
    ann.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    ann.unknown.insert("newer".into(), "Annabel".into());
    let body = serde_json::to_vec(&ann.fields).unwrap();
    with_body(&ann, &body)
}

struct AnnsData {
    submissions: Vec<Submission>,
    bob: Submission,
    source: Arc<Source>,
}

/// Stores Ann's data in every table, and a lead of Bob.
async fn store_ann(world: &World) -> AnnsData {
    let source = world.updating_source().await;
    let numbered = |mut submission: Submission| {
        submission.source = source.id;
        submission.fields.texts.insert(TextField::ExternalId, Some("7".into()));
        submission
    };
    let first = numbered(ann(world, OLD_PHONE, EMAIL));
    let second = numbered(ann(world, "(415) 555-0132 ", "Ann.Lee@Example.com"));
    let second = Submission {
        fields: leadgate_domain::Fields { phone_country: "US".parse().ok(), ..second.fields.clone() },
        ..second
    };
    let updates = [&first, &second].map(|submission| world.normalize_by(&source, submission.clone()));
    let updated = world.store.commit(updates.to_vec(), world.judge()).await.unwrap();
    assert_eq!(updated.settled[1].outcome, Outcome::Updated);

    let again = ann(world, PHONE, "");
    let bob = world.eligible("+14155550199", "bob@example.org");
    world.commit(&[again.clone(), bob.clone()]).await;

    // Quarantined: with fields, without fields, as a document, with the id of Bob's submission, and repaired.
    let fault = MappingFault { to: "Annabel".into(), code: MappingFaultCode::Missing };
    let faulty = Submission { mapping_fault: Some(fault.clone()), ..ann(world, PHONE, EMAIL) };
    let mut unmapped = Submission { mapping_fault: Some(fault), ..ann(world, PHONE, EMAIL) };
    unmapped.fields = leadgate_domain::Fields::default();
    unmapped = with_body(&unmapped, br#"{"who":"Annabel","tel":"(415) 555-0132"}"#);
    let reused = Submission { id: bob.id, ..ann(world, PHONE, "") };
    world.commit(&[faulty.clone(), unmapped.clone(), reused]).await;
    let mut wrapped = ann(world, "", EMAIL);
    wrapped.raw = RawBody::Text("Annabel\0".into());
    wrapped.fields.texts.insert(TextField::Company, Some("a\0b".into()));
    world.store.quarantine_alone(wrapped.clone(), QuarantineReason::RowRefused).await.unwrap();
    let mut repair = faulty.clone();
    repair.fields.texts.insert(TextField::FullName, Some("Annabel Lee-Repaired".into()));
    let repaired = world.store.repair(world.organization.id, faulty.id.as_uuid(), &repair, "ann").await;
    assert!(repaired.unwrap().is_some());

    let listed = suppression(world, SuppressionKind::Phone, PHONE).await;
    let listed = leadgate_domain::Suppression { reason: Some("Annabel called".into()), ..listed };
    world.store.suppress(world.organization.id, vec![listed], world.judge()).await.unwrap();
    AnnsData { submissions: vec![first, second, again, faulty, unmapped, wrapped], bob, source }
}

pub(crate) fn found_in(dump: &str) -> Vec<&'static str> {
    let folded = dump.to_lowercase();
    // An email is stored from its last character to its first.
    let is_found = |text: &&str| {
        let text = text.to_lowercase();
        folded.contains(&text) || folded.contains(&text.chars().rev().collect::<String>())
    };
    ANN.into_iter().filter(is_found).collect()
}

async fn an_erasure_removes_the_person_and_keeps_other_data(world: World) {
    let AnnsData { submissions, bob, .. } = store_ann(&world).await;
    let before = world.dump();
    assert_eq!(found_in(&before).len(), ANN.len(), "the dump contains all stored values");
    let organization = world.organization.id;
    let bob_before = world.store.submission(organization, bob.id).await.unwrap();
    let bobs_lead = world.store.lead(organization, bob.id.into()).await.unwrap();

    let erased = world.erase(World::subject(&[PHONE], &[])).await;
    assert_eq!((erased.submissions, erased.leads, erased.suppressed), (6, 1, 2), "{erased:?}");
    assert_eq!((erased.quarantined, erased.traces, erased.consents), (4, 8, 3), "{erased:?}");
    assert_eq!((erased.to_rebuild.len(), erased.shared, erased.left_in_log), (0, 0, false), "{erased:?}");
    let after = world.dump();
    assert_eq!(found_in(&after), [""; 0], "{after}");

    if let Some(file) = world.config.url.strip_prefix("sqlite:") {
        for file in [file.to_owned(), format!("{file}-wal")] {
            let bytes = std::fs::read(&file).unwrap_or_default();
            assert_eq!(found_in(&String::from_utf8_lossy(&bytes)), [""; 0], "not in {file} either");
        }
    }

    // The data that reports count remains.
    for submission in &submissions {
        let record = world.store.submission(organization, submission.id).await.unwrap().unwrap();
        assert!(record.erased_at.is_some());
        let erased = &record.submission;
        assert_eq!((erased.source, erased.dialect), (submission.source, submission.dialect));
        assert_eq!((&erased.fields, erased.raw.bytes().unwrap().len()), (&Default::default(), 0));
        assert!(record.outcomes.iter().all(|outcome| outcome.trace.is_erased()));
    }
    let found = world.store.find(organization, submissions[0].id.as_uuid()).await.unwrap().unwrap();
    assert_eq!((found.outcome, found.lead, found.erased_at.is_some()), (Some(Outcome::Created), None, true));
    let summaries = world.stored_submissions().await;
    assert_eq!(summaries.iter().filter(|summary| summary.outcome == Some(Outcome::Quarantined)).count(), 3);
    let entries = world.store.quarantine_entries(organization, None, None, 10).await.unwrap().data;
    assert_eq!(entries.len(), 4);
    assert!(entries.iter().all(|entry| {
        entry.state == QuarantineState::Discarded && entry.settled_by.as_deref() == Some("request")
    }));
    for entry in entries {
        let (_, content) = world.store.quarantine_entry(organization, entry.id).await.unwrap().unwrap();
        assert_eq!(content.fields, Default::default(), "Bob's fields do not replace hers");
    }
    let listed = world.store.suppressions(organization, None, 10).await.unwrap().data;
    assert_eq!(listed.len(), 3, "the entry that listed her, and two keys");
    assert!(listed.iter().all(|entry| entry.value.is_none()));
    assert_eq!(listed.iter().filter(|entry| entry.list == ERASED_LIST).count(), 2);

    let bob_after = world.store.submission(organization, bob.id).await.unwrap();
    assert_eq!(bob_after.unwrap().submission, bob_before.unwrap().submission);
    assert_eq!(world.store.lead(organization, bob.id.into()).await.unwrap(), bobs_lead);
}

async fn a_second_erasure_finds_nothing(world: World) {
    store_ann(&world).await;
    world.erase(World::subject(&[PHONE], &[])).await;
    let before = world.dump();
    let erased = world.erase(World::subject(&[PHONE], &[EMAIL])).await;
    assert_eq!(erased, ErasureCounts { suppressed: 2, ..ErasureCounts::default() });
    let lines = |dump: &str| {
        // The second request updates its entries and is audited.
        let erased = |line: &&str| line.starts_with("suppressions:") && line.contains("erased");
        let changes = |line: &&str| erased(line) || line.starts_with("audit:");
        let lines = dump.lines().filter(|line| !changes(line));
        let mut lines: Vec<_> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&world.dump()), lines(&before));
}

async fn an_interrupted_erasure_is_finished_by_the_next_one(world: World) {
    store_ann(&world).await;
    let organization = world.organization.id;
    let person = world.person(World::subject(&[PHONE], &[]), &[]).await;
    world.store.suppress_subject(organization, &person.sought, None, world.judge()).await.unwrap();
    let lead = all_leads(&world).await.into_iter().find(|lead| lead.e164() == Some(PHONE)).unwrap();
    assert_eq!(lead.reasons, [Reason::SuppressedPhone, Reason::SuppressedEmail], "held during the search");
    let finding = world.store.find_person(organization, &person, |_| {}).await.unwrap();
    assert_eq!((finding.submissions.len(), finding.entries.len(), finding.leads.len()), (6, 1, 1));
    let submissions = finding.submissions.into_iter().take(3).collect();
    let first_half = SubjectRecords { submissions, ..SubjectRecords::default() };
    assert_eq!(world.store.erase_records(organization, &first_half).await.unwrap().submissions, 3);

    let rest = world.erase(World::subject(&[PHONE], &[])).await;
    assert_eq!((rest.submissions, rest.leads, rest.to_rebuild.len()), (3, 1, 0));
    assert_eq!(found_in(&world.dump()), [""; 0]);
}

async fn a_later_lead_of_an_erased_person_is_held(world: World) {
    store_ann(&world).await;
    world.erase(World::subject(&[PHONE], &[])).await;
    let back = world.after_erasure(world.eligible(PHONE, "new@example.net"));
    let by_email = world.after_erasure(world.eligible("+14155550177", "ANN.lee@example.com"));
    let committed = world.commit(&[back.clone(), by_email.clone()]).await;
    assert!(committed.settled.iter().all(|settled| settled.outcome == Outcome::Created));
    let reasons = async |submission: &Submission| {
        world.store.lead(world.organization.id, submission.id.into()).await.unwrap().unwrap().reasons
    };
    assert_eq!(reasons(&back).await, [Reason::SuppressedPhone]);
    assert_eq!(reasons(&by_email).await, [Reason::SuppressedEmail]);
}

async fn a_redelivery_after_an_erasure_changes_nothing(world: World) {
    let AnnsData { submissions, bob, source } = store_ann(&world).await;
    world.erase(World::subject(&[PHONE], &[])).await;
    let before = world.dump();
    let under_bobs_id = Submission { id: bob.id, ..ann(&world, PHONE, "") };
    // The last one does not fit the columns.
    let mut all = submissions[..5].to_vec();
    all.extend([bob, with_body(&submissions[0], b"another"), under_bobs_id]);
    all.extend(submissions[..5].iter().map(|submission| released(submission, submission.id.as_uuid(), 1)));
    let (by_crm, by_default): (Vec<_>, Vec<_>) = all.into_iter().partition(|sent| sent.source == source.id);
    let again = world.commit(&by_default).await;
    assert_eq!((again.settled.len(), again.reused), (0, 0));
    let by_crm: Vec<_> =
        by_crm.into_iter().map(|submission| world.normalize_by(&source, submission)).collect();
    let again = world.store.commit(by_crm, world.judge()).await.unwrap();
    assert_eq!((again.settled.len(), again.reused), (0, 0));
    for submission in submissions {
        let alone = world.store.quarantine_alone(submission, QuarantineReason::Crashed).await.unwrap();
        assert_eq!((alone.settled.len(), alone.reused), (0, 0));
    }
    assert_eq!(world.dump(), before);
}

async fn the_evidence_of_consent_remains(world: World) {
    store_ann(&world).await;
    let everything = ConsentFilter::Received { from: None, to: None };
    let consents = async || world.store.consents(world.organization.id, everything, None, 100).await.unwrap();
    let before = consents().await.data;
    world.erase(World::subject(&[PHONE], &[])).await;
    let after = consents().await.data;
    assert_eq!(after.len(), 4);
    for (before, after) in before.iter().zip(&after) {
        let person = before.person.as_ref().unwrap();
        let is_ann = found_in(person.as_str()).len() > 2;
        assert_eq!(after.person.is_none(), is_ann);
        assert_eq!(person.digest(&after.salt.unwrap()), after.digest, "her document proves the consent");
        let dump = world.dump().to_lowercase();
        assert!(!dump.contains(&after.salt.unwrap().to_string()), "the database alone does not identify her");
    }
}

async fn a_lead_of_another_person_loses_the_erased_values(world: World) {
    // Eve's lead has the external id of a CRM. One submission gave it Ann's phone and name by mistake.
    let source = world.updating_source().await;
    let numbered = |mut submission: Submission, company: Option<&str>| {
        submission.source = source.id;
        submission.fields.texts.insert(TextField::ExternalId, Some("9".into()));
        submission.fields.texts.extend(company.map(|name| (TextField::Company, Some(name.to_owned()))));
        world.normalize_by(&source, submission)
    };
    let eve = numbered(world.eligible("+14155550188", "eve@example.org"), Some("Eve & Co"));
    let lead: LeadId = eve.submission.id.into();
    let mistaken = numbered(ann(&world, PHONE, EMAIL), None);
    let corrected = numbered(world.eligible("+14155550188", "eve@example.org"), None);
    world.store.commit(vec![eve, mistaken, corrected], world.judge()).await.unwrap();
    let show = async || world.store.lead(world.organization.id, lead).await.unwrap().unwrap();
    assert_eq!(show().await.text(TextField::FullName), Some("Annabel Lee"));

    let erased = world.erase(World::subject(&[PHONE], &[])).await;
    assert_eq!((erased.submissions, erased.leads), (1, 0));
    assert_eq!(erased.to_rebuild, [lead]);
    let rebuilt = world.rebuild_all(&erased.to_rebuild, std::slice::from_ref(&source)).await;
    assert!(matches!(rebuilt.as_slice(), [RebuildResult::Changed { .. }]), "{rebuilt:?}");
    world.store.mark_rebuilt(world.organization.id, &erased.to_rebuild).await.unwrap();
    let after = show().await;
    assert_eq!(after.text(TextField::FullName), None);
    assert_eq!(after.text(TextField::Company), Some("Eve & Co"));
    assert_eq!(after.e164(), Some("+14155550188"));
    assert_eq!(found_in(&world.dump()), [""; 0]);
    assert_eq!(world.store.leads_to_rebuild(world.organization.id).await.unwrap(), []);
    // No lead is recognized by Ann's values.
    let next = world.commit(&[world.phone("+14155550188"), world.after_erasure(world.phone(PHONE))]).await;
    let outcomes: Vec<_> = next.settled.iter().map(|settled| settled.outcome).collect();
    assert_eq!(outcomes, [Outcome::Duplicate, Outcome::Created]);
}

async fn a_shared_email_does_not_erase_the_other_lead(world: World) {
    let [ann, tom] = [PHONE, "+14155550155"].map(|phone| world.eligible(phone, "family@example.com"));
    world.commit(&[ann.clone(), tom.clone()]).await;
    let erased = world.erase(World::subject(&[PHONE], &[])).await;
    assert_eq!((erased.submissions, erased.leads, erased.shared, erased.suppressed), (1, 1, 1, 1));
    assert_eq!(all_leads(&world).await.iter().map(|lead| lead.id).collect::<Vec<_>>(), [tom.id.into()]);
    assert_eq!(all_leads(&world).await[0].reasons, []);
    let erased = world.erase(World::subject(&[], &["family@example.com"])).await;
    assert_eq!(
        (erased.submissions, erased.leads, erased.shared),
        (1, 1, 0),
        "the request contains the email"
    );
}

async fn a_mention_in_another_lead_is_not_found(world: World) {
    let mut bob = world.eligible("+14155550199", "bob@example.org");
    bob.fields.custom_fields.insert("friend".into(), "+1 (415) 555-0132".into());
    world.commit(std::slice::from_ref(&bob)).await;
    assert_eq!(world.erase(World::subject(&[PHONE], &[])).await.submissions, 0);
    assert_eq!(world.record(&bob).await.submission, bob);
    let person = world.person(DataSubject::default(), &[bob.id.into()]).await;
    world.store.erase(world.organization.id, &person, None, world.judge(), |_| {}).await.unwrap();
    assert_eq!(found_in(&world.dump()), [""; 0], "an erasure of the lead removes it");
}

async fn a_lead_can_be_erased_by_its_id(world: World) {
    let mut without_contact = world.phone("12");
    without_contact.fields.texts.insert(TextField::FullName, Some("Annabel Lee".into()));
    let without_contact = with_body(&without_contact, br#"{"full_name":"Annabel Lee"}"#);
    world.commit(std::slice::from_ref(&without_contact)).await;
    let person = world.person(DataSubject::default(), &[without_contact.id.into()]).await;
    assert!(!person.is_unknown() && person.given.is_empty());
    let organization = world.organization.id;
    let erased = world.store.erase(organization, &person, None, world.judge(), |_| {}).await.unwrap();
    assert_eq!((erased.submissions, erased.leads, erased.suppressed), (1, 1, 0));
    assert_eq!(found_in(&world.dump()), [""; 0]);
    assert!(world.person(DataSubject::default(), &[without_contact.id.into()]).await.is_unknown());
}

async fn only_data_of_the_person_is_read(world: World) {
    let others: Vec<_> = (0..300).map(|n| world.phone(&format!("+1415556{n:04}"))).collect();
    world.commit(&others).await;
    store_ann(&world).await;
    let (person, mut read) = (world.person(World::subject(&[PHONE], &[]), &[]).await, 0);
    world.store.find_person(world.organization.id, &person, |more| read += more).await.unwrap();
    assert_eq!(read, 4, "the quarantine, and none of the 300 other submissions");
}

async fn other_organizations_are_not_affected(world: World) {
    store_ann(&world).await;
    let before = world.dump();
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let given = World::subject(&[PHONE], &[EMAIL]);
    let person = world.store.find_subject(other, given, &[all_leads(&world).await[0].id]).await.unwrap();
    let erased = world.store.erase(other, &person, None, world.judge(), |_| {}).await.unwrap();
    assert_eq!(erased, ErasureCounts { suppressed: 2, ..ErasureCounts::default() });
    let ids = [other.to_string(), other.as_uuid().simple().to_string().to_uppercase()];
    let is_others = |line: &&str| ids.iter().any(|id| line.contains(id));
    let other_lines = |dump: &str| dump.lines().filter(|line| !is_others(line)).count();
    assert_eq!(other_lines(&world.dump()), other_lines(&before));
    assert_eq!(found_in(&world.dump()).len(), ANN.len());
    let lead = all_leads(&world).await.into_iter().find(|lead| lead.e164() == Some(PHONE)).unwrap();
    assert!(!lead.reasons.contains(&Reason::SuppressedEmail));
}

async fn a_long_history_is_erased_in_chunks(world: World) {
    let all: Vec<_> = (0..450).map(|_| ann(&world, PHONE, EMAIL)).collect();
    world.commit(&all).await;
    let erased = world.erase(World::subject(&[PHONE], &[])).await;
    assert_eq!((erased.submissions, erased.leads), (450, 1));
    assert_eq!(found_in(&world.dump()), [""; 0]);
    let started_at = Timestamp::now();
    assert!(world.stored_submissions().await.iter().all(|submission| submission.received_at < started_at));
}
