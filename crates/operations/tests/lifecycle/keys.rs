use std::time::Duration;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::{Pepper, RootSecret};
use leadgate_domain::{Actor, ApiKey, KeyKind, Scope, SourceId, Timestamp};
use leadgate_operations::keys::{self, CreatedKey, KeyChanges, NewKey, NewToken};
use leadgate_operations::{OperationError, ResourceKind};
use leadgate_store::StoreError;
use leadgate_testkit::SECRET;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::world::{World, over_both};

over_both!(
    an_update_changes_only_the_given_settings,
    an_invalid_change_of_a_key_is_refused,
    a_new_key_may_do_what_its_kind_and_source_allow,
    an_invalid_new_key_is_refused,
    a_rotated_key_keeps_its_settings_and_the_old_one_expires,
    keys_created_with_a_key_are_revoked_with_it,
    a_key_cannot_revoke_itself_or_drop_its_admin_scope,
    a_revoked_key_cannot_rotate_another_key,
    a_list_is_audited_before_it_is_returned,
);

fn pepper() -> Pepper {
    RootSecret::new(SECRET, None).unwrap().api_keys()
}

async fn create(world: &World, document: Value) -> Result<CreatedKey, OperationError> {
    let new: NewKey = serde_json::from_value(document).unwrap();
    keys::create(&world.store, world.organization, new, &pepper()).await
}

fn changes(document: Value) -> KeyChanges {
    serde_json::from_value(document).unwrap()
}

async fn key(world: &World, kind: KeyKind) -> ApiKey {
    let (presented, _) = PresentedKey::generate(kind);
    let key = ApiKey {
        origins: if kind == KeyKind::Secret { Vec::new() } else { vec!["https://example.com".into()] },
        rate: Some("60/min".parse().unwrap()),
        ..ApiKey::new(&presented, world.organization, world.source.id, vec![Scope::Write], &pepper())
    };
    world.store.create_key(&key).await.unwrap();
    key
}

async fn an_update_changes_only_the_given_settings(world: World) {
    let before = key(&world, KeyKind::Secret).await;
    let update = async |document| {
        keys::update(&world.store, world.organization, &before.id, changes(document)).await.unwrap()
    };
    let named = update(json!({ "name": " partner ", "scopes": ["write", "read"], "tags": ["spring"] })).await;
    let expected = ApiKey {
        name: Some("partner".into()),
        scopes: vec![Scope::Write, Scope::Read],
        tags: vec!["spring".into()],
        ..before.clone()
    };
    assert_eq!(named, expected);
    let cleared = update(json!({ "name": null, "rate": null, "tags": [] })).await;
    assert_eq!(cleared, ApiKey { name: None, rate: None, tags: Vec::new(), ..expected });
    assert_eq!(world.store.find_key(&before.id).await.unwrap(), Some(cleared.clone()));
    let audited = world.audited().await.len();
    assert_eq!(update(json!({ "name": null, "scopes": ["write", "read"] })).await, cleared);
    assert_eq!(world.audited().await.len(), audited, "nothing changed");
    let page = world.store.audit(world.organization, Default::default(), None, 1).await.unwrap();
    assert_eq!(page.data[0].action, "key.updated");
    assert_eq!(page.data[0].detail["changed"], json!(["name", "rate", "tags"]));
}

async fn an_invalid_change_of_a_key_is_refused(world: World) {
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
        let refused = keys::update(&world.store, world.organization, &key.id, changes(document.clone()))
            .await
            .unwrap_err();
        assert!(matches!(refused, OperationError::Invalid(_)), "{document}: {refused}");
        assert_eq!(world.store.find_key(&key.id).await.unwrap().as_ref(), Some(key));
    }
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let name = || changes(json!({ "name": "x" }));
    let missing = keys::update(&world.store, other, &secret.id, name()).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { .. }));
    world.store.revoke_key(&secret.id, None).await.unwrap();
    let revoked = keys::update(&world.store, world.organization, &secret.id, name()).await.unwrap_err();
    assert!(matches!(&revoked, OperationError::Invalid(why) if why.contains("revoked")), "{revoked}");
}

