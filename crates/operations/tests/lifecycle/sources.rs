use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{ApiKey, Dialect, KeyKind, Scope, SourceId, SourceSettings};
use leadgate_operations::sources::{self, CreatedSource, NewSource, SignatureChange};
use leadgate_operations::{OperationError, ResourceKind};
use leadgate_testkit::SECRET;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::world::{World, over_both};

over_both!(
    a_source_is_disabled_and_enabled,
    a_deleted_source_revokes_its_keys_and_keeps_its_leads,
    a_default_source_cannot_be_deleted,
    a_source_is_created_with_a_token_and_changed,
    a_signing_secret_is_shown_rotated_and_discarded,
);

async fn a_source_is_disabled_and_enabled(world: World) {
    let (store, organization, id) = (&world.store, world.organization, world.source.id);
    let disabled = sources::disable(store, organization, id).await.unwrap();
    assert!(disabled.disabled_at.is_some());
    let again = sources::disable(store, organization, id).await.unwrap();
    assert_eq!(again, disabled, "the first time of disabling is kept");
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

async fn a_deleted_source_revokes_its_keys_and_keeps_its_leads(world: World) {
    let (store, organization, id) = (&world.store, world.organization, world.source.id);
    let lead = world.post(&json!({ "phone": "+14155550132" })).await.lead.unwrap();
    let pepper = RootSecret::new(SECRET, None).unwrap().api_keys();
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
    assert_eq!(kept.display_name(), "landing page");
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

async fn a_default_source_cannot_be_deleted(world: World) {
    let source = world
        .store
        .ensure_default_source(
            world.organization,
            &leadgate_dialect::protocol(Dialect::AskAd).source_defaults,
        )
        .await
        .unwrap();
    let refused = sources::delete(&world.store, world.organization, source.id).await.unwrap_err();
    assert!(matches!(&refused, OperationError::Invalid(why) if why.contains("disable it")), "{refused}");
    assert_eq!(sources::find(&world.store, world.organization, source.id).await.unwrap(), source);
}

async fn a_source_is_created_with_a_token_and_changed(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let pepper = RootSecret::new(SECRET, None).unwrap().api_keys();
    for document in [json!({}), json!({ "dialect": "latin" }), json!({ "dialect": "askad", "colour": "red" })]
    {
        assert!(serde_json::from_value::<NewSource>(document.clone()).is_err(), "{document}");
    }
    let new: NewSource = serde_json::from_value(json!({ "dialect": "askad", "policy": "update" })).unwrap();
    let created = sources::create(store, organization, new, &pepper).await.unwrap();
    let CreatedSource { source, token } = created;
    assert_eq!((source.dialect, source.name.as_deref()), (Dialect::AskAd, Some("askad")));
    assert_eq!((token.key.kind, token.key.source), (KeyKind::Token, source.id));
    let settings = |document| serde_json::from_value::<SourceSettings>(document).unwrap();
    let named = settings(json!({ "name": "fair" }));
    let changed = sources::update(store, organization, source.id, named.clone()).await.unwrap();
    assert_eq!((changed.name.as_deref(), changed.policy), (Some("fair"), source.policy));
    let refused = sources::update(store, organization, source.id, settings(json!({ "name": " " }))).await;
    assert!(matches!(refused, Err(OperationError::Invalid(_))), "{refused:?}");
    let same = sources::update(store, organization, source.id, named.clone()).await.unwrap();
    assert_eq!(same, changed, "nothing changed, and no revision was made");
    let refused = sources::update(store, organization, source.id, settings(json!({}))).await;
    assert!(matches!(refused, Err(OperationError::Invalid(_))), "{refused:?}");
    let (shown, recent) = sources::show(store, organization, source.id, store).await.unwrap();
    assert_eq!((shown, recent.leads), (changed.clone(), 0));
    let listed = sources::list(store, organization, store).await.unwrap();
    assert_eq!(listed, [(*world.source).clone(), changed]);
    let other = store.ensure_organization("other").await.unwrap().id;
    let missing = sources::update(store, other, source.id, named).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { kind: ResourceKind::Source, .. }), "{missing}");
    let missing = sources::show(store, other, source.id, store).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { kind: ResourceKind::Source, .. }), "{missing}");
    let audited = world.audited().await;
    let expected = ["source.created", "key.created", "source.updated", "source.read", "sources.listed"];
    assert!(audited.ends_with(&expected.map(str::to_owned)), "{audited:?}");
}

async fn a_signing_secret_is_shown_rotated_and_discarded(world: World) {
    let key = RootSecret::new(SECRET, None).unwrap().signatures();
    let change = async |change| {
        let changed =
            sources::set_signature(&world.store, world.organization, world.source.id, change, &key).await;
        changed.map(|(source, secret)| (source, secret.map(|secret| secret.expose_secret().to_owned())))
    };
    let refused = change(SignatureChange::Rotate).await.unwrap_err();
    assert!(matches!(refused, OperationError::Invalid(_)), "{refused}");
    let (_, first) = change(SignatureChange::Require).await.unwrap();
    let (_, again) = change(SignatureChange::Require).await.unwrap();
    assert!(first.is_some() && first == again, "it is shown on every request");
    let (source, second) = change(SignatureChange::Rotate).await.unwrap();
    assert!(second.is_some() && second != first);
    assert!(source.signature.unwrap().previous_until.is_some());
    let (source, none) = change(SignatureChange::Off).await.unwrap();
    assert_eq!((source.signature, none), (None, None));
    let (_, third) = change(SignatureChange::Require).await.unwrap();
    assert!(third != first && third != second, "a discarded secret never becomes valid again");
    let audited = world.audited().await;
    assert_eq!(audited.iter().filter(|action| *action == "source.secret_shown").count(), 4);
}
