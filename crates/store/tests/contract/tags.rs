//! Numbered tags.

use std::collections::BTreeSet;

use leadgate_domain::OrganizationId;
use tokio::task::JoinSet;

use crate::world::{World, over_both};

over_both!(concurrent_calls_create_one_tag_per_name, the_tags_of_another_organization_are_not_visible);

async fn concurrent_calls_create_one_tag_per_name(world: World) {
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let (store, organization) = (world.store.clone(), world.organization.id);
        tasks.spawn(async move { store.create_tag(organization, &format!("Ä {}", n % 4)).await.unwrap() });
    }
    let created = tasks.join_all().await;
    let numbers: BTreeSet<u64> = created.iter().map(|tag| tag.id).collect();
    assert_eq!(numbers, (1..=4).collect());
    let listed = world.store.tags(world.organization.id).await.unwrap();
    assert_eq!(listed.len(), 4);
    assert!(created.iter().all(|tag| listed.contains(tag)));
    for tag in listed {
        assert_eq!(world.store.create_tag(world.organization.id, &tag.name).await.unwrap(), tag);
        assert_eq!(world.store.tag(world.organization.id, tag.id).await.unwrap(), Some(tag));
    }
}

async fn the_tags_of_another_organization_are_not_visible(world: World) {
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let (ours, more) = ("vip", "new");
    let first = world.store.create_tag(world.organization.id, ours).await.unwrap();
    world.store.create_tag(world.organization.id, more).await.unwrap();
    assert_eq!(world.store.tags(other).await.unwrap(), []);
    assert_eq!(world.store.tag(other, first.id).await.unwrap(), None);
    let theirs = world.store.create_tag(other, ours).await.unwrap();
    assert_eq!((theirs.id, theirs.name.as_str()), (1, ours), "each organization has its own numbers");
    for id in [0, 3, u64::MAX] {
        assert_eq!(world.store.tag(world.organization.id, id).await.unwrap(), None);
    }
    assert!(world.store.create_tag(OrganizationId::generate(), ours).await.is_err());
}
