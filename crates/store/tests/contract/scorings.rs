//! Scorings and their versions.

use leadgate_domain::{
    ActiveScoring, OrganizationId, Reason, Scoring, Submission, SuppressionKind, Temperature,
};
use leadgate_store::Directory;
use tokio::task::JoinSet;

use crate::races::suppression;
use crate::world::{World, over_both};

over_both!(
    an_added_scoring_is_active_and_can_be_deactivated,
    concurrent_additions_get_consecutive_versions,
    another_organization_cannot_change_a_scoring,
    a_scoring_applies_from_the_next_refresh,
    an_unreadable_scoring_falls_back_to_the_standard_one,
);

fn scoring(points: i32) -> Scoring {
    let text = format!(
        "hot = 60\nwarm = 30\n
         [[rules]]\nname = 'phone_valid'\npoints = {points}\nnote = 'ä \"$1\"'
         when = {{ field = 'phone.valid', is = true }}\n
         [[rules]]\nname = 'big'\npoints = -5
         when = {{ any = [
            {{ field = 'custom_fields.a.b', at_least = 1.5, at_most = 18446744073709551615 }},
            {{ not = {{ field = 'state', one_of = ['NV', 'Ça'] }} }},
         ] }}"
    );
    Scoring::from_toml(&text).unwrap()
}

async fn active_scoring(world: &World) -> ActiveScoring {
    let organization = world.store.organization_named("acme").await.unwrap().unwrap();
    ActiveScoring::clone(&organization.scoring)
}

async fn an_added_scoring_is_active_and_can_be_deactivated(world: World) {
    let (store, organization) = (&world.store, world.organization.id);
    assert_eq!(active_scoring(&world).await, *ActiveScoring::standard());
    let before = store.generation().await.unwrap();
    assert_eq!(store.add_scoring(organization, &scoring(50)).await.unwrap(), Some(1));
    assert_eq!(store.add_scoring(organization, &scoring(70)).await.unwrap(), Some(2));
    assert_eq!(active_scoring(&world).await, ActiveScoring { version: 2, scoring: scoring(70) });
    let changed = store.changes_since(before).await.unwrap().organizations;
    assert_eq!(changed, [store.organization_named("acme").await.unwrap().unwrap()]);

    for (version, active) in [(Some(1), [true, false]), (None, [false, false]), (Some(2), [false, true])] {
        assert!(store.activate_scoring(organization, version).await.unwrap());
        assert_eq!(active_scoring(&world).await.version, version.unwrap_or_default());
        let listed = store.scorings(organization).await.unwrap();
        assert_eq!(listed.iter().map(|version| version.active).collect::<Vec<_>>(), active);
        let documents: Vec<_> = listed.iter().map(|stored| (stored.version, &stored.scoring)).collect();
        assert_eq!(documents, [(1, &scoring(50)), (2, &scoring(70))], "versions never change");
    }
    assert!(!store.activate_scoring(organization, Some(3)).await.unwrap());
    assert_eq!(active_scoring(&world).await.version, 2);
}

async fn concurrent_additions_get_consecutive_versions(world: World) {
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let (store, organization) = (world.store.clone(), world.organization.id);
        tasks.spawn(async move { store.add_scoring(organization, &scoring(n)).await.unwrap().unwrap() });
    }
    let mut versions = tasks.join_all().await;
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(active_scoring(&world).await.version, 8);
}

async fn another_organization_cannot_change_a_scoring(world: World) {
    let store = &world.store;
    let other = store.ensure_organization("other").await.unwrap();
    store.add_scoring(world.organization.id, &scoring(50)).await.unwrap();
    assert!(!store.activate_scoring(other.id, Some(1)).await.unwrap());
    assert_eq!(store.scorings(other.id).await.unwrap(), []);
    assert_eq!(store.organization_named("other").await.unwrap(), Some(other));
    let unknown = OrganizationId::generate();
    assert_eq!(store.add_scoring(unknown, &scoring(50)).await.unwrap(), None);
    assert!(!store.activate_scoring(unknown, None).await.unwrap());
}

async fn a_scoring_applies_from_the_next_refresh(world: World) {
    let directory = Directory::new(world.store.clone());
    let organization = world.organization.id;
    let scored = async |submission: Submission| {
        directory.refresh().await.unwrap();
        let snapshot = directory.snapshot();
        let (id, source) = (submission.id, snapshot.source(submission.source));
        let normalized = world.pipeline.normalize(submission, source, snapshot.scoring(organization));
        world.store.commit(vec![normalized], world.judge()).await.unwrap();
        let lead = world.store.lead(organization, id.into()).await.unwrap().unwrap();
        let record = world.store.submission(organization, id).await.unwrap().unwrap();
        let version = record.outcome().unwrap().trace.score().unwrap().scoring_version;
        (lead.score, lead.temperature, version.unwrap())
    };
    assert_eq!(scored(world.phone("+14155550101")).await, (25, Temperature::Cold, 0));
    world.store.add_scoring(organization, &scoring(65)).await.unwrap();
    assert_eq!(scored(world.phone("+14155550102")).await, (60, Temperature::Hot, 1));
    world.store.activate_scoring(organization, None).await.unwrap();
    assert_eq!(scored(world.phone("+14155550103")).await, (25, Temperature::Cold, 0));
    world.store.add_scoring(organization, &scoring(65)).await.unwrap();
    let entry = suppression(&world, SuppressionKind::Phone, "+14155550101").await;
    world.store.suppress(organization, vec![entry], world.judge()).await.unwrap();
    let first = &world.stored_submissions().await[0];
    let first = world.store.lead(organization, first.lead.unwrap()).await.unwrap().unwrap();
    assert!(first.reasons.contains(&Reason::SuppressedPhone));
    assert_eq!(first.score, 25, "a new decision does not change the score");
}

async fn an_unreadable_scoring_falls_back_to_the_standard_one(world: World) {
    world.store.add_scoring(world.organization.id, &scoring(50)).await.unwrap();
    world.sql("UPDATE scorings SET document = '{\"formula\": \"x\"}'").await;
    assert_eq!(active_scoring(&world).await, *ActiveScoring::standard());
    assert_eq!(world.store.scorings(world.organization.id).await.unwrap(), []);
    assert_eq!(world.store.add_scoring(world.organization.id, &scoring(60)).await.unwrap(), Some(2));
    assert_eq!(active_scoring(&world).await.version, 2);
}