async fn a_new_key_may_do_what_its_kind_and_source_allow(world: World) {
    let named = world.source.id;
    let origins = json!(["https://example.com/"]);
    for (document, kind, scopes, organization_wide) in [
        (json!({}), KeyKind::Secret, vec![Scope::Write, Scope::Read], true),
        (json!({ "scopes": ["admin"] }), KeyKind::Secret, vec![Scope::Admin], true),
        (json!({ "source": named }), KeyKind::Secret, vec![Scope::Write], false),
        (json!({ "source": named, "scopes": ["read"] }), KeyKind::Secret, vec![Scope::Read], false),
        (json!({ "publishable": true, "origins": origins }), KeyKind::Publishable, vec![Scope::Write], false),
    ] {
        let CreatedKey { key, text } = create(&world, document.clone()).await.unwrap();
        assert_eq!(
            (key.kind, &key.scopes, key.organization_wide),
            (kind, &scopes, organization_wide),
            "{document}"
        );
        let presented = PresentedKey::parse(text.expose_secret()).unwrap();
        let stored = world.store.find_key(&key.id).await.unwrap().unwrap();
        assert!(presented.matches(&stored, &pepper()), "{document}");
        assert_eq!(stored.created_by, None);
    }
}

async fn an_invalid_new_key_is_refused(world: World) {
    let origins = json!(["https://example.com"]);
    for document in [
        json!({ "publishable": true }),
        json!({ "publishable": true, "origins": origins, "scopes": ["read"] }),
        json!({ "origins": origins }),
        json!({ "publishable": true, "origins": ["shop"] }),
        json!({ "source": world.source.id, "scopes": ["admin"] }),
        json!({ "name": " " }),
        json!({ "tags": [""] }),
        json!({ "scopes": [] }),
        json!({ "publishable": true, "origins": origins, "scopes": [] }),
    ] {
        let refused = create(&world, document.clone()).await.unwrap_err();
        assert!(matches!(refused, OperationError::Invalid(_)), "{document}: {refused}");
    }
    let missing = create(&world, json!({ "source": SourceId::generate() })).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { kind: ResourceKind::Source, .. }), "{missing}");
    assert_eq!(world.store.keys(world.organization).await.unwrap(), []);
    assert!(serde_json::from_value::<NewKey>(json!({ "scope": ["write"] })).is_err());
}

async fn a_rotated_key_keeps_its_settings_and_the_old_one_expires(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let old = key(&world, KeyKind::Publishable).await;
    let hour = Duration::from_secs(3_600);
    let new = keys::rotate(store, organization, &old.id, hour, &pepper()).await.unwrap().key;
    let same =
        ApiKey { id: old.id.clone(), hash: old.hash.clone(), created_at: old.created_at, ..new.clone() };
    assert_eq!(same, old);
    assert_ne!(new.hash, old.hash);
    let ends = store.find_key(&old.id).await.unwrap().unwrap().expires_at.unwrap();
    assert!(ends > Timestamp::now() && ends <= Timestamp::now().plus(hour));
    let other = store.ensure_organization("other").await.unwrap().id;
    let missing = keys::rotate(store, other, &new.id, hour, &pepper()).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { kind: ResourceKind::Key, .. }), "{missing}");
    let missing = keys::revoke(store, other, &new.id, true).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { kind: ResourceKind::Key, .. }), "{missing}");
    let next = keys::rotate(store, organization, &new.id, Duration::ZERO, &pepper()).await.unwrap().key;
    let ended = keys::rotate(store, organization, &new.id, hour, &pepper()).await.unwrap_err();
    assert!(matches!(&ended, OperationError::Invalid(why) if why.contains("has expired")), "{ended}");
    assert_eq!(store.keys(organization).await.unwrap().len(), 3, "{next:?} is the last");
    keys::revoke(store, organization, &new.id, false).await.unwrap();
    let revoked = keys::rotate(store, organization, &new.id, hour, &pepper()).await.unwrap_err();
    assert!(matches!(&revoked, OperationError::Invalid(why) if why.contains("is revoked")), "{revoked}");
}

