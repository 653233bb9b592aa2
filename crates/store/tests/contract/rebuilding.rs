//! Stored leads made anew out of what they were made of.

use std::sync::Arc;

use leadgate_domain::{
    ActiveScoring, ClaimKind, ConsentPolicy, DuplicatePolicy, Lead, LeadId, Outcome, Patch, QuarantineReason,
    Reason, Region, Source, Submission, SuppressionKind, TextField, Timestamp,
};
use leadgate_store::{CommitResult, Contribution, LeadRebuild, RebuildResult};

use crate::races::{all_leads, suppression};
use crate::world::{World, over_both};

over_both!(
    what_would_be_read_alike_stays_as_it_is,
    a_lead_is_read_by_the_settings_of_today,
    a_dry_run_says_the_same_and_writes_nothing,
    keys_that_todays_reading_gives_are_claimed_and_others_let_go,
    a_key_that_another_holds_is_a_conflict_and_stays,
    a_lead_that_others_changed_meanwhile_is_left_alone,
    what_cannot_be_judged_today_leaves_its_lead_alone,
    an_entry_that_was_mended_is_read_as_mended,
    rebuilding_and_updating_at_once_lose_nothing,
);

impl World {
    async fn commit_by(&self, source: &Arc<Source>, submissions: &[Submission]) -> CommitResult {
        let normalize = |one: &Submission| {
            let one = Submission { source: source.id, ..one.clone() };
            self.pipeline.normalize(one, Some(Arc::clone(source)), ActiveScoring::standard())
        };
        let batch: Vec<_> = submissions.iter().map(normalize).collect();
        self.store.commit(batch, self.judge()).await.unwrap()
    }

    /// As it is read by these settings, after it was read by the source's.
    pub(crate) async fn read_anew(
        &self,
        lead: LeadId,
        before: &Arc<Source>,
        now: &Arc<Source>,
    ) -> LeadRebuild {
        let makers = self.store.contributors(self.organization.id, &[lead]).await.unwrap();
        let part = |maker: leadgate_store::Contributor| {
            let by = |source: &Arc<Source>| {
                self.pipeline.normalize(
                    maker.submission.clone(),
                    Some(Arc::clone(source)),
                    ActiveScoring::standard(),
                )
            };
            let keys = by(before).claim_keys().copied().collect();
            Contribution { normalized: by(now), outcome: maker.outcome, keys }
        };
        LeadRebuild { lead, parts: makers.into_iter().map(part).collect() }
    }

    pub(crate) async fn rebuild(&self, one: LeadRebuild, dry: bool) -> RebuildResult {
        let rebuilt = self.store.rebuild(self.organization.id, vec![one], self.judge(), dry).await.unwrap();
        rebuilt.into_iter().next().unwrap()
    }

    async fn lead(&self, id: LeadId) -> Lead {
        self.store.lead(self.organization.id, id).await.unwrap().unwrap()
    }

    async fn revisions(&self, submission: &Submission) -> Vec<Outcome> {
        let record = self.store.submission(self.organization.id, submission.id).await.unwrap().unwrap();
        record.outcomes.iter().map(|outcome| outcome.outcome).collect()
    }
}

fn in_region(source: &Source, region: &str) -> Arc<Source> {
    Arc::new(Source { default_region: region.parse::<Region>().ok(), ..source.clone() })
}

async fn what_would_be_read_alike_stays_as_it_is(world: World) {
    let source = world.updating_source().await;
    let all: Vec<_> = (0..5)
        .map(|n| {
            let mut one = world.consenting("+14155550132", &format!("p{n}@example.com"));
            one.fields.texts.insert(TextField::Company, (n != 3).then(|| format!("Company {n}")));
            one.fields.custom_fields.insert(format!("c{}", n % 2), n.into());
            one
        })
        .collect();
    // Worked on in another order than received.
    for at in [3, 0, 4, 1, 2] {
        world.commit_by(&source, &all[at..=at]).await;
    }
    let lead = all_leads(&world).await.remove(0);
    let read = world.read_anew(lead.id, &source, &source).await;
    assert_eq!(read.parts.len(), 5);
    assert_eq!(world.rebuild(read, false).await, RebuildResult::Unchanged);
    assert_eq!(world.lead(lead.id).await, lead);
    assert_eq!(world.revisions(&all[3]).await, [Outcome::Created]);
}

