//! Organizations, sources, keys, and the snapshot of them.

use std::sync::Arc;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    ApiKey, ConsentPolicy, Dialect, DuplicatePolicy, KeyId, KeyKind, OrganizationId, Rate, Scope, Source,
    SourceId, Timestamp,
};
use leadgate_store::{Directory, StoreError};
use tokio::task::JoinSet;

use crate::world::{World, over_both};

over_both!(
    a_name_makes_one_organization_however_many_ask,
    a_dialect_has_one_default_source_however_many_ask,
    a_source_comes_back_as_it_was_made,
    a_key_comes_back_and_is_revoked_once,
    only_an_operator_revokes_the_keys_of_others,
    a_generation_tells_what_changed_since,
    a_directory_follows,
    more_changes_than_one_page_are_all_read,
    the_number_of_shards_only_grows_and_is_followed,
    a_looked_up_key_never_undoes_a_revocation,
);

fn key(id: &str, source: &Source) -> ApiKey {
    let pepper = RootSecret::new(&"s".repeat(32), None).unwrap().api_keys();
    let (presented, _) = PresentedKey::generate(KeyKind::Secret);
    let scopes = vec![Scope::Write, Scope::Read];
    ApiKey {
        id: KeyId::parse(id).unwrap(),
        rate: Some(Rate::per_minute(600)),
        test: true,
        ..ApiKey::new(&presented, source.organization, source.id, scopes, &pepper)
    }
}

async fn the_number_of_shards_only_grows_and_is_followed(world: World) {
    let directory = Directory::new(world.store.clone());
    let mut shards = directory.shards();
    directory.refresh().await.unwrap();
    assert_eq!((*shards.borrow_and_update(), world.store.shards().await.unwrap()), (1, 1));

    let before = world.store.generation().await.unwrap();
    world.store.raise_shards(4).await.unwrap();
    assert!(world.store.generation().await.unwrap() > before, "snapshots follow");
    directory.refresh().await.unwrap();
    assert!(shards.has_changed().unwrap());
    assert_eq!(*shards.borrow_and_update(), 4);

    let before = world.store.generation().await.unwrap();
    for count in [3, 4] {
        world.store.raise_shards(count).await.unwrap();
    }
    directory.refresh().await.unwrap();
    assert_eq!((*shards.borrow(), world.store.shards().await.unwrap()), (4, 4));
    assert_eq!(world.store.generation().await.unwrap(), before);
}

async fn a_name_makes_one_organization_however_many_ask(world: World) {
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = world.store.clone();
        tasks.spawn(async move { store.ensure_organization("Über & Söhne").await.unwrap() });
    }
    let made = tasks.join_all().await;
    assert!(made.iter().all(|one| *one == made[0]));
    let names: Vec<_> = world.store.organizations().await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(world.store.organization_named("nobody").await.unwrap(), None);
}

async fn a_dialect_has_one_default_source_however_many_ask(world: World) {
    let organization = world.store.ensure_organization("other").await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = world.store.clone();
        tasks.spawn(async move {
            store
                .ensure_default_source(
                    organization.id,
                    &leadgate_dialect::protocol(Dialect::Native).source_defaults,
                )
                .await
                .unwrap()
        });
    }
    let made = tasks.join_all().await;
    assert!(made.iter().all(|one| *one == made[0]));
    assert_eq!(world.store.sources(organization.id).await.unwrap(), [made[0].clone()]);
    let second = Source::new(
        organization.id,
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        None,
        Timestamp::now(),
    );
    let refused = world.store.create_source(&second).await;
    assert!(matches!(refused, Err(StoreError::RowRefused { .. })), "{refused:?}");
}

async fn a_source_comes_back_as_it_was_made(world: World) {
    let mut source = Source::new(
        world.organization.id,
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        Some("CRM \"one\"".into()),
        Timestamp::now(),
    );
    source.default_region = "US".parse().ok();
    source.tags = vec!["a, b".into(), "{}".into(), "NULL".into()];
    source.policy = DuplicatePolicy::Update;
    source.consent = ConsentPolicy::Optional;
    source.consent_max_age = Some(std::time::Duration::from_secs(90 * 86_400));
    source.rate = Some("50/s".parse().unwrap());
    world.store.create_source(&source).await.unwrap();
    let store = &world.store;
    assert_eq!(store.source(world.organization.id, source.id).await.unwrap(), Some(source.clone()));
    assert_eq!(store.source(OrganizationId::generate(), source.id).await.unwrap(), None);
    let wanted = [source.id, SourceId::generate(), world.source.id];
    let mut found: Vec<_> =
        store.sources_by_id(&wanted).await.unwrap().into_iter().map(|one| one.id).collect();
    found.sort();
    let mut expected = [source.id, world.source.id];
    expected.sort();
    assert_eq!(found, expected);
    let orphan = Source::new(
        OrganizationId::generate(),
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        None,
        Timestamp::now(),
    );
    let refused = store.create_source(&orphan).await;
    assert!(matches!(refused, Err(StoreError::RowRefused { .. })), "{refused:?}");
}

