use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::Secret;
use leadgate_domain::{ApiKey, KeyKind, Scope};
use leadgate_operations::OperationError;
use leadgate_operations::keys::{self, KeyChanges};
use leadgate_testkit::SECRET;
use serde_json::{Value, json};

use crate::world::{World, over_both};

over_both!(what_is_mentioned_changes_and_the_rest_stays, a_change_that_does_not_fit_the_key_is_refused);

fn changes(document: Value) -> KeyChanges {
    serde_json::from_value(document).unwrap()
}

async fn key(world: &World, kind: KeyKind) -> ApiKey {
    let pepper = Secret::new(SECRET, None).unwrap().api_keys();
    let (presented, _) = PresentedKey::generate(kind);
    let key = ApiKey {
        origins: if kind == KeyKind::Secret { Vec::new() } else { vec!["https://example.com".into()] },
        rate: Some("60/min".parse().unwrap()),
        ..ApiKey::new(&presented, world.organization, world.source.id, vec![Scope::Write], &pepper)
    };
    world.store.create_key(&key).await.unwrap();
    key
}

async fn what_is_mentioned_changes_and_the_rest_stays(world: World) {
    let before = key(&world, KeyKind::Secret).await;
    let update = async |document| {
        keys::update(&world.store, Some(world.organization), &before.id, changes(document)).await.unwrap()
    };
    let named = update(json!({ "name": "partner", "scopes": ["write", "read"], "tags": ["spring"] })).await;
    let expected = ApiKey {
        name: Some("partner".into()),
        scopes: vec![Scope::Write, Scope::Read],
        tags: vec!["spring".into()],
        ..before.clone()
    };
    assert_eq!(named, expected);
    let cleared = update(json!({ "name": null, "rate": null, "tags": [] })).await;
    assert_eq!(cleared, ApiKey { name: None, rate: None, tags: Vec::new(), ..expected });
    assert_eq!(world.store.find_key(&before.id).await.unwrap(), Some(cleared));
    let page = world.store.audit(world.organization, Default::default(), None, 1).await.unwrap();
    assert_eq!(page.data[0].action, "key.updated");
    assert_eq!(page.data[0].detail["changed"], json!(["name", "rate", "tags"]));
}

async fn a_change_that_does_not_fit_the_key_is_refused(world: World) {
    let (secret, publishable) = (key(&world, KeyKind::Secret).await, key(&world, KeyKind::Publishable).await);
    for (key, document) in [
        (&secret, json!({})),
        (&secret, json!({ "scopes": [] })),
        (&secret, json!({ "origins": ["https://example.com"] })),
        (&secret, json!({ "name": " " })),
        (&secret, json!({ "tags": [""] })),
        (&publishable, json!({ "scopes": ["read"] })),
        (&publishable, json!({ "origins": [] })),
        (&publishable, json!({ "origins": ["https://example.com/page"] })),
    ] {
        let refused = keys::update(&world.store, None, &key.id, changes(document.clone())).await.unwrap_err();
        assert!(matches!(refused, OperationError::Invalid(_)), "{document}: {refused}");
        assert_eq!(world.store.find_key(&key.id).await.unwrap().as_ref(), Some(key));
    }
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let name = || changes(json!({ "name": "x" }));
    let missing = keys::update(&world.store, Some(other), &secret.id, name()).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { .. }));
    world.store.revoke_key(&secret.id, None).await.unwrap();
    let revoked = keys::update(&world.store, None, &secret.id, name()).await.unwrap_err();
    assert!(matches!(&revoked, OperationError::Invalid(why) if why.contains("revoked")), "{revoked}");
}
