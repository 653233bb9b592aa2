//! Rebuilding stored leads from their contributors.

use std::sync::Arc;

use leadgate_domain::{
    ActiveScoring, ClaimKind, ConsentPolicy, DuplicatePolicy, Lead, LeadId, Outcome, Patch, QuarantineReason,
    Reason, Region, Source, Submission, SuppressionKind, TextField, Timestamp,
};
use leadgate_store::{CommitResult, Contribution, LeadRebuild, RebuildResult};

use crate::races::{all_leads, suppression};
use crate::world::{World, over_both};

over_both!(
    a_lead_with_unchanged_contributors_stays_unchanged,
    a_lead_is_rebuilt_with_the_current_settings,
    a_dry_run_returns_the_same_result_and_writes_nothing,
    a_rebuild_claims_new_keys_and_releases_old_ones,
    a_key_of_another_lead_is_a_conflict_and_does_not_move,
    a_lead_that_changed_meanwhile_is_not_rebuilt,
    a_lead_with_an_unreadable_contributor_is_not_rebuilt,
    a_repaired_entry_is_read_with_its_repair,
    concurrent_rebuilds_and_updates_are_all_stored,
);

impl World {
    async fn commit_by(&self, source: &Arc<Source>, submissions: &[Submission]) -> CommitResult {
        let normalize = |submission: &Submission| {
            let submission = Submission { source: source.id, ..submission.clone() };
            self.pipeline.normalize(submission, Some(Arc::clone(source)), ActiveScoring::standard())
        };
        let batch: Vec<_> = submissions.iter().map(normalize).collect();
        self.store.commit(batch, self.judge()).await.unwrap()
    }

    /// A rebuild of the lead with the settings of `now`. Its contributors were read with those of `before`.
    pub(crate) async fn lead_rebuild(
        &self,
        lead: LeadId,
        before: &Arc<Source>,
        now: &Arc<Source>,
    ) -> LeadRebuild {
        let contributors = self.store.contributors(self.organization.id, &[lead]).await.unwrap();
        let part = |contributor: leadgate_store::Contributor| {
            let normalized_by = |source: &Arc<Source>| {
                self.pipeline.normalize(
                    contributor.submission.clone(),
                    Some(Arc::clone(source)),
                    ActiveScoring::standard(),
                )
            };
            let keys = normalized_by(before).claim_keys().copied().collect();
            Contribution { normalized: normalized_by(now), outcome: contributor.outcome, keys }
        };
        LeadRebuild { lead, parts: contributors.into_iter().map(part).collect() }
    }

