//! Tenants.

use std::sync::Arc;

use leadgate_domain::{ActiveScoring, AuditAction, Organization, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit;
use crate::error::StoreError;
use crate::installation::{advance, organizations_since};
use crate::rows::{Name, Stamped};
use crate::scorings;
use crate::store::Store;

#[derive(Serialize, Deserialize)]
pub(crate) struct OrganizationRow {
    id: OrganizationId,
    name: String,
    created_at: Timestamp,
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
            scoring: scoring.map_or_else(ActiveScoring::standard, Arc::new),
        }
    }
}

impl Store {
    /// The organization of that name, made if it is not there.
    pub async fn ensure_organization(&self, name: &str) -> Result<Organization, StoreError> {
        if let Some(organization) = self.organization_named(name).await? {
            return Ok(organization);
        }
        let row = OrganizationRow {
            id: OrganizationId::generate(),
            name: name.to_owned(),
            created_at: Timestamp::now(),
            scoring_version: None,
            scoring: None,
        };
        let entry = self.entry(row.id, AuditAction::OrganizationCreated);
        let made: Option<OrganizationRow> = self
            .write(move |session| {
                let generation = advance(session)?;
                let insert = session.sql.organizations.insert;
                if session.execute(insert, &[Stamped { row: &row, generation }])? > 0 {
                    audit::record(session, std::slice::from_ref(&entry))?;
                }
                session.find(session.sql.organizations.named, Name { name: &row.name })
            })
            .await?;
        made.map(Organization::from).ok_or_else(|| StoreError::Bug("an organization was not made".to_owned()))
    }

    pub async fn organization_named(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let name = name.to_owned();
        let found: Option<OrganizationRow> = self
            .read(move |session| session.find(session.sql.organizations.named, Name { name: &name }))
            .await?;
        Ok(found.map(Organization::from))
    }

    /// All of them, by name.
    pub async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let mut rows = self.read(|session| organizations_since(session, -1)).await?;
        rows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(rows.into_iter().map(Organization::from).collect())
    }
}
