//! Organizations (tenants).

use std::sync::Arc;

use leadgate_domain::{ActiveScoring, AuditAction, Organization, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit;
use crate::error::StoreError;
use crate::installation::{advance, organizations_since};
use crate::rows::{ByName, WithGeneration};
use crate::scorings;
use crate::store::Store;

#[derive(Serialize, Deserialize)]
pub(crate) struct OrganizationRow {
    id: OrganizationId,
    name: String,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    /// Written by the statements about scorings alone; null for the standard one.
    #[serde(skip_serializing)]
    scoring_version: Option<u32>,
    #[serde(skip_serializing)]
    scoring: Option<Value>,
}

impl From<OrganizationRow> for Organization {
    fn from(row: OrganizationRow) -> Self {
        let scoring = row.scoring_version.zip(row.scoring);
        let scoring = scoring.and_then(|(version, document)| scorings::read(version, &document));
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            scoring: scoring.map_or_else(ActiveScoring::standard, Arc::new),
        }
    }
}

#[derive(Serialize)]
struct OrganizationNameUpdate<'a> {
    id: OrganizationId,
    name: &'a str,
    generation: i64,
}

#[derive(Serialize)]
struct OrganizationDisabledUpdate {
    id: OrganizationId,
    disabled_at: Option<Timestamp>,
    generation: i64,
}

impl Store {
    /// Creates an organization. `None` if the name is in use.
    pub async fn create_organization(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let row = OrganizationRow {
            id: OrganizationId::generate(),
            name: name.to_owned(),
            created_at: Timestamp::now(),
            disabled_at: None,
            scoring_version: None,
            scoring: None,
        };
        let entry = self.entry(row.id, AuditAction::OrganizationCreated);
        self.write(move |session| {
            let generation = advance(session)?;
            let insert = session.sql.organizations.insert;
            if session.execute(insert, &[WithGeneration { row: &row, generation }])? == 0 {
                return Ok(None);
            }
            audit::record(session, std::slice::from_ref(&entry))?;
            session.find(session.sql.organizations.named, ByName { name: &row.name })
        })
        .await
        .map(|created: Option<OrganizationRow>| created.map(Organization::from))
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
            let renamed = OrganizationNameUpdate { id, name: &name, generation };
            let changed = session.execute(session.sql.organizations.rename, &[renamed])? > 0;
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
            let disabled = OrganizationDisabledUpdate { id, disabled_at, generation };
            let changed = session.execute(session.sql.organizations.set_disabled, &[disabled])? > 0;
            if changed {
                audit::record(session, std::slice::from_ref(&entry))?;
            }
            Ok(changed)
        })
        .await
    }

    pub async fn organization_named(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let name = name.to_owned();
        let found: Option<OrganizationRow> = self
            .read(move |session| session.find(session.sql.organizations.named, ByName { name: &name }))
            .await?;
        Ok(found.map(Organization::from))
    }

    /// All organizations, by name.
    pub async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let mut rows = self.read(|session| organizations_since(session, -1)).await?;
        rows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(rows.into_iter().map(Organization::from).collect())
    }
}
