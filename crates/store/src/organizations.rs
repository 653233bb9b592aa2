//! Organizations (tenants).

use leadgate_domain::{ActiveScoring, AuditAction, Organization, OrganizationId, Timestamp};

use crate::audit;
use crate::connection::query;
use crate::error::StoreError;
use crate::installation::{advance, organizations_since};
use crate::store::Store;

impl Store {
    /// Creates an organization. `None` if the name is in use.
    pub async fn create_organization(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let organization = Organization {
            id: OrganizationId::generate(),
            name: name.to_owned(),
            created_at: Timestamp::now(),
            disabled_at: None,
            scoring: ActiveScoring::standard(),
        };
        let entry = self.entry(organization.id, AuditAction::OrganizationCreated);
        self.write(move |session| {
            let generation = advance(session)?;
            let Organization { id, name, created_at, .. } = &organization;
            if query!(session, organizations::insert_organization(*id, name, *created_at, generation))? == 0 {
                return Ok(None);
            }
            audit::record(session, std::slice::from_ref(&entry))?;
            Ok(Some(organization.clone()))
        })
        .await
    }

    /// The organization with this name. It is created if it does not exist.
    pub async fn ensure_organization(&self, name: &str) -> Result<Organization, StoreError> {
        if let Some(organization) = self.organization_named(name).await? {
            return Ok(organization);
        }
        if let Some(organization) = self.create_organization(name).await? {
            return Ok(organization);
        }
        // Another caller created it meanwhile.
        let found = self.organization_named(name).await?;
        found.ok_or_else(|| StoreError::Bug("an organization was not created".to_owned()))
    }

    /// Renames an organization. False if the name is in use.
    pub async fn rename_organization(&self, id: OrganizationId, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        let entry = self.entry(id, AuditAction::OrganizationRenamed);
        self.write(move |session| {
            let generation = advance(session)?;
            let changed = query!(session, organizations::rename_organization(id, &name, generation))? > 0;
            if changed {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            Ok(changed)
        })
        .await
    }

    /// Disables an organization: gateways refuse its keys and URL tokens. Its stored data and its queued
    /// submissions stay. False if it was already disabled.
    pub async fn disable_organization(&self, id: OrganizationId) -> Result<bool, StoreError> {
        self.set_disabled(id, Some(Timestamp::now()), AuditAction::OrganizationDisabled).await
    }

    /// Reverses [`Store::disable_organization`]. False if the organization was not disabled.
    pub async fn enable_organization(&self, id: OrganizationId) -> Result<bool, StoreError> {
        self.set_disabled(id, None, AuditAction::OrganizationEnabled).await
    }

    async fn set_disabled(
        &self,
        id: OrganizationId,
        disabled_at: Option<Timestamp>,
        action: AuditAction,
    ) -> Result<bool, StoreError> {
        let entry = self.entry(id, action);
        self.write(move |session| {
            let generation = advance(session)?;
            let changed = match disabled_at {
                Some(at) => query!(session, organizations::disable_organization(id, at, generation))?,
                None => query!(session, organizations::enable_organization(id, generation))?,
            };
            if changed > 0 {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            Ok(changed > 0)
        })
        .await
    }

    pub async fn organization_named(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let name = name.to_owned();
        self.read(move |session| query!(session, organizations::find_organization_named(&name))).await
    }

    /// All organizations, by name.
    pub async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let mut organizations = self.read(|session| organizations_since(session, -1)).await?;
        organizations.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(organizations)
    }
}
