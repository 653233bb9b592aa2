//! Who read or changed what.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::mapping::Mapping;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    Actor, ApiKey, AuditAction, AuditEntry, ConsentPolicy, DuplicatePolicy, KeyId, KeyKind, OrganizationId,
    Scope, Source, Timestamp,
};
use leadgate_store::{AuditFilter, AuditRecord, Store, StoreError};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::releases::faulty;
use crate::world::{World, over_both, postgres};

over_both!(
    entries_come_newest_first_in_pages_by_actor_action_and_time,
    an_entry_is_written_once_and_never_changes,
    every_change_leaves_its_entry,
    what_changed_nothing_leaves_none,
    what_was_refused_leaves_none,
    a_change_and_its_entry_are_one,
    nobody_sees_the_log_of_others,
    actions_of_another_build_are_told,
);

fn ann() -> Actor {
    Actor::at_command_line(Some("ann"))
}

fn key_of(source: &Source) -> ApiKey {
    let pepper = RootSecret::new(&"s".repeat(32), None).unwrap().api_keys();
    let (presented, _) = PresentedKey::generate(KeyKind::Secret);
    ApiKey::new(&presented, source.organization, source.id, vec![Scope::Write, Scope::Admin], &pepper)
}

async fn all(world: &World, filter: AuditFilter) -> Vec<AuditRecord> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.audit(world.organization.id, filter.clone(), after, 3).await.unwrap();
        assert!(page.data.len() <= 3);
        all.extend(page.data);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// What `ann` did, oldest first.
async fn done(world: &World) -> Vec<(String, Option<String>, Value)> {
    let mut all = all(world, AuditFilter { actor: Some(ann()), ..AuditFilter::default() }).await;
    all.reverse();
    all.into_iter().map(|one| (one.action, one.target, Value::Object(one.detail))).collect()
}

