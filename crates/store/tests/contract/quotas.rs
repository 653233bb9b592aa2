//! The limits of one organization.

use std::collections::BTreeSet;

use futures_util::stream::{StreamExt, iter};
use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{ApiKey, Dialect, KeyKind, Scope, Scoring, Source, Timestamp};
use leadgate_store::StoreError;

use crate::world::{World, over_both};

over_both!(
    an_organization_has_at_most_1000_sources,
    an_organization_has_at_most_2000_keys_that_are_not_revoked,
    an_organization_has_at_most_1000_tags_and_1000_scorings,
    sources_and_tags_are_listed_in_pages,
);

/// The number of concurrent calls.
const CONCURRENCY: usize = 16;

fn assert_limit_reached(result: Result<impl std::fmt::Debug, StoreError>, text: &str) {
    let Err(StoreError::TooMany { .. }) = &result else { panic!("{result:?}") };
    let message = result.unwrap_err().to_string();
    assert!(message.contains(text), "{message}");
}

fn source(world: &World, number: usize) -> Source {
    Source::new(
        world.organization.id,
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        Some(format!("s{number}")),
        Timestamp::now(),
    )
}

async fn an_organization_has_at_most_1000_sources(world: World) {
    // The test setup has created one source.
    let sources: Vec<_> = (1..1_000).map(|number| source(&world, number)).collect();
    let calls = iter(&sources).map(|source| world.store.create_source(source));
    let results: Vec<_> = calls.buffer_unordered(CONCURRENCY).collect().await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let before = world.store.generation().await.unwrap();
    assert_limit_reached(
        world.store.create_source(&source(&world, 1_000)).await,
        "the limit of 1000 sources is reached; ",
    );
    assert_eq!(world.store.sources(world.organization.id).await.unwrap().len(), 1_000);
    assert_eq!(world.store.generation().await.unwrap(), before, "nothing was stored");
    let other = world.store.ensure_organization("other").await.unwrap();
    world
        .store
        .ensure_default_source(other.id, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
        .await
        .unwrap();
}

async fn an_organization_has_at_most_2000_keys_that_are_not_revoked(world: World) {
    let pepper = RootSecret::new(&"s".repeat(32), None).unwrap().api_keys();
    let of_kind = |kind| {
        let (presented, _) = PresentedKey::generate(kind);
        ApiKey::new(&presented, world.organization.id, world.source.id, vec![Scope::Write], &pepper)
    };
    let tokens: Vec<_> = (0..1_000).map(|_| of_kind(KeyKind::Token)).collect();
    let results: Vec<_> =
        iter(&tokens).map(|key| world.store.create_key(key)).buffer_unordered(CONCURRENCY).collect().await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_limit_reached(
        world.store.create_key(&of_kind(KeyKind::Token)).await,
        "the limit of 1000 tokens per source is reached; revoke",
    );
    let key = || of_kind(KeyKind::Secret);
    let last = key();
    world.store.create_key(&last).await.unwrap();
    let keys: Vec<_> = (1..1_000).map(|_| key()).collect();
    let results: Vec<_> =
        iter(&keys).map(|key| world.store.create_key(key)).buffer_unordered(CONCURRENCY).collect().await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_limit_reached(
        world.store.create_key(&key()).await,
        "the limit of 2000 keys and tokens is reached; revoke",
    );
    world.store.revoke_key(&last.id, None).await.unwrap();
    world.store.create_key(&key()).await.unwrap();
    assert_limit_reached(
        world.store.create_key(&key()).await,
        "the limit of 2000 keys and tokens is reached; revoke",
    );
}

async fn an_organization_has_at_most_1000_tags_and_1000_scorings(world: World) {
    let (store, organization) = (&world.store, world.organization.id);
    let make = |number: usize| async move { store.create_tag(organization, &format!("t{number}")).await };
    let results: Vec<_> = iter(0..1_000).map(make).buffer_unordered(CONCURRENCY).collect().await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_limit_reached(
        store.create_tag(organization, "one more").await,
        "the limit of 1000 numbered tags is reached; ",
    );
    assert_eq!(store.create_tag(organization, "t7").await.unwrap().name, "t7", "it exists");
    assert_eq!(store.tags(organization).await.unwrap().len(), 1_000);

    let scoring = Scoring::from_toml("hot = 2\nwarm = 1\nrules = []").unwrap();
    for _ in 0..1_000 {
        store.add_scoring(organization, &scoring).await.unwrap();
    }
    assert!(store.activate_scoring(organization, Some(2)).await.unwrap());
    for expected in 1_001..1_003 {
        assert_eq!(store.add_scoring(organization, &scoring).await.unwrap(), Some(expected));
    }
    let kept = store.scorings(organization).await.unwrap();
    assert!(kept.iter().map(|scoring| scoring.version).eq(3..1_003), "the newest are kept");
    assert_eq!(
        kept.iter().filter(|scoring| scoring.active).map(|scoring| scoring.version).collect::<Vec<_>>(),
        [1_002]
    );
    assert!(!store.activate_scoring(organization, Some(2)).await.unwrap(), "it was deleted");
    assert!(store.activate_scoring(organization, Some(3)).await.unwrap());
}

async fn sources_and_tags_are_listed_in_pages(world: World) {
    let (store, organization) = (&world.store, world.organization.id);
    for number in 0..4 {
        store.create_source(&source(&world, number)).await.unwrap();
        store.create_tag(organization, &format!("t{number}")).await.unwrap();
    }
    let other = store.ensure_organization("other").await.unwrap();
    store
        .ensure_default_source(other.id, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
        .await
        .unwrap();
    let (mut sources, mut after, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = store.sources_page(organization, after, 2).await.unwrap();
        sizes.push(page.data.len());
        sources.extend(page.data);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(sources, store.sources(organization).await.unwrap());

    let first = store.tags_page(organization, None, 3).await.unwrap();
    let second = store.tags_page(organization, first.next, 3).await.unwrap();
    assert_eq!((first.data.len(), second.data.len(), second.next), (3, 1, None));
    let names: BTreeSet<_> = first.data.into_iter().chain(second.data).map(|tag| tag.name).collect();
    assert_eq!(names.len(), 4);
}