async fn a_key_comes_back_and_is_revoked_once(world: World) {
    let made = key("abcdefghij", &world.source);
    world.store.create_key(&made).await.unwrap();
    assert_eq!(world.store.find_key(&made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(world.store.keys(world.organization.id).await.unwrap(), std::slice::from_ref(&made));
    let refused = world.store.create_key(&made).await;
    assert!(matches!(refused, Err(StoreError::RowRefused { .. })), "{refused:?}");

    let revoked = world.store.revoke_key(&made.id, Some(world.organization.id)).await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    let again = world.store.revoke_key(&made.id, None).await.unwrap().unwrap();
    assert_eq!(again, revoked, "the first revocation counts");
    assert_eq!(world.store.find_key(&made.id).await.unwrap(), Some(revoked));
}

async fn only_an_operator_revokes_the_keys_of_others(world: World) {
    let made = key("abcdefghij", &world.source);
    world.store.create_key(&made).await.unwrap();
    let other = world.store.ensure_organization("other").await.unwrap();
    assert_eq!(world.store.revoke_key(&made.id, Some(other.id)).await.unwrap(), None);
    assert_eq!(world.store.keys(other.id).await.unwrap(), []);
    assert_eq!(world.store.find_key(&made.id).await.unwrap().unwrap().revoked_at, None);
    assert!(world.store.revoke_key(&made.id, None).await.unwrap().is_some());
    assert_eq!(world.store.find_key(&KeyId::parse("nobodyskey").unwrap()).await.unwrap(), None);
}

async fn a_generation_tells_what_changed_since(world: World) {
    let all = world.store.changes_since(-1).await.unwrap();
    assert_eq!((all.organizations.len(), all.sources.len(), all.keys.len()), (1, 1, 0));
    assert_eq!(all.generation, world.store.generation().await.unwrap());
    let none = world.store.changes_since(all.generation).await.unwrap();
    assert_eq!((none.organizations.len(), none.sources.len(), none.keys.len()), (0, 0, 0));

    let made = key("abcdefghij", &world.source);
    world.store.create_key(&made).await.unwrap();
    let first = world.store.changes_since(all.generation).await.unwrap();
    assert_eq!(
        (first.organizations.len(), first.sources.len(), &first.keys[..]),
        (0, 0, &[made.clone()][..])
    );
    assert!(first.generation > all.generation);
    world.store.revoke_key(&made.id, None).await.unwrap();
    let second = world.store.changes_since(first.generation).await.unwrap();
    assert!(second.keys[0].revoked_at.is_some());
}

async fn a_directory_follows(world: World) {
    let directory = Directory::new(world.store.clone());
    assert_eq!(directory.age(), None);
    assert!(directory.source(world.source.id).is_none());
    directory.refresh().await.unwrap();
    assert!(directory.age().unwrap().as_secs() < 10);
    assert_eq!(directory.source(world.source.id), Some(Arc::clone(&world.source)));
    assert_eq!(directory.organization(world.organization.id).as_deref(), Some(&world.organization));

    let made = key("abcdefghij", &world.source);
    world.store.create_key(&made).await.unwrap();
    assert!(directory.key(&made.id).is_none());
    directory.refresh().await.unwrap();
    assert_eq!(directory.key(&made.id).as_deref(), Some(&made));
    world.store.revoke_key(&made.id, None).await.unwrap();
    directory.refresh().await.unwrap();
    assert!(directory.key(&made.id).unwrap().revoked_at.is_some());
    assert_eq!(directory.generation(), world.store.generation().await.unwrap());
}

async fn more_changes_than_one_page_are_all_read(world: World) {
    let before = world.store.changes_since(-1).await.unwrap();
    // All of one generation, so that ids alone tell the pages apart.
    let rows: Vec<_> = (0..5_001)
        .map(|n| {
            format!(
                "('{}', 'many {n}', '2026-01-01T00:00:00.000000Z', {})",
                uuid::Uuid::now_v7(),
                before.generation + 1
            )
        })
        .collect();
    for some in rows.chunks(500) {
        let values = some.join(", ");
        let insert = format!("INSERT INTO organizations (id, name, created_at, generation) VALUES {values}");
        world.sql(&insert).await;
    }
    world.sql("UPDATE installation SET generation = generation + 1").await;
    let after = world.store.changes_since(before.generation).await.unwrap();
    assert_eq!((after.organizations.len(), after.sources.len()), (5_001, 0));
    let all = world.store.changes_since(-1).await.unwrap();
    assert_eq!(all.organizations.len(), before.organizations.len() + 5_001);
    assert_eq!((all.sources, all.keys), (before.sources, before.keys));
    assert_eq!(world.store.organizations().await.unwrap().len(), all.organizations.len());
}

async fn a_looked_up_key_never_undoes_a_revocation(world: World) {
    let directory = Directory::new(world.store.clone());
    let made = key("abcdefghij", &world.source);
    world.store.create_key(&made).await.unwrap();
    let looked_up = world.store.find_key(&made.id).await.unwrap().unwrap();
    world.store.revoke_key(&made.id, None).await.unwrap();
    directory.refresh().await.unwrap();
    directory.insert_key(looked_up.clone());
    assert!(directory.key(&made.id).unwrap().revoked_at.is_some());

    let early = Directory::new(world.store.clone());
    early.insert_key(looked_up);
    assert_eq!(early.key(&made.id).unwrap().revoked_at, None);
    early.refresh().await.unwrap();
    assert!(early.key(&made.id).unwrap().revoked_at.is_some(), "the next refresh knows better");
}
