use leadgate_domain::mapping::Mapping;
use leadgate_domain::{Retention, Scoring};
use leadgate_operations::mappings::{self, MappedResult};
use leadgate_operations::retention::RetentionChanges;
use leadgate_operations::tags::NewTag;
use leadgate_operations::{ItemLimit, OperationError, ResourceKind, retention, scoring, tags};
use serde_json::{Value, json};

use crate::world::{World, over_both};

over_both!(
    a_mapping_is_set_previewed_and_deactivated,
    a_mapping_is_suggested_from_bodies,
    a_tag_is_created_once,
    a_scoring_is_set_previewed_and_reset,
    absent_retention_ages_keep_their_values,
);

fn mapping(rules: Value) -> Mapping {
    serde_json::from_value(json!({ "rules": rules })).unwrap()
}

async fn a_mapping_is_set_previewed_and_deactivated(world: World) {
    let (store, organization, source) = (&world.store, world.organization, world.source.id);
    let lead = world.post(&json!({ "phone": "+14155550132", "firma": "Acme" })).await.lead.unwrap();
    let company =
        mapping(json!([{ "to": "company", "from": ["firma"] }, { "to": "phone", "from": ["phone"] }]));
    let required = mapping(json!([{ "to": "email", "from": ["mail"], "required": true }]));
    let preview = async |mapping| {
        let bodies =
            mappings::preview(store, organization, source, mapping, ItemLimit::DEFAULT_PREVIEW, store)
                .await
                .unwrap();
        assert_eq!((bodies.len(), bodies[0].submission), (1, lead.into()));
        bodies.into_iter().next().unwrap().result
    };
    let MappedResult::Fields(fields) = preview(Some(&company)).await else { panic!("it fits") };
    assert!(serde_json::to_string(&fields).unwrap().contains("Acme"));
    assert!(matches!(preview(Some(&required)).await, MappedResult::Fault(_)));
    assert_eq!(mappings::set(store, organization, source, &required).await.unwrap(), 1);
    assert!(matches!(preview(None).await, MappedResult::Fault(_)), "the mapping is active");
    assert_eq!(mappings::set(store, organization, source, &company).await.unwrap(), 2);
    mappings::activate(store, organization, source, 1).await.unwrap();
    let versions = mappings::list(store, organization, source, store).await.unwrap();
    assert_eq!(
        versions.iter().map(|one| (one.version, one.active)).collect::<Vec<_>>(),
        [(1, true), (2, false)]
    );
    mappings::activate(store, organization, source, 0).await.unwrap();
    let audited = world.audited().await.len();
    mappings::activate(store, organization, source, 0).await.unwrap();
    assert_eq!(world.audited().await.len(), audited, "nothing changed");
    assert!(matches!(preview(None).await, MappedResult::Fields(_)), "no mapping is active");
    for path in ["/", "/contact//phone", "/a~b", "/fields/[name=email", "/fields/[=email]/values"] {
        let broken = mapping(json!([{ "to": "email", "from": ["mail", path] }]));
        let refused = mappings::set(store, organization, source, &broken).await.unwrap_err();
        assert!(matches!(&refused, OperationError::Invalid(why) if why.contains(path)), "{path}: {refused}");
    }
    let missing = mappings::activate(store, organization, source, 7).await.unwrap_err();
    assert!(
        matches!(missing, OperationError::NotFound { kind: ResourceKind::MappingVersion, .. }),
        "{missing}"
    );
    let other = store.ensure_organization("other").await.unwrap().id;
    for missing in [
        mappings::set(store, other, source, &company).await.unwrap_err(),
        mappings::list(store, other, source, store).await.unwrap_err(),
        mappings::activate(store, other, source, 1).await.unwrap_err(),
        mappings::preview(store, other, source, None, ItemLimit::DEFAULT_PREVIEW, store).await.unwrap_err(),
    ] {
        assert!(matches!(missing, OperationError::NotFound { kind: ResourceKind::Source, .. }), "{missing}");
    }
}

