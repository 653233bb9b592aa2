//! Mappings and their versions.

use leadgate_domain::mapping::Mapping;
use leadgate_domain::{Source, SourceId, Timestamp};
use serde_json::json;
use tokio::task::JoinSet;

use crate::world::{World, over_both};

over_both!(
    an_added_mapping_is_active_and_can_be_deactivated,
    concurrent_additions_get_consecutive_versions,
    another_organization_cannot_change_a_mapping,
    a_source_is_created_without_a_mapping,
);

fn mapping(from: &str) -> Mapping {
    let rules = json!({"rules": [
        {"to": "phone", "from": [from, "/a~1b/0"], "required": true},
        {"to": "tags", "from": ["t"], "split": {"by": "; '\"$1{}"}},
        {"to": "state", "from": ["s"], "values": {"ä": "NV", "": null}, "otherwise": 18446744073709551615_u64},
    ]});
    serde_json::from_value(rules).unwrap()
}

async fn source(world: &World) -> Source {
    world.store.source(world.organization.id, world.source.id).await.unwrap().unwrap()
}

async fn an_added_mapping_is_active_and_can_be_deactivated(world: World) {
    let (store, organization, id) = (&world.store, world.organization.id, world.source.id);
    let before = store.generation().await.unwrap();
    assert_eq!(store.add_mapping(organization, id, &mapping("tel")).await.unwrap(), Some(1));
    assert_eq!(store.add_mapping(organization, id, &mapping("mobil")).await.unwrap(), Some(2));
    let now = source(&world).await;
    let active = now.mapping.clone().unwrap();
    assert_eq!((now.revision, active.version, &active.mapping), (3, 2, &mapping("mobil")));
    assert_eq!(store.changes_since(before).await.unwrap().sources, [now]);

    for (version, active) in [(Some(1), [true, false]), (None, [false, false]), (Some(2), [false, true])] {
        assert!(store.activate_mapping(organization, id, version).await.unwrap());
        let now = source(&world).await;
        assert_eq!(now.mapping.as_ref().map(|mapping| mapping.version), version);
        let listed = store.mappings(organization, id).await.unwrap();
        assert_eq!(listed.iter().map(|version| version.active).collect::<Vec<_>>(), active);
        let documents: Vec<_> = listed.iter().map(|stored| (stored.version, &stored.mapping)).collect();
        assert_eq!(documents, [(1, &mapping("tel")), (2, &mapping("mobil"))], "versions never change");
    }
    let before = source(&world).await;
    assert!(!store.activate_mapping(organization, id, Some(3)).await.unwrap());
    assert_eq!(source(&world).await, before);
    // Other changes of the source do not change the mapping, whatever the caller passes.
    let changed = Source { tags: vec!["t".into()], mapping: None, ..before.clone() };
    assert_eq!(store.update_source(&changed).await.unwrap().unwrap().mapping, before.mapping);
}

async fn concurrent_additions_get_consecutive_versions(world: World) {
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let (store, organization, id) = (world.store.clone(), world.organization.id, world.source.id);
        tasks.spawn(async move {
            store.add_mapping(organization, id, &mapping(&format!("f{n}"))).await.unwrap().unwrap()
        });
    }
    let mut versions = tasks.join_all().await;
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
    let now = source(&world).await;
    assert_eq!((now.revision, now.mapping.unwrap().version), (9, 8));
}

async fn another_organization_cannot_change_a_mapping(world: World) {
    let (store, id) = (&world.store, world.source.id);
    let other = store.ensure_organization("other").await.unwrap().id;
    store.add_mapping(world.organization.id, id, &mapping("tel")).await.unwrap();
    let before = source(&world).await;
    assert_eq!(store.add_mapping(other, id, &mapping("x")).await.unwrap(), None);
    assert!(!store.activate_mapping(other, id, None).await.unwrap());
    assert_eq!(store.mappings(other, id).await.unwrap(), []);
    let unknown = SourceId::generate();
    assert_eq!(store.add_mapping(world.organization.id, unknown, &mapping("x")).await.unwrap(), None);
    assert_eq!(source(&world).await, before);
    assert_eq!(store.mappings(world.organization.id, id).await.unwrap().len(), 1);
}

async fn a_source_is_created_without_a_mapping(world: World) {
    world.store.add_mapping(world.organization.id, world.source.id, &mapping("tel")).await.unwrap();
    let copied = Source { id: SourceId::generate(), name: Some("copy".into()), ..source(&world).await };
    assert!(world.store.create_source(&copied).await.is_err(), "its version would not be stored");
    let without_mapping = Source { mapping: None, created_at: Timestamp::now(), ..copied };
    world.store.create_source(&without_mapping).await.unwrap();
    assert_eq!(world.store.mappings(world.organization.id, without_mapping.id).await.unwrap(), []);
}