async fn a_lead_is_read_by_the_settings_of_today(world: World) {
    let source = Arc::clone(&world.source);
    let submission = world.consenting("020 7946 0958", "ann@example.com");
    world.commit(std::slice::from_ref(&submission)).await;
    let lead = world.lead(submission.id.into()).await;
    assert_eq!(lead.reasons, [Reason::PhoneInvalid]);
    let entry = suppression(&world, SuppressionKind::Domain, "example.com").await;
    world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();

    let british = in_region(&source, "GB");
    let rebuilt = world.rebuild(world.read_anew(lead.id, &source, &british).await, false).await;
    let RebuildResult::Changed { before, after, .. } = rebuilt else { panic!("{rebuilt:?}") };
    assert_eq!((before.e164(), after.e164()), (None, Some("+442079460958")));
    assert_eq!(after.reasons, [Reason::SuppressedDomain], "today's lists hold");
    assert_eq!(world.lead(lead.id).await, *after);
    assert_eq!(world.revisions(&submission).await, [Outcome::Created; 2]);
    let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
    let trace = serde_json::json!(record.outcome().unwrap().trace);
    assert!(trace["reprocess"].is_object() && trace["decide"].is_object());
    assert_eq!(trace["screen_lead"][0]["reason"], "suppressed_domain");
}

async fn a_dry_run_says_the_same_and_writes_nothing(world: World) {
    let source = Arc::clone(&world.source);
    let submission = world.consenting("020 7946 0958", "ann@example.com");
    world.commit(std::slice::from_ref(&submission)).await;
    let lead = world.lead(submission.id.into()).await;
    let british = in_region(&source, "GB");
    let dry = world.rebuild(world.read_anew(lead.id, &source, &british).await, true).await;
    assert_eq!(world.lead(lead.id).await, lead);
    assert_eq!(world.revisions(&submission).await, [Outcome::Created]);
    let other = world.consenting("+442079460958", "bob@example.com");
    world.commit(std::slice::from_ref(&other)).await;
    assert_eq!(world.revisions(&other).await, [Outcome::Created], "no key was taken");
    world.store.discard(world.organization.id, uuid::Uuid::nil(), "x", None).await.unwrap();
    let RebuildResult::Changed { after, .. } = dry else { panic!("{dry:?}") };
    assert_eq!(after.e164(), Some("+442079460958"));
}

async fn keys_that_todays_reading_gives_are_claimed_and_others_let_go(world: World) {
    // Read as of the US it was one number, read as of Germany it is another.
    let source = in_region(&world.source, "US");
    let submission = world.phone("(415) 555-0132");
    world.commit_by(&source, std::slice::from_ref(&submission)).await;
    let lead: LeadId = submission.id.into();
    assert_eq!(world.lead(lead).await.e164(), Some("+14155550132"));
    let german = in_region(&source, "DE");
    let rebuilt = world.rebuild(world.read_anew(lead, &source, &german).await, false).await;
    let RebuildResult::Changed { after, .. } = rebuilt else { panic!("{rebuilt:?}") };
    let now = after.e164().unwrap().to_owned();
    assert_ne!(now, "+14155550132");
    let [same, free] = [world.phone(&now), world.phone("+14155550132")];
    world.commit(&[same.clone(), free.clone()]).await;
    assert_eq!(world.revisions(&same).await, [Outcome::Duplicate], "the new key is its own");
    assert_eq!(world.revisions(&free).await, [Outcome::Created], "the old one is free");
}

async fn a_key_that_another_holds_is_a_conflict_and_stays(world: World) {
    let source = in_region(&world.source, "US");
    let [ann, bob] = [world.phone("020 7946 0958"), world.phone("+442079460958")];
    world.commit_by(&source, &[ann.clone(), bob.clone()]).await;
    let british = in_region(&source, "GB");
    let rebuilt = world.rebuild(world.read_anew(ann.id.into(), &source, &british).await, false).await;
    let RebuildResult::Changed { conflicts, .. } = rebuilt else { panic!("{rebuilt:?}") };
    assert_eq!(conflicts, [ClaimKind::Phone]);
    let again = world.phone("+442079460958");
    world.commit(std::slice::from_ref(&again)).await;
    let found = world.store.find(world.organization.id, again.id.as_uuid()).await.unwrap().unwrap();
    assert_eq!(found.lead.unwrap().id, bob.id.into());
}