async fn a_mapping_is_suggested_from_bodies(world: World) {
    let (store, organization, source) = (&world.store, world.organization, world.source.id);
    let none = mappings::suggest(store, organization, source, ItemLimit::MAX, store).await.unwrap();
    assert_eq!(none.body_count(), 0);
    world.post(&json!({ "phone": "+14155550132", "kontakt": "ann@example.com" })).await;
    let suggested = mappings::suggest(store, organization, source, ItemLimit::MAX, store).await.unwrap();
    assert_eq!(suggested.body_count(), 1);
    assert!(suggested.has_contact() && !suggested.to_string().contains("ann@"), "{suggested}");
    assert_eq!(world.audited().await.last().unwrap(), "mapping.suggested");
}

async fn a_tag_is_created_once(world: World) {
    let create = async |name: &str| {
        tags::create(&world.store, world.organization, NewTag { name: name.to_owned() }).await
    };
    let tag = create(" spring ").await.unwrap();
    assert_eq!(create("spring").await.unwrap(), tag);
    for name in ["", "  ", "a\0b", "x".repeat(1_000).as_str()] {
        let refused = create(name).await.unwrap_err();
        assert!(matches!(refused, OperationError::Invalid(_)), "{refused}");
    }
    assert_eq!(tags::list(&world.store, world.organization, &world.store).await.unwrap(), [tag]);
    let audited = world.audited().await;
    assert!(audited.ends_with(&["tag.created".to_owned(), "tags.listed".to_owned()]), "{audited:?}");
}

const SCORING: &str = r#"
hot = 80
warm = 50

[[rules]]
name = "acme"
points = 60
when = { field = "company", is = "Acme" }
"#;

async fn a_scoring_is_set_previewed_and_reset(world: World) {
    let (store, organization) = (&world.store, world.organization);
    world.post(&json!({ "phone": "+14155550132", "company": "Acme" })).await;
    let standard = scoring::version(store, organization, 0).await.unwrap();
    let wanted = Scoring::from_toml(SCORING).map_err(|faults| faults.sentences().to_vec()).unwrap();
    let preview =
        scoring::preview(store, organization, &standard.scoring, &wanted, ItemLimit::DEFAULT_PREVIEW)
            .await
            .unwrap();
    assert_eq!((preview.leads.len(), preview.then["warm"], preview.then["hot"]), (1, 1, 0));
    assert_eq!((preview.leads[0].then.score, preview.leads[0].differs_by["acme"]), (60, 60));
    let set = scoring::set(store, organization, wanted.clone()).await.unwrap();
    assert_eq!((set.version, &set.scoring), (1, &wanted));
    assert_eq!(scoring::version(store, organization, 1).await.unwrap().scoring, wanted);
    scoring::reset(store, organization).await.unwrap();
    let history = scoring::history(store, organization).await.unwrap();
    assert_eq!((history.len(), history[0].active), (1, false));
    let missing = scoring::version(store, organization, 2).await.unwrap_err();
    assert!(
        matches!(missing, OperationError::NotFound { kind: ResourceKind::ScoringVersion, .. }),
        "{missing}"
    );
}

async fn absent_retention_ages_keep_their_values(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let set = async |document: Value| {
        let changes: RetentionChanges = serde_json::from_value(document).unwrap();
        retention::set(store, organization, changes).await
    };
    let days = |days: u64| Some(std::time::Duration::from_secs(days * 86_400));
    set(json!({ "submissions": "400d", "audit": "30d" })).await.unwrap();
    let kept = set(json!({ "leads": "90d", "audit": "ever" })).await.unwrap();
    let expected = Retention { submissions: days(400), leads: days(90), ..Retention::default() };
    assert_eq!(kept, expected);
    assert_eq!(retention::show(store, organization).await.unwrap(), expected);
    let audited = world.audited().await.len();
    assert_eq!(set(json!({ "leads": "90d" })).await.unwrap(), expected);
    assert_eq!(world.audited().await.len(), audited, "nothing changed");
    let refused = set(json!({})).await.unwrap_err();
    assert!(matches!(refused, OperationError::Invalid(_)), "{refused}");
    assert!(serde_json::from_value::<RetentionChanges>(json!({ "bodies": "1d" })).is_err());
}
