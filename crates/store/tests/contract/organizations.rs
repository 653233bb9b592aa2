//! Organizations: created by name, renamed, disabled.

use leadgate_domain::{AuditAction, OrganizationId};
use leadgate_store::{AuditFilter, Directory};

use crate::world::{World, over_both};

over_both!(an_organization_name_is_unique, an_organization_can_be_disabled_and_enabled);

async fn entries(world: &World, action: AuditAction) -> usize {
    let filter = AuditFilter { action: Some(action), ..AuditFilter::default() };
    world.store.audit(world.organization.id, filter, None, 100).await.unwrap().data.len()
}

async fn an_organization_name_is_unique(world: World) {
    let (store, acme) = (&world.store, world.organization.id);
    assert_eq!(store.create_organization("acme").await.unwrap(), None);
    let other = store.create_organization("other").await.unwrap().unwrap();
    assert_eq!(store.organization_named("other").await.unwrap(), Some(other.clone()));

    let directory = Directory::new(store.clone());
    directory.refresh().await.unwrap();
    for (id, name) in
        [(acme, "other"), (acme, "acme"), (other.id, "acme"), (OrganizationId::generate(), "new")]
    {
        assert!(!store.rename_organization(id, name).await.unwrap(), "{name}");
    }
    assert_eq!(entries(&world, AuditAction::OrganizationRenamed).await, 0);
    assert!(store.rename_organization(acme, "acme uk").await.unwrap());
    assert_eq!(entries(&world, AuditAction::OrganizationRenamed).await, 1);
    assert_eq!(store.organization_named("acme").await.unwrap(), None);
    assert_eq!(store.organization_named("acme uk").await.unwrap().unwrap().id, acme);
    directory.refresh().await.unwrap();
    assert_eq!(directory.organization(acme).unwrap().name, "acme uk");
    assert!(store.rename_organization(other.id, "acme").await.unwrap(), "the old name is free");
}

async fn an_organization_can_be_disabled_and_enabled(world: World) {
    let (store, acme) = (&world.store, world.organization.id);
    let directory = Directory::new(store.clone());
    let disabled_at = async || {
        directory.refresh().await.unwrap();
        let seen = directory.organization(acme).unwrap().disabled_at;
        assert_eq!(store.organization_named("acme").await.unwrap().unwrap().disabled_at, seen);
        seen
    };
    assert_eq!(disabled_at().await, None);
    assert!(!store.enable_organization(acme).await.unwrap());
    assert!(store.disable_organization(acme).await.unwrap());
    let since = disabled_at().await;
    assert!(since.is_some());
    assert!(!store.disable_organization(acme).await.unwrap());
    assert_eq!(disabled_at().await, since, "the first time stays");
    assert!(store.enable_organization(acme).await.unwrap());
    assert_eq!(disabled_at().await, None);
    assert!(!store.disable_organization(OrganizationId::generate()).await.unwrap());
    for action in [AuditAction::OrganizationDisabled, AuditAction::OrganizationEnabled] {
        assert_eq!(entries(&world, action).await, 1, "{action}");
    }
}
