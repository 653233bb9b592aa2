use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::Secret;
use leadgate_domain::{ApiKey, Dialect, KeyKind, Scope, SourceId};
use leadgate_operations::{OperationError, sources};
use leadgate_testkit::SECRET;
use serde_json::json;

use crate::world::{World, over_both};

over_both!(
    a_source_is_disabled_and_enabled,
    a_deleted_source_takes_its_keys_along_and_leaves_its_leads,
    a_default_source_is_not_deleted,
);

async fn a_source_is_disabled_and_enabled(world: World) {
    let (store, organization, id) = (&world.store, world.organization, world.source.id);
    let disabled = sources::disable(store, organization, id).await.unwrap();
    assert!(disabled.disabled_at.is_some());
    let again = sources::disable(store, organization, id).await.unwrap();
    assert_eq!(again, disabled, "the first time counts");
    assert_eq!(store.source(organization, id).await.unwrap(), Some(disabled));
    assert_eq!(sources::enable(store, organization, id).await.unwrap().disabled_at, None);
    assert_eq!(sources::enable(store, organization, id).await.unwrap().disabled_at, None);
    let audited = world.audited().await;
    let count = |wanted: &str| audited.iter().filter(|action| *action == wanted).count();
    assert_eq!((count("source.disabled"), count("source.enabled")), (1, 1));
    let other = store.ensure_organization("other").await.unwrap().id;
    for (organization, id) in [(other, id), (organization, SourceId::generate())] {
        let missing = sources::disable(store, organization, id).await.unwrap_err();
        assert!(matches!(missing, OperationError::NotFound { .. }), "{missing}");
    }
}

async fn a_deleted_source_takes_its_keys_along_and_leaves_its_leads(world: World) {
    let (store, organization, id) = (&world.store, world.organization, world.source.id);
    let lead = world.post(&json!({ "phone": "+14155550132" })).await.lead.unwrap();
    let pepper = Secret::new(SECRET, None).unwrap().api_keys();
    let mut keys = Vec::new();
    for kind in [KeyKind::Secret, KeyKind::Token] {
        let (presented, _) = PresentedKey::generate(kind);
        let key = ApiKey::new(&presented, organization, id, vec![Scope::Write], &pepper);
        store.create_key(&key).await.unwrap();
        keys.push(key.id);
    }
    let deleted = sources::delete(store, organization, id).await.unwrap();
    assert!(deleted.deleted_at.is_some());
    for key in &keys {
        assert!(store.find_key(key).await.unwrap().unwrap().revoked_at.is_some());
    }
    assert_eq!(world.lead(lead).await.unwrap().source, id);
    let kept = store.source(organization, id).await.unwrap().unwrap();
    assert_eq!(kept.title(), "landing page");
    assert!(store.sources_page(organization, None, 100).await.unwrap().data.is_empty());
    for gone in
        [sources::delete(store, organization, id).await, sources::enable(store, organization, id).await]
    {
        assert!(matches!(gone.unwrap_err(), OperationError::NotFound { .. }));
    }
    let audited = world.audited().await;
    let count = |wanted: &str| audited.iter().filter(|action| *action == wanted).count();
    assert_eq!((count("source.deleted"), count("key.revoked")), (1, 2));
}

async fn a_default_source_is_not_deleted(world: World) {
    let source = world
        .store
        .ensure_default_source(world.organization, &leadgate_dialect::protocol(Dialect::AskAd).source)
        .await
        .unwrap();
    let refused = sources::delete(&world.store, world.organization, source.id).await.unwrap_err();
    assert!(matches!(&refused, OperationError::Invalid(why) if why.contains("disable it")), "{refused}");
    assert_eq!(sources::find(&world.store, world.organization, source.id).await.unwrap(), source);
}
