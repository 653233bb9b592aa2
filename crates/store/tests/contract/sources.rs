//! Changes of sources, and look-ups by campaign and dialect.

use leadgate_domain::{
    ConsentPolicy, Dialect, DuplicatePolicy, GmailIdentity, IdentityRule, OrganizationId,
    SigningSecretVersion, Source, Timestamp,
};
use leadgate_store::{Directory, StoreError};

use crate::world::{World, over_both};

over_both!(
    every_setting_of_a_source_is_stored,
    one_of_several_concurrent_changes_succeeds,
    another_organization_cannot_change_a_source,
    a_campaign_is_unique_and_can_be_looked_up,
    a_directory_finds_campaigns_and_default_sources,
    a_source_of_a_newer_build_is_left_out,
    a_page_of_large_sources_ends_early,
);

/// The source with a value that is not the default in every setting.
fn configured(source: &Source) -> Source {
    Source {
        name: Some("CRM \"one\"".into()),
        default_region: "US".parse().ok(),
        timezone: "America/New_York".parse().ok(),
        tags: vec!["a, b".into(), "NULL".into()],
        identity_rule: IdentityRule::FirstOf,
        identity: source.identity[..1].to_vec(),
        gmail_identity: GmailIdentity::Mailbox,
        policy: DuplicatePolicy::Link,
        consent: ConsentPolicy::Optional,
        rate: "50/s".parse().ok(),
        campaign: Some("1234567890".into()),
        networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        signature: Some(SigningSecretVersion { version: 2, previous_until: Some(Timestamp::now()) }),
        ..source.clone()
    }
}

async fn every_setting_of_a_source_is_stored(world: World) {
    let (store, organization) = (&world.store, world.organization.id);
    let created = configured(&Source::new(
        organization,
        &leadgate_dialect::protocol(Dialect::KickoffLabs).source_defaults,
        Some("x".into()),
        Timestamp::now(),
    ));
    store.create_source(&created).await.unwrap();
    assert_eq!(store.source(organization, created.id).await.unwrap(), Some(created.clone()));

    let changed = Source { signature: None, networks: Vec::new(), rate: None, ..created.clone() };
    let before = store.generation().await.unwrap();
    let now = store.update_source(&changed).await.unwrap().unwrap();
    assert_eq!(now, Source { revision: 2, ..changed });
    assert_eq!(store.changes_since(before).await.unwrap().sources, [now]);

    // A default source changes like any other.
    let changed = Source { name: None, campaign: None, ..configured(&world.source) };
    let now = store.update_source(&changed).await.unwrap().unwrap();
    assert_eq!(
        store
            .ensure_default_source(organization, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
            .await
            .unwrap(),
        now
    );
}

async fn one_of_several_concurrent_changes_succeeds(world: World) {
    let policies = [
        DuplicatePolicy::Update,
        DuplicatePolicy::Link,
        DuplicatePolicy::Create,
        DuplicatePolicy::ReturnExisting,
    ];
    let mut tasks = tokio::task::JoinSet::new();
    for policy in policies {
        let (store, source) = (world.store.clone(), Source { policy, ..Source::clone(&world.source) });
        tasks.spawn(async move { store.update_source(&source).await.unwrap() });
    }
    let successful: Vec<Source> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!((successful.len(), successful[0].revision), (1, 2));
    let stored = world.store.source(world.organization.id, world.source.id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&successful[0]));
    assert!(
        world.store.update_source(&successful[0]).await.unwrap().is_some(),
        "a change based on the current revision succeeds"
    );
}

async fn another_organization_cannot_change_a_source(world: World) {
    let other = world.store.ensure_organization("other").await.unwrap().id;
    for organization in [other, OrganizationId::generate()] {
        let theirs = Source { organization, policy: DuplicatePolicy::Create, ..Source::clone(&world.source) };
        assert_eq!(world.store.update_source(&theirs).await.unwrap(), None);
    }
    let stored = world.store.source(world.organization.id, world.source.id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&*world.source));
}

