//! The audit log.

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

use crate::releases::unmappable;
use crate::world::{World, over_both, postgres};

over_both!(
    entries_are_listed_newest_first_and_filtered,
    an_entry_is_written_once_and_cannot_be_updated,
    every_change_writes_an_entry,
    a_call_that_changes_nothing_writes_no_entry,
    a_refused_change_writes_no_entry,
    a_change_fails_if_its_entry_cannot_be_written,
    the_log_of_another_organization_is_not_visible,
    unknown_actions_and_actors_are_listed,
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

/// The entries of `ann`, oldest first.
async fn entries_of_ann(world: &World) -> Vec<(String, Option<String>, Value)> {
    let mut all = all(world, AuditFilter { actor: Some(ann()), ..AuditFilter::default() }).await;
    all.reverse();
    all.into_iter().map(|entry| (entry.action, entry.target, Value::Object(entry.detail))).collect()
}

async fn entries_are_listed_newest_first_and_filtered(world: World) {
    let key = Actor::Key(KeyId::parse("abcdefghij").unwrap());
    let mut written = Vec::new();
    let started_at = Timestamp::now();
    for n in 0..10 {
        let actor = if n % 2 == 0 { key.clone() } else { ann() };
        let action = if n % 3 == 0 { AuditAction::LeadRead } else { AuditAction::LeadsListed };
        written.push(
            AuditEntry::now(world.organization.id, actor, action).with_target(n).with_detail("count", n),
        );
    }
    world.store.record(written.clone()).await.unwrap();
    let expected = |matches: &dyn Fn(&AuditEntry) -> bool| {
        let matching = written.iter().rev().filter(|entry| matches(entry));
        matching.map(|entry| entry.id).collect::<Vec<_>>()
    };
    let listed = async |actor: Option<Actor>, action: Option<AuditAction>| {
        let found = all(&world, AuditFilter { actor, action, since: Some(started_at) }).await;
        found.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, None).await, expected(&|_| true));
    assert_eq!(listed(Some(key.clone()), None).await, expected(&|entry| entry.actor == key));
    let read = AuditAction::LeadRead;
    assert_eq!(listed(None, Some(read)).await, expected(&|entry| entry.action == read));
    assert_eq!(
        listed(Some(ann()), Some(read)).await,
        expected(&|entry| entry.actor == ann() && entry.action == read)
    );
    assert!(listed(Some(Actor::at_command_line(None)), None).await.is_empty());

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

async fn an_entry_is_written_once_and_cannot_be_updated(world: World) {
    let entry = AuditEntry::now(world.organization.id, ann(), AuditAction::LeadRead);
    let other = AuditEntry { actor: Actor::Leadgate, ..entry.clone() };
    for entries in [vec![entry.clone()], vec![entry.clone(), other], vec![]] {
        world.store.record(entries).await.unwrap();
    }
    assert_eq!(entries_of_ann(&world).await.len(), 1, "a written entry does not change");
    let change = "UPDATE audit SET actor = 'eve'";
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
    assert_eq!(entries_of_ann(&world).await.len(), 1);
    let later = world.time_literal(Timestamp::now().plus(Duration::from_secs(60)));
    world.sql(&format!("DELETE FROM audit WHERE at < {later}")).await;
    assert_eq!(entries_of_ann(&world).await, [], "old entries can be deleted");
}

async fn every_change_writes_an_entry(world: World) {
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
    let quarantined = unmappable(&world, "+14155550132");
    world.commit(std::slice::from_ref(&quarantined)).await;
    store.discard(organization, quarantined.id.as_uuid(), "ann", Some("spam")).await.unwrap().unwrap();

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
        entry("quarantine.discarded", &quarantined.id, json!({})),
    ];
    assert_eq!(entries_of_ann(&world).await, expected);
    let other_organization = store.ensure_organization("other").await.unwrap().id;
    let native = store
        .ensure_default_source(
            other_organization,
            &leadgate_dialect::protocol(leadgate_domain::Dialect::Native).source_defaults,
        )
        .await
        .unwrap();
    let entries = store.audit(other_organization, AuditFilter::default(), None, 10).await.unwrap().data;
    let entries: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.target.clone())).collect();
    assert_eq!(entries, [("source.created", Some(native.id.to_string())), ("organization.created", None)]);
    let by_leadgate =
        all(&world, AuditFilter { actor: Some(Actor::Leadgate), ..AuditFilter::default() }).await;
    assert_eq!(by_leadgate.len(), 2, "the test's organization and source: {by_leadgate:?}");
}

async fn a_call_that_changes_nothing_writes_no_entry(world: World) {
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
    assert_eq!(entries_of_ann(&world).await, []);
}

async fn a_refused_change_writes_no_entry(world: World) {
    let store = world.store.as_actor(ann());
    let key = key_of(&world.source);
    store.create_key(&key).await.unwrap();
    let refused = store.create_key(&key).await;
    assert!(matches!(refused, Err(StoreError::RowRefused { .. })), "{refused:?}");
    assert_eq!(entries_of_ann(&world).await.len(), 1);
}

/// Without the audit table every change fails.
async fn a_change_fails_if_its_entry_cannot_be_written(world: World) {
    let store: Store = world.store.as_actor(ann());
    world.sql("ALTER TABLE audit RENAME TO elsewhere").await;
    assert!(store.create_key(&key_of(&world.source)).await.is_err());
    assert!(store.create_tag(world.organization.id, "spring").await.is_err());
    world.sql("ALTER TABLE elsewhere RENAME TO audit").await;
    assert_eq!(store.keys(world.organization.id).await.unwrap(), []);
    assert_eq!(store.tags(world.organization.id).await.unwrap(), []);
    // Concurrent changes write one entry each.
    let store = Arc::new(store);
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let (store, organization) = (Arc::clone(&store), world.organization.id);
        tasks.spawn(
            async move { store.create_tag(organization, &format!("tag {}", n % 6)).await.unwrap().id },
        );
    }
    let created: BTreeSet<_> = tasks.join_all().await.into_iter().map(|id| Some(id.to_string())).collect();
    let targets: Vec<_> = entries_of_ann(&world).await.into_iter().map(|(_, target, _)| target).collect();
    assert_eq!((targets.len(), targets.into_iter().collect::<BTreeSet<_>>()), (6, created));
}

async fn the_log_of_another_organization_is_not_visible(world: World) {
    let theirs = world.store.ensure_organization("other").await.unwrap().id;
    world.store.record(vec![AuditEntry::now(theirs, ann(), AuditAction::LeadRead)]).await.unwrap();
    assert_eq!(entries_of_ann(&world).await, []);
    for action in [None, Some(AuditAction::LeadRead)] {
        let filter = AuditFilter { action, ..AuditFilter::default() };
        let page = world.store.audit(OrganizationId::generate(), filter, None, 10).await.unwrap();
        assert_eq!((page.data, page.next), (vec![], None));
    }
}

async fn unknown_actions_and_actors_are_listed(world: World) {
    let id = Uuid::now_v7();
    let (organization, id) = (world.id_literal(world.organization.id.as_uuid()), world.id_literal(id));
    let at = world.time_literal(Timestamp::now());
    world
        .sql(&format!(
            "INSERT INTO audit (organization, id, at, actor, action, target, detail) VALUES \
             ({organization}, {id}, {at}, 'robot 7', 'lead.dialled', NULL, '{{}}')"
        ))
        .await;
    let newest = all(&world, AuditFilter::default()).await.remove(0);
    assert_eq!((newest.actor.as_str(), newest.action.as_str()), ("robot 7", "lead.dialled"));
}