async fn entries_come_newest_first_in_pages_by_actor_action_and_time(world: World) {
    let key = Actor::Key(KeyId::parse("abcdefghij").unwrap());
    let mut written = Vec::new();
    let begun = Timestamp::now();
    for n in 0..10 {
        let actor = if n % 2 == 0 { key.clone() } else { ann() };
        let action = if n % 3 == 0 { AuditAction::LeadRead } else { AuditAction::LeadsListed };
        written.push(
            AuditEntry::now(world.organization.id, actor, action).with_target(n).with_detail("count", n),
        );
    }
    world.store.record(written.clone()).await.unwrap();
    let told = |chosen: &dyn Fn(&AuditEntry) -> bool| {
        let chosen = written.iter().rev().filter(|entry| chosen(entry));
        chosen.map(|entry| entry.id).collect::<Vec<_>>()
    };
    let asked = async |actor: Option<Actor>, action: Option<AuditAction>| {
        let found = all(&world, AuditFilter { actor, action, since: Some(begun) }).await;
        found.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(asked(None, None).await, told(&|_| true));
    assert_eq!(asked(Some(key.clone()), None).await, told(&|entry| entry.actor == key));
    let read = AuditAction::LeadRead;
    assert_eq!(asked(None, Some(read)).await, told(&|entry| entry.action == read));
    assert_eq!(
        asked(Some(ann()), Some(read)).await,
        told(&|entry| entry.actor == ann() && entry.action == read)
    );
    assert!(asked(Some(Actor::at_command_line(None)), None).await.is_empty());

    let last = all(&world, AuditFilter::default()).await.remove(0);
    let entry = written.last().unwrap();
    let expected = AuditRecord {
        id: entry.id,
        at: entry.at,
        actor: "command line (ann)".into(),
        action: "lead.read".into(),
        target: Some("9".into()),
        detail: json!({ "count": 9 }).as_object().unwrap().clone(),
    };
    assert_eq!(last, expected);
    let later = Some(Timestamp::now().plus(Duration::from_millis(5)));
    assert_eq!(all(&world, AuditFilter { since: later, ..AuditFilter::default() }).await, []);
}

async fn an_entry_is_written_once_and_never_changes(world: World) {
    let entry = AuditEntry::now(world.organization.id, ann(), AuditAction::LeadRead);
    let other = AuditEntry { actor: Actor::Leadgate, ..entry.clone() };
    for entries in [vec![entry.clone()], vec![entry.clone(), other], vec![]] {
        world.store.record(entries).await.unwrap();
    }
    assert_eq!(done(&world).await.len(), 1, "what is there stays as it is");
    let change = "UPDATE audit SET actor = 'nobody'";
    match world.config.url.strip_prefix("sqlite:") {
        Some(file) => {
            use diesel::connection::{Connection, SimpleConnection};
            let mut connection = diesel::SqliteConnection::establish(file).unwrap();
            let refused = connection.batch_execute(change).unwrap_err();
            assert!(refused.to_string().contains("do not change"), "{refused}");
        }
        None => {
            let refused = postgres().await.sql(&world.config.url, change).await.unwrap_err();
            assert!(refused.to_string().contains("do not change"), "{refused}");
        }
    }
    assert_eq!(done(&world).await.len(), 1);
    world.sql("DELETE FROM audit WHERE at < '2100-01-01T00:00:00Z'").await;
    assert_eq!(done(&world).await, [], "whole entries may go when they are old enough");
}

async fn every_change_leaves_its_entry(world: World) {
    let store = world.store.as_actor(ann());
    let organization = world.organization.id;
    let mut source = Source::new(
        organization,
        &leadgate_dialect::protocol(leadgate_domain::Dialect::AskAd).source_defaults,
        Some("crm".into()),
        Timestamp::now(),
    );
    store.create_source(&source).await.unwrap();
    source.policy = DuplicatePolicy::Update;
    source.consent = ConsentPolicy::Optional;
    source.networks = vec!["192.0.2.0/24".parse().unwrap()];
    store.update_source(&source).await.unwrap().unwrap();
    let mapping: Mapping =
        serde_json::from_value(json!({"rules": [{"to": "email", "from": ["mail"]}]})).unwrap();
    store.add_mapping(organization, source.id, &mapping).await.unwrap();
    assert!(store.activate_mapping(organization, source.id, None).await.unwrap());
    let (key, other) = (key_of(&source), key_of(&source));
    store.create_key(&key).await.unwrap();
    store.rotate_key(&key.id, None, &other, Timestamp::now()).await.unwrap().unwrap();
    store.revoke_key(&other.id, None).await.unwrap().unwrap();
    let tag = store.create_tag(organization, "spring").await.unwrap();
    let aside = faulty(&world, "+14155550132");
    world.commit(std::slice::from_ref(&aside)).await;
    store.discard(organization, aside.id.as_uuid(), "ann", Some("spam")).await.unwrap().unwrap();

    let entry = |action: &str, target: &dyn ToString, detail: Value| {
        (action.to_owned(), Some(target.to_string()), detail)
    };
    let expected = [
        entry("source.created", &source.id, json!({"dialect": "askad", "default": false})),
        entry("source.updated", &source.id, json!({"changed": ["consent", "networks", "policy"]})),
        entry("mapping.set", &source.id, json!({"version": 1})),
        entry("mapping.activated", &source.id, json!({"version": null})),
        entry(
            "key.created",
            &key.id,
            json!({"kind": "secret", "scopes": ["write", "admin"], "source": source.id}),
        ),
        entry("key.rotated", &key.id, json!({"replacement": other.id})),
        entry("key.revoked", &other.id, json!({})),
        entry("tag.created", &tag.id, json!({})),
        entry("quarantine.discarded", &aside.id, json!({})),
    ];
    assert_eq!(done(&world).await, expected);
    let made = store.ensure_organization("other").await.unwrap().id;
    let native = store
        .ensure_default_source(
            made,
            &leadgate_dialect::protocol(leadgate_domain::Dialect::Native).source_defaults,
        )
        .await
        .unwrap();
    let theirs = store.audit(made, AuditFilter::default(), None, 10).await.unwrap().data;
    let theirs: Vec<_> = theirs.iter().map(|one| (one.action.as_str(), one.target.clone())).collect();
    assert_eq!(theirs, [("source.created", Some(native.id.to_string())), ("organization.created", None)]);
    let founded = all(&world, AuditFilter { actor: Some(Actor::Leadgate), ..AuditFilter::default() }).await;
    assert_eq!(founded.len(), 2, "the world's own organization and source: {founded:?}");
}

async fn what_changed_nothing_leaves_none(world: World) {
    let store = world.store.as_actor(ann());
    let organization = world.organization.id;
    store.ensure_organization(&world.organization.name).await.unwrap();
    store
        .ensure_default_source(
            organization,
            &leadgate_dialect::protocol(world.source.dialect).source_defaults,
        )
        .await
        .unwrap();
    let key = key_of(&world.source);
    world.store.create_key(&key).await.unwrap();
    world.store.revoke_key(&key.id, None).await.unwrap();
    store.revoke_key(&key.id, None).await.unwrap().unwrap();
    assert_eq!(
        store.rotate_key(&key.id, None, &key_of(&world.source), Timestamp::now()).await.unwrap(),
        None
    );
    world.store.create_tag(organization, "spring").await.unwrap();
    store.create_tag(organization, "spring").await.unwrap();
    assert!(!store.activate_mapping(organization, world.source.id, Some(9)).await.unwrap());
    let stale = Source { revision: 77, ..Source::clone(&world.source) };
    assert_eq!(store.update_source(&stale).await.unwrap(), None);
    assert_eq!(store.discard(organization, Uuid::now_v7(), "ann", None).await.unwrap(), None);
    assert_eq!(done(&world).await, []);
}

async fn what_was_refused_leaves_none(world: World) {
    let store = world.store.as_actor(ann());
    let key = key_of(&world.source);
    store.create_key(&key).await.unwrap();
    let refused = store.create_key(&key).await;
    assert!(matches!(refused, Err(StoreError::RowRefused { .. })), "{refused:?}");
    assert_eq!(done(&world).await.len(), 1);
}

/// A log that takes nothing takes the change with it.
async fn a_change_and_its_entry_are_one(world: World) {
    let store: Store = world.store.as_actor(ann());
    world.sql("ALTER TABLE audit RENAME TO elsewhere").await;
    assert!(store.create_key(&key_of(&world.source)).await.is_err());
    assert!(store.create_tag(world.organization.id, "spring").await.is_err());
    world.sql("ALTER TABLE elsewhere RENAME TO audit").await;
    assert_eq!(store.keys(world.organization.id).await.unwrap(), []);
    assert_eq!(store.tags(world.organization.id).await.unwrap(), []);
    // Many at once, each with its own.
    let store = Arc::new(store);
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let (store, organization) = (Arc::clone(&store), world.organization.id);
        tasks.spawn(
            async move { store.create_tag(organization, &format!("tag {}", n % 6)).await.unwrap().id },
        );
    }
    let made: BTreeSet<_> = tasks.join_all().await.into_iter().map(|id| Some(id.to_string())).collect();
    let told: Vec<_> = done(&world).await.into_iter().map(|(_, target, _)| target).collect();
    assert_eq!((told.len(), told.into_iter().collect::<BTreeSet<_>>()), (6, made));
}

async fn nobody_sees_the_log_of_others(world: World) {
    let theirs = world.store.ensure_organization("other").await.unwrap().id;
    world.store.record(vec![AuditEntry::now(theirs, ann(), AuditAction::LeadRead)]).await.unwrap();
    assert_eq!(done(&world).await, []);
    for action in [None, Some(AuditAction::LeadRead)] {
        let filter = AuditFilter { action, ..AuditFilter::default() };
        let nobody = world.store.audit(OrganizationId::generate(), filter, None, 10).await.unwrap();
        assert_eq!((nobody.data, nobody.next), (vec![], None));
    }
}

async fn actions_of_another_build_are_told(world: World) {
    let id = Uuid::now_v7();
    let organization = world.organization.id;
    world
        .sql(&format!(
            "INSERT INTO audit (organization, id, at, actor, action, target, detail) VALUES \
             ('{organization}', '{id}', '2026-11-21T00:00:00.000000Z', 'robot 7', 'lead.dialled', NULL, '{{}}')"
        ))
        .await;
    let newest = all(&world, AuditFilter::default()).await.remove(0);
    assert_eq!((newest.actor.as_str(), newest.action.as_str()), ("robot 7", "lead.dialled"));
}