async fn a_campaign_is_unique_and_can_be_looked_up(world: World) {
    let source = |organization| {
        Source::new(
            organization,
            &leadgate_dialect::protocol(Dialect::KickoffLabs).source_defaults,
            None,
            Timestamp::now(),
        )
    };
    let first = source(world.organization.id);
    world.store.create_source(&first).await.unwrap();
    let campaign = first.campaign.clone().unwrap();
    assert_eq!(world.store.campaign(&campaign).await.unwrap(), Some(first.clone()));
    assert_eq!(world.store.campaign("0").await.unwrap(), None);
    let other = world.store.ensure_organization("other").await.unwrap();
    let second = Source { campaign: first.campaign.clone(), ..source(other.id) };
    let refused = world.store.create_source(&second).await;
    assert!(matches!(refused, Err(StoreError::RowRefused { .. })), "{refused:?}");
}

async fn a_directory_finds_campaigns_and_default_sources(world: World) {
    let directory = Directory::new(world.store.clone());
    directory.refresh().await.unwrap();
    let (organization, native) = (world.organization.id, Dialect::Native);
    assert_eq!(directory.default_source(organization, native).as_ref(), Some(&world.source));
    assert_eq!(directory.default_source(organization, Dialect::AskAd), None);
    assert_eq!(directory.default_source(OrganizationId::generate(), native), None);

    let named = Some("launch".to_owned());
    let launch = Source::new(
        organization,
        &leadgate_dialect::protocol(Dialect::KickoffLabs).source_defaults,
        named,
        Timestamp::now(),
    );
    world.store.create_source(&launch).await.unwrap();
    let campaign = launch.campaign.clone().unwrap();
    assert_eq!(directory.campaign(&campaign), None);
    directory.refresh().await.unwrap();
    assert_eq!(directory.campaign(&campaign).as_deref(), Some(&launch));
    assert_eq!(directory.default_source(organization, Dialect::KickoffLabs), None, "it has a name");

    let renumbered = Source { campaign: Some("77".into()), ..launch };
    world.store.update_source(&renumbered).await.unwrap().unwrap();
    directory.refresh().await.unwrap();
    assert_eq!(directory.campaign(&campaign), None);
    assert_eq!(directory.snapshot().campaign("77").map(|source| source.revision), Some(2));
}

fn named(world: &World, name: &str) -> Source {
    let defaults = &leadgate_dialect::protocol(Dialect::Native).source_defaults;
    Source::new(world.organization.id, defaults, Some(name.to_owned()), Timestamp::now())
}

async fn a_source_of_a_newer_build_is_left_out(world: World) {
    let (store, organization, newer) = (&world.store, world.organization.id, named(&world, "newer"));
    store.create_source(&newer).await.unwrap();
    world.sql("UPDATE sources SET policy = 'ask' WHERE name = 'newer'").await;
    assert_eq!(store.source(organization, newer.id).await.unwrap(), None);
    assert_eq!(store.sources(organization).await.unwrap(), [Source::clone(&world.source)]);
    assert_eq!(store.changes_since(-1).await.unwrap().sources, [Source::clone(&world.source)]);
    let first = store.sources_page(organization, None, 1).await.unwrap();
    let second = store.sources_page(organization, first.next, 1).await.unwrap();
    assert_eq!((first.data.len(), second.data.len(), second.next), (1, 0, None));
    assert_eq!(store.update_source(&newer).await.unwrap(), Some(Source { revision: 2, ..newer }));
}

async fn a_page_of_large_sources_ends_early(world: World) {
    let (store, organization) = (&world.store, world.organization.id);
    for name in ["one", "two", "three"] {
        let tags = vec!["x".repeat(200 * 1024)];
        store.create_source(&Source { tags, ..named(&world, name) }).await.unwrap();
    }
    let first = store.sources_page(organization, None, 100).await.unwrap();
    let second = store.sources_page(organization, first.next, 100).await.unwrap();
    assert_eq!((first.data.len(), second.data.len(), second.next), (3, 1, None));
}