async fn a_lead_that_others_changed_meanwhile_is_left_alone(world: World) {
    let source = world.updating_source().await;
    let [first, second] = [world.phone("+14155550132"), world.phone("+14155550132")];
    world.commit_by(&source, std::slice::from_ref(&first)).await;
    let read = world.read_anew(first.id.into(), &source, &in_region(&source, "GB")).await;
    world.commit_by(&source, std::slice::from_ref(&second)).await;
    assert_eq!(world.rebuild(read, false).await, RebuildResult::ChangedConcurrently);
    let gone = LeadRebuild { lead: world.phone("+14155550199").id.into(), parts: Vec::new() };
    assert_eq!(world.rebuild(gone, false).await, RebuildResult::ChangedConcurrently);
}

async fn what_cannot_be_judged_today_leaves_its_lead_alone(world: World) {
    let submission = world.phone("+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let lead = world.lead(submission.id.into()).await;
    let mut read = world.read_anew(lead.id, &world.source, &world.source).await;
    read.parts[0].normalized = world.pipeline.normalize(submission, None, ActiveScoring::standard());
    assert_eq!(world.rebuild(read, false).await, RebuildResult::NotRebuildable);
    assert_eq!(world.lead(lead.id).await, lead);
}

async fn an_entry_that_was_mended_is_read_as_mended(world: World) {
    use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
    let fault = MappingFault { to: "phone".into(), code: MappingFaultCode::Missing };
    let came = Submission { mapping_fault: Some(fault), ..world.phone("") };
    world.commit(std::slice::from_ref(&came)).await;
    let entry = came.id.as_uuid();
    let mut mended = Submission { mapping_fault: None, ..came.clone() };
    mended.fields.phone = Patch::Value("+14155550132".into());
    let repaired =
        world.store.repair(world.organization.id, entry, &mended, "somebody").await.unwrap().unwrap();
    assert_eq!((repaired.repaired_by.as_deref(), repaired.repaired_at.is_some()), (Some("somebody"), true));
    let (_, held) = world.store.quarantine_entry(world.organization.id, entry).await.unwrap().unwrap();
    assert_eq!(held.fields, mended.fields);
    let released = held.released_from_quarantine(entry, QuarantineReason::MappingFailed, Timestamp::now());
    for _ in 0..2 {
        world.commit(std::slice::from_ref(&released)).await;
    }
    let record = world.store.submission(world.organization.id, came.id).await.unwrap().unwrap();
    assert_eq!(record.submission.fields, came.fields, "what came in stays as it is");
    assert_eq!(world.revisions(&came).await, [Outcome::Quarantined, Outcome::Created], "once, however often");
    let lead = world.lead(came.id.into()).await;
    assert_eq!(lead.e164(), Some("+14155550132"));
    let late = world.store.repair(world.organization.id, entry, &came, "too late").await.unwrap().unwrap();
    assert_eq!(late.repaired_by.as_deref(), Some("somebody"), "what is settled is not mended any more");
    let read = world.read_anew(lead.id, &world.source, &world.source).await;
    assert_eq!(world.rebuild(read, false).await, RebuildResult::Unchanged);
}

async fn rebuilding_and_updating_at_once_lose_nothing(world: World) {
    let source = world.updating_source().await;
    let first = world.phone("+14155550132");
    world.commit_by(&source, std::slice::from_ref(&first)).await;
    let world = Arc::new(world);
    let lead: LeadId = first.id.into();
    let updating = {
        let (world, source) = (Arc::clone(&world), Arc::clone(&source));
        tokio::spawn(async move {
            for n in 0..40 {
                let mut update = world.phone("+14155550132");
                update.fields.tags = vec![format!("tag {n}")];
                world.commit_by(&source, std::slice::from_ref(&update)).await;
            }
        })
    };
    let optional = Arc::new(Source {
        consent: ConsentPolicy::Optional,
        policy: DuplicatePolicy::Update,
        ..source.as_ref().clone()
    });
    let mut rounds = 0;
    while !updating.is_finished() || rounds == 0 {
        let read = world.read_anew(lead, &source, &optional).await;
        world.rebuild(read, false).await;
        rounds += 1;
    }
    updating.await.unwrap();
    assert_eq!(world.lead(lead).await.tags.len(), 40, "after {rounds} rounds");
}