    pub(crate) async fn rebuild(&self, lead: LeadRebuild, dry: bool) -> RebuildResult {
        let results = self.store.rebuild(self.organization.id, vec![lead], self.judge(), dry).await.unwrap();
        results.into_iter().next().unwrap()
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

async fn a_lead_with_unchanged_contributors_stays_unchanged(world: World) {
    let source = world.updating_source().await;
    let all: Vec<_> = (0..5)
        .map(|n| {
            let mut submission = world.eligible("+14155550132", &format!("p{n}@example.com"));
            submission.fields.texts.insert(TextField::Company, (n != 3).then(|| format!("Company {n}")));
            submission.fields.custom_fields.insert(format!("c{}", n % 2), n.into());
            submission
        })
        .collect();
    // Processed in another order than received.
    for at in [3, 0, 4, 1, 2] {
        world.commit_by(&source, &all[at..=at]).await;
    }
    let lead = all_leads(&world).await.remove(0);
    let rebuild = world.lead_rebuild(lead.id, &source, &source).await;
    assert_eq!(rebuild.parts.len(), 5);
    assert_eq!(world.rebuild(rebuild, false).await, RebuildResult::Unchanged);
    assert_eq!(world.lead(lead.id).await, lead);
    assert_eq!(world.revisions(&all[3]).await, [Outcome::Created]);
}

async fn a_lead_is_rebuilt_with_the_current_settings(world: World) {
    let source = Arc::clone(&world.source);
    let submission = world.eligible("020 7946 0958", "ann@example.com");
    world.commit(std::slice::from_ref(&submission)).await;
    let lead = world.lead(submission.id.into()).await;
    assert_eq!(lead.reasons, [Reason::PhoneInvalid]);
    let entry = suppression(&world, SuppressionKind::Domain, "example.com").await;
    world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();

    let british = in_region(&source, "GB");
    let rebuilt = world.rebuild(world.lead_rebuild(lead.id, &source, &british).await, false).await;
    let RebuildResult::Changed { before, after, .. } = rebuilt else { panic!("{rebuilt:?}") };
    assert_eq!((before.e164(), after.e164()), (None, Some("+442079460958")));
    assert_eq!(after.reasons, [Reason::SuppressedDomain], "the current lists apply");
    assert_eq!(world.lead(lead.id).await, *after);
    assert_eq!(world.revisions(&submission).await, [Outcome::Created; 2]);
    let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
    let trace = serde_json::json!(record.outcome().unwrap().trace);
    assert!(trace["reprocess"].is_object() && trace["decide"].is_object());
    assert_eq!(trace["screen_lead"][0]["reason"], "suppressed_domain");
}

async fn a_dry_run_returns_the_same_result_and_writes_nothing(world: World) {
    let source = Arc::clone(&world.source);
    let submission = world.eligible("020 7946 0958", "ann@example.com");
    world.commit(std::slice::from_ref(&submission)).await;
    let lead = world.lead(submission.id.into()).await;
    let british = in_region(&source, "GB");
    let dry = world.rebuild(world.lead_rebuild(lead.id, &source, &british).await, true).await;
    assert_eq!(world.lead(lead.id).await, lead);
    assert_eq!(world.revisions(&submission).await, [Outcome::Created]);
    let other = world.eligible("+442079460958", "bob@example.com");
    world.commit(std::slice::from_ref(&other)).await;
    assert_eq!(world.revisions(&other).await, [Outcome::Created], "no key was claimed");
    world.store.discard(world.organization.id, uuid::Uuid::nil(), "x", None).await.unwrap();
    let RebuildResult::Changed { after, .. } = dry else { panic!("{dry:?}") };
    assert_eq!(after.e164(), Some("+442079460958"));
}

async fn a_rebuild_claims_new_keys_and_releases_old_ones(world: World) {
    // The text is one number with the region US and another one with the region DE.
    let source = in_region(&world.source, "US");
    let submission = world.phone("(415) 555-0132");
    world.commit_by(&source, std::slice::from_ref(&submission)).await;
    let lead: LeadId = submission.id.into();
    assert_eq!(world.lead(lead).await.e164(), Some("+14155550132"));
    let german = in_region(&source, "DE");
    let rebuilt = world.rebuild(world.lead_rebuild(lead, &source, &german).await, false).await;
    let RebuildResult::Changed { after, .. } = rebuilt else { panic!("{rebuilt:?}") };
    let now = after.e164().unwrap().to_owned();
    assert_ne!(now, "+14155550132");
    let [by_new_key, by_old_key] = [world.phone(&now), world.phone("+14155550132")];
    world.commit(&[by_new_key.clone(), by_old_key.clone()]).await;
    assert_eq!(world.revisions(&by_new_key).await, [Outcome::Duplicate], "the new key is claimed");
    assert_eq!(world.revisions(&by_old_key).await, [Outcome::Created], "the old key is released");
}

async fn a_key_of_another_lead_is_a_conflict_and_does_not_move(world: World) {
    let source = in_region(&world.source, "US");
    let [ann, bob] = [world.phone("020 7946 0958"), world.phone("+442079460958")];
    world.commit_by(&source, &[ann.clone(), bob.clone()]).await;
    let british = in_region(&source, "GB");
    let rebuilt = world.rebuild(world.lead_rebuild(ann.id.into(), &source, &british).await, false).await;
    let RebuildResult::Changed { conflicts, .. } = rebuilt else { panic!("{rebuilt:?}") };
    assert_eq!(conflicts, [ClaimKind::Phone]);
    let again = world.phone("+442079460958");
    world.commit(std::slice::from_ref(&again)).await;
    let found = world.store.find(world.organization.id, again.id.as_uuid()).await.unwrap().unwrap();
    assert_eq!(found.lead.unwrap().id, bob.id.into());
}

async fn a_lead_that_changed_meanwhile_is_not_rebuilt(world: World) {
    let source = world.updating_source().await;
    let [first, second] = [world.phone("+14155550132"), world.phone("+14155550132")];
    world.commit_by(&source, std::slice::from_ref(&first)).await;
    let rebuild = world.lead_rebuild(first.id.into(), &source, &in_region(&source, "GB")).await;
    world.commit_by(&source, std::slice::from_ref(&second)).await;
    assert_eq!(world.rebuild(rebuild, false).await, RebuildResult::ChangedConcurrently);
    let missing = LeadRebuild { lead: world.phone("+14155550199").id.into(), parts: Vec::new() };
    assert_eq!(world.rebuild(missing, false).await, RebuildResult::ChangedConcurrently);
}

async fn a_lead_with_an_unreadable_contributor_is_not_rebuilt(world: World) {
    let submission = world.phone("+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let lead = world.lead(submission.id.into()).await;
    let mut rebuild = world.lead_rebuild(lead.id, &world.source, &world.source).await;
    rebuild.parts[0].normalized = world.pipeline.normalize(submission, None, ActiveScoring::standard());
    assert_eq!(world.rebuild(rebuild, false).await, RebuildResult::NotRebuildable);
    assert_eq!(world.lead(lead.id).await, lead);
}

async fn a_repaired_entry_is_read_with_its_repair(world: World) {
    use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
    let fault = MappingFault { to: "phone".into(), code: MappingFaultCode::Missing };
    let original = Submission { mapping_fault: Some(fault), ..world.phone("") };
    world.commit(std::slice::from_ref(&original)).await;
    let entry = original.id.as_uuid();
    let mut repair = Submission { mapping_fault: None, ..original.clone() };
    repair.fields.phone = Patch::Value("+14155550132".into());
    let repaired =
        world.store.repair(world.organization.id, entry, &repair, "operator").await.unwrap().unwrap();
    assert_eq!((repaired.repaired_by.as_deref(), repaired.repaired_at.is_some()), (Some("operator"), true));
    let (_, held) = world.store.quarantine_entry(world.organization.id, entry).await.unwrap().unwrap();
    assert_eq!(held.fields, repair.fields);
    let released = held.released_from_quarantine(entry, QuarantineReason::MappingFailed, Timestamp::now());
    for _ in 0..2 {
        world.commit(std::slice::from_ref(&released)).await;
    }
    let record = world.store.submission(world.organization.id, original.id).await.unwrap().unwrap();
    assert_eq!(record.submission.fields, original.fields, "the original submission does not change");
    assert_eq!(
        world.revisions(&original).await,
        [Outcome::Quarantined, Outcome::Created],
        "a repeated release has one effect"
    );
    let lead = world.lead(original.id.into()).await;
    assert_eq!(lead.e164(), Some("+14155550132"));
    let late =
        world.store.repair(world.organization.id, entry, &original, "too late").await.unwrap().unwrap();
    assert_eq!(late.repaired_by.as_deref(), Some("operator"), "a released entry cannot be repaired");
    let rebuild = world.lead_rebuild(lead.id, &world.source, &world.source).await;
    assert_eq!(world.rebuild(rebuild, false).await, RebuildResult::Unchanged);
}

async fn concurrent_rebuilds_and_updates_are_all_stored(world: World) {
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
        let rebuild = world.lead_rebuild(lead, &source, &optional).await;
        world.rebuild(rebuild, false).await;
        rounds += 1;
    }
    updating.await.unwrap();
    assert_eq!(world.lead(lead).await.tags.len(), 40, "after {rounds} rounds");
}