async fn keys_created_with_a_key_are_revoked_with_it(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let admin = create(&world, json!({ "scopes": ["admin"] })).await.unwrap().key;
    let acting = store.as_actor(Actor::Key(admin.id.clone()));
    let token = keys::create_token(&acting, &world.source, NewToken::default(), &pepper()).await.unwrap().key;
    let key = keys::create(&acting, organization, NewKey::default(), &pepper()).await.unwrap().key;
    assert_eq!((&token.created_by, &key.created_by), (&Some(admin.id.clone()), &Some(admin.id.clone())));
    let rotated = keys::rotate(&acting, organization, &key.id, Duration::ZERO, &pepper()).await.unwrap().key;
    let by_rotated = store.as_actor(Actor::Key(rotated.id.clone()));
    let grandchild = keys::create(&by_rotated, organization, NewKey::default(), &pepper()).await.unwrap().key;
    let revoked = keys::revoke(store, organization, &admin.id, true).await.unwrap();
    assert_eq!((revoked.key.id, revoked.created_keys_revoked), (admin.id, 4));
    for made in [token, key, rotated, grandchild] {
        assert!(store.find_key(&made.id).await.unwrap().unwrap().revoked_at.is_some());
    }
}

async fn a_key_cannot_revoke_itself_or_drop_its_admin_scope(world: World) {
    let organization = world.organization;
    let first = create(&world, json!({ "scopes": ["admin"] })).await.unwrap().key;
    let acting = |key: &ApiKey| world.store.as_actor(Actor::Key(key.id.clone()));
    let admin = || NewKey { scopes: Some(vec![Scope::Admin]), ..NewKey::default() };
    let second = keys::create(&acting(&first), organization, admin(), &pepper()).await.unwrap().key;
    let third = keys::create(&acting(&second), organization, admin(), &pepper()).await.unwrap().key;
    let less = changes(json!({ "scopes": ["read"] }));
    let narrowed = keys::update(&acting(&third), organization, &third.id, less).await;
    assert!(matches!(narrowed, Err(OperationError::Invalid(_))), "{narrowed:?}");
    for (revoked, with) in [(&third, false), (&first, true), (&second, true)] {
        let refused = keys::revoke(&acting(&third), organization, &revoked.id, with).await;
        assert!(matches!(refused, Err(OperationError::Invalid(_))), "{refused:?}");
    }
    for key in [&first, &second, &third] {
        assert_eq!(world.store.find_key(&key.id).await.unwrap().as_ref(), Some(key));
    }
    keys::revoke(&acting(&third), organization, &first.id, false).await.unwrap();
    keys::revoke(&acting(&second), organization, &third.id, true).await.unwrap();
}

async fn a_revoked_key_cannot_rotate_another_key(world: World) {
    let organization = world.organization;
    let (admin, other) = (
        create(&world, json!({ "scopes": ["admin"] })).await.unwrap().key,
        key(&world, KeyKind::Secret).await,
    );
    keys::revoke(&world.store, organization, &admin.id, true).await.unwrap();
    let acting = world.store.as_actor(Actor::Key(admin.id.clone()));
    let refused = keys::rotate(&acting, organization, &other.id, Duration::ZERO, &pepper()).await;
    assert!(matches!(refused, Err(OperationError::Store(StoreError::CreatorRevoked))), "{refused:?}");
    assert_eq!(world.store.find_key(&other.id).await.unwrap(), Some(other));
    let made_later = world.store.keys(organization).await.unwrap();
    assert_eq!(made_later.len(), 2);
}

async fn a_list_is_audited_before_it_is_returned(world: World) {
    let made = key(&world, KeyKind::Secret).await;
    let listed = keys::list(&world.store, world.organization, &world.store).await.unwrap();
    assert_eq!(listed, [made]);
    assert_eq!(world.audited().await.last().unwrap(), "keys.listed");
}
