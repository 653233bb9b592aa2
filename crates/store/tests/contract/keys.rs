//! Credentials of every kind, their revocation and rotation.

use std::time::Duration;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{ApiKey, AuditAction, KeyId, KeyKind, Rate, Scope, Source, Timestamp};
use leadgate_store::{AuditFilter, StoreError};

use crate::world::{World, over_both};

over_both!(
    every_kind_is_read_as_it_was_created,
    tokens_can_be_revoked_with_the_key_that_created_them,
    a_rotated_key_stays_valid_until_its_end,
    a_rotation_does_not_extend_a_key,
    another_organization_cannot_rotate_a_key,
    a_key_of_a_newer_build_is_left_out_and_can_be_revoked,
);

pub(crate) fn key(kind: KeyKind, source: &Source) -> ApiKey {
    let pepper = RootSecret::new(&"s".repeat(32), None).unwrap().api_keys();
    let (presented, _) = PresentedKey::generate(kind);
    ApiKey::new(&presented, source.organization, source.id, vec![Scope::Write], &pepper)
}

async fn every_kind_is_read_as_it_was_created(world: World) {
    let mut created = Vec::new();
    for kind in KeyKind::ALL.iter().copied() {
        let key = ApiKey {
            name: Some("Tom's \"shop\"".into()),
            rate: Some(Rate::per_minute(60)),
            origins: vec!["https://a.example".into(), "https://{b},\"c\".example".into()],
            tags: vec!["web, shop".into(), "NULL".into()],
            label: Some("shop".into()),
            created_by: KeyId::parse("abcdefghij"),
            expires_at: Some(Timestamp::now().plus(Duration::from_secs(60))),
            ..key(kind, &world.source)
        };
        world.store.create_key(&key).await.unwrap();
        assert_eq!(world.store.find_key(&key.id).await.unwrap(), Some(key.clone()));
        created.push(key);
    }
    created.sort_by(|a, b| a.id.cmp(&b.id));
    let mut listed = world.store.keys(world.organization.id).await.unwrap();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(listed, created);
    let revoked = world.store.revoke_key(&created[0].id, None).await.unwrap().unwrap();
    assert_eq!(ApiKey { revoked_at: None, ..revoked }, created[0]);
}

async fn tokens_can_be_revoked_with_the_key_that_created_them(world: World) {
    let creator = key(KeyKind::Secret, &world.source);
    let token = ApiKey { created_by: Some(creator.id.clone()), ..key(KeyKind::Token, &world.source) };
    let other = ApiKey { created_by: Some(token.id.clone()), ..key(KeyKind::Token, &world.source) };
    for key in [&creator, &token, &other] {
        world.store.create_key(key).await.unwrap();
    }
    assert_eq!(world.store.find_key(&token.id).await.unwrap(), Some(token.clone()));
    let creator = world.store.revoke_key(&creator.id, None).await.unwrap().unwrap();
    let now = Timestamp::now();
    assert!(
        world.store.find_key(&token.id).await.unwrap().unwrap().is_valid_at(now),
        "revoking the creator alone keeps its tokens"
    );
    let before = world.store.generation().await.unwrap();
    assert_eq!(world.store.revoke_created_by(&creator).await.unwrap(), 1);
    assert!(world.store.find_key(&token.id).await.unwrap().unwrap().revoked_at.is_some());
    assert!(world.store.find_key(&other.id).await.unwrap().unwrap().revoked_at.is_none());
    let changed = world.store.changes_since(before).await.unwrap().keys;
    assert_eq!(
        changed.iter().map(|key| &key.id).collect::<Vec<_>>(),
        [&token.id],
        "directories read the change"
    );
    assert_eq!(world.store.revoke_created_by(&creator).await.unwrap(), 0);
}

