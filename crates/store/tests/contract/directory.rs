//! Organizations, sources, keys, and their snapshot.

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
    concurrent_calls_create_one_organization_per_name,
    concurrent_calls_create_one_default_source_per_dialect,
    a_source_is_read_as_it_was_created,
    a_key_is_read_as_it_was_created_and_revoked_once,
    another_organization_cannot_revoke_a_key,
    changes_since_a_generation_are_read,
    a_directory_follows_changes,
    changes_of_several_pages_are_read_completely,
    the_number_of_shards_never_decreases_and_reaches_the_directory,
    a_looked_up_key_does_not_undo_a_revocation,
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

async fn the_number_of_shards_never_decreases_and_reaches_the_directory(world: World) {
    let directory = Directory::new(world.store.clone());
    let mut shards = directory.shards();
    directory.refresh().await.unwrap();
    assert_eq!((*shards.borrow_and_update(), world.store.shards().await.unwrap()), (1, 1));

    let before = world.store.generation().await.unwrap();
    world.store.raise_shards(4).await.unwrap();
    assert!(world.store.generation().await.unwrap() > before, "snapshots read the change");
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

async fn concurrent_calls_create_one_organization_per_name(world: World) {
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = world.store.clone();
        tasks.spawn(async move { store.ensure_organization("Über & Söhne").await.unwrap() });
    }
    let created = tasks.join_all().await;
    assert!(created.iter().all(|result| *result == created[0]));
    assert_eq!(world.store.organizations().await.unwrap().len(), 2);
    assert_eq!(world.store.organization_named("unknown").await.unwrap(), None);
}

async fn concurrent_calls_create_one_default_source_per_dialect(world: World) {
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
    let created = tasks.join_all().await;
    assert!(created.iter().all(|result| *result == created[0]));
    assert_eq!(world.store.sources(organization.id).await.unwrap(), [created[0].clone()]);
    let second = Source::new(
        organization.id,
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        None,
        Timestamp::now(),
    );
    let refused = world.store.create_source(&second).await;
    assert!(matches!(refused, Err(StoreError::RowRefused { .. })), "{refused:?}");
}

async fn a_source_is_read_as_it_was_created(world: World) {
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
        store.sources_by_id(&wanted).await.unwrap().into_iter().map(|source| source.id).collect();
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

async fn a_key_is_read_as_it_was_created_and_revoked_once(world: World) {
    let created = key("abcdefghij", &world.source);
    world.store.create_key(&created).await.unwrap();
    assert_eq!(world.store.find_key(&created.id).await.unwrap(), Some(created.clone()));
    assert_eq!(world.store.keys(world.organization.id).await.unwrap(), std::slice::from_ref(&created));
    let refused = world.store.create_key(&created).await;
    assert!(matches!(refused, Err(StoreError::RowRefused { .. })), "{refused:?}");

    let revoked = world.store.revoke_key(&created.id, Some(world.organization.id)).await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    let again = world.store.revoke_key(&created.id, None).await.unwrap().unwrap();
    assert_eq!(again, revoked, "the first revocation stays");
    assert_eq!(world.store.find_key(&created.id).await.unwrap(), Some(revoked));
}

async fn another_organization_cannot_revoke_a_key(world: World) {
    let created = key("abcdefghij", &world.source);
    world.store.create_key(&created).await.unwrap();
    let other = world.store.ensure_organization("other").await.unwrap();
    assert_eq!(world.store.revoke_key(&created.id, Some(other.id)).await.unwrap(), None);
    assert_eq!(world.store.keys(other.id).await.unwrap(), []);
    assert_eq!(world.store.find_key(&created.id).await.unwrap().unwrap().revoked_at, None);
    assert!(world.store.revoke_key(&created.id, None).await.unwrap().is_some());
    assert_eq!(world.store.find_key(&KeyId::parse("unknownkey").unwrap()).await.unwrap(), None);
}

async fn changes_since_a_generation_are_read(world: World) {
    let all = world.store.changes_since(-1).await.unwrap();
    assert_eq!((all.organizations.len(), all.sources.len(), all.keys.len()), (1, 1, 0));
    assert_eq!(all.generation, world.store.generation().await.unwrap());
    let none = world.store.changes_since(all.generation).await.unwrap();
    assert_eq!((none.organizations.len(), none.sources.len(), none.keys.len()), (0, 0, 0));

    let created = key("abcdefghij", &world.source);
    world.store.create_key(&created).await.unwrap();
    let first = world.store.changes_since(all.generation).await.unwrap();
    assert_eq!(
        (first.organizations.len(), first.sources.len(), &first.keys[..]),
        (0, 0, &[created.clone()][..])
    );
    assert!(first.generation > all.generation);
    world.store.revoke_key(&created.id, None).await.unwrap();
    let second = world.store.changes_since(first.generation).await.unwrap();
    assert!(second.keys[0].revoked_at.is_some());
}

async fn a_directory_follows_changes(world: World) {
    let directory = Directory::new(world.store.clone());
    assert_eq!(directory.age(), None);
    assert!(directory.source(world.source.id).is_none());
    directory.refresh().await.unwrap();
    assert!(directory.age().unwrap().as_secs() < 10);
    assert_eq!(directory.source(world.source.id), Some(Arc::clone(&world.source)));
    assert_eq!(directory.organization(world.organization.id).as_deref(), Some(&world.organization));

    let created = key("abcdefghij", &world.source);
    world.store.create_key(&created).await.unwrap();
    assert!(directory.key(&created.id).is_none());
    directory.refresh().await.unwrap();
    assert_eq!(directory.key(&created.id).as_deref(), Some(&created));
    world.store.revoke_key(&created.id, None).await.unwrap();
    directory.refresh().await.unwrap();
    assert!(directory.key(&created.id).unwrap().revoked_at.is_some());
    assert_eq!(directory.generation(), world.store.generation().await.unwrap());
}

async fn changes_of_several_pages_are_read_completely(world: World) {
    let before = world.store.changes_since(-1).await.unwrap();
    // All rows have one generation, so only the ids separate the pages.
    let (generation, now) = (before.generation + 1, world.time_literal(Timestamp::now()));
    let rows: Vec<_> = (0..5_001)
        .map(|n| format!("({}, 'many {n}', {now}, {generation})", world.id_literal(uuid::Uuid::now_v7())))
        .collect();
    for chunk in rows.chunks(500) {
        let values = chunk.join(", ");
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

async fn a_looked_up_key_does_not_undo_a_revocation(world: World) {
    let directory = Directory::new(world.store.clone());
    let created = key("abcdefghij", &world.source);
    world.store.create_key(&created).await.unwrap();
    let looked_up = world.store.find_key(&created.id).await.unwrap().unwrap();
    world.store.revoke_key(&created.id, None).await.unwrap();
    directory.refresh().await.unwrap();
    directory.insert_key(looked_up.clone());
    assert!(directory.key(&created.id).unwrap().revoked_at.is_some());

    let early = Directory::new(world.store.clone());
    early.insert_key(looked_up);
    assert_eq!(early.key(&created.id).unwrap().revoked_at, None);
    early.refresh().await.unwrap();
    assert!(early.key(&created.id).unwrap().revoked_at.is_some(), "the next refresh reads the revocation");
}