async fn a_rotated_key_stays_valid_until_its_end(world: World) {
    let (old, new) = (key(KeyKind::Token, &world.source), key(KeyKind::Token, &world.source));
    world.store.create_key(&old).await.unwrap();
    let before = world.store.generation().await.unwrap();
    let now = Timestamp::now();
    let end = now.plus(Duration::from_secs(3_600));
    let retired =
        world.store.rotate_key(&old.id, Some(world.organization.id), &new, end).await.unwrap().unwrap();
    assert_eq!(retired, ApiKey { expires_at: Some(end), ..old.clone() });
    assert!(retired.is_valid_at(now) && !retired.is_valid_at(end));
    let mut changed = world.store.changes_since(before).await.unwrap().keys;
    changed.sort_by_key(|key| key.expires_at.is_none());
    assert_eq!(changed, [retired, new.clone()], "directories read both keys");

    world.store.revoke_key(&new.id, None).await.unwrap();
    let third = key(KeyKind::Token, &world.source);
    assert_eq!(world.store.rotate_key(&new.id, None, &third, end).await.unwrap(), None);
    assert_eq!(world.store.find_key(&third.id).await.unwrap(), None, "a revoked key has no successor");
}

async fn a_rotation_does_not_extend_a_key(world: World) {
    let now = Timestamp::now();
    let (soon, late) = (now.plus(Duration::from_secs(60)), now.plus(Duration::from_secs(3_600)));
    let old = ApiKey { expires_at: Some(soon), ..key(KeyKind::Secret, &world.source) };
    world.store.create_key(&old).await.unwrap();
    for (end, expected) in [(late, soon), (now, now), (soon, now)] {
        let new = key(KeyKind::Secret, &world.source);
        let retired = world.store.rotate_key(&old.id, None, &new, end).await.unwrap().unwrap();
        assert_eq!(retired.expires_at, Some(expected));
        assert!(world.store.find_key(&new.id).await.unwrap().is_some());
    }
}

async fn another_organization_cannot_rotate_a_key(world: World) {
    let old = key(KeyKind::Secret, &world.source);
    world.store.create_key(&old).await.unwrap();
    let other = world.store.ensure_organization("other").await.unwrap();
    let theirs = world
        .store
        .ensure_default_source(
            other.id,
            &leadgate_dialect::protocol(leadgate_domain::Dialect::Native).source_defaults,
        )
        .await
        .unwrap();
    let (end, new) = (Timestamp::now(), key(KeyKind::Secret, &theirs));
    assert_eq!(world.store.rotate_key(&old.id, Some(other.id), &new, end).await.unwrap(), None);
    let refused = world.store.rotate_key(&old.id, None, &new, end).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    assert_eq!(world.store.find_key(&old.id).await.unwrap(), Some(old));
    assert_eq!(world.store.find_key(&new.id).await.unwrap(), None);
    let unknown = KeyId::parse("unknownkey").unwrap();
    assert_eq!(world.store.rotate_key(&unknown, None, &new, end).await.unwrap(), None);
}

async fn a_key_of_a_newer_build_is_left_out_and_can_be_revoked(world: World) {
    let (store, organization) = (&world.store, world.organization.id);
    let (newer, known) = (key(KeyKind::Secret, &world.source), key(KeyKind::Secret, &world.source));
    for key in [&newer, &known] {
        store.create_key(key).await.unwrap();
    }
    world.sql(&format!("UPDATE api_keys SET kind = 'passkey' WHERE id = '{}'", newer.id)).await;
    world
        .sql(&format!(r#"UPDATE api_keys SET scopes = '["write","erase"]' WHERE id = '{}'"#, known.id))
        .await;
    assert_eq!(store.find_key(&newer.id).await.unwrap(), None);
    assert_eq!(
        store.keys(organization).await.unwrap(),
        std::slice::from_ref(&known),
        "without the unknown scope"
    );
    assert_eq!(store.changes_since(-1).await.unwrap().keys, [known]);
    assert_eq!(store.revoke_key(&newer.id, None).await.unwrap(), None);
    let creating = ApiKey { created_by: Some(newer.id.clone()), ..key(KeyKind::Token, &world.source) };
    assert_eq!(store.create_key(&creating).await, Err(StoreError::CreatorRevoked));
    let revoked = AuditFilter { action: Some(AuditAction::KeyRevoked), ..AuditFilter::default() };
    let entries = store.audit(organization, revoked, None, 10).await.unwrap().data;
    assert_eq!(entries[0].target, Some(newer.id.to_string()));
}
