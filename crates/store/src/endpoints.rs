//! Endpoints.

use leadgate_domain::sealing_key::SecretVersion;
use leadgate_domain::{
    AuditAction, AuditEntry, Endpoint, EndpointHealth, EndpointId, EndpointSecrets, OrganizationId,
};

use crate::audit;
use crate::connection::query;
use crate::error::StoreError;
use crate::locks::LockMode;
use crate::quotas;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// An endpoint as it is stored.
#[derive(Clone)]
pub(crate) struct StoredEndpoint {
    pub(crate) endpoint: Endpoint,
    /// Its secrets, encrypted.
    pub(crate) sealed: String,
    pub(crate) lease_number: i64,
}

/// An endpoint that only a newer build can read.
pub(crate) struct UnreadableEndpoint(pub(crate) EndpointId);

impl UnreadableEndpoint {
    pub(crate) fn warn(&self) {
        tracing::warn!(endpoint.id = %self.0, "this build cannot read an endpoint and ignores it");
    }
}

impl Store {
    /// Stores a new endpoint. Its organization must exist. An organization has at most 100 endpoints
    /// ([`StoreError::TooMany`]).
    pub async fn create_endpoint(
        &self,
        endpoint: &Endpoint,
        secrets: &EndpointSecrets,
    ) -> Result<(), StoreError> {
        let organization = endpoint.organization;
        let new = StoredEndpoint {
            endpoint: endpoint.clone(),
            sealed: self.seal(endpoint.id, secrets)?,
            lease_number: 0,
        };
        let entry = self.entry(organization, AuditAction::EndpointCreated).with_target(endpoint.id);
        self.write(move |session| {
            // Others who create one wait, for the quota.
            StoreTransaction::new(session).lock_organizations([(organization, LockMode::Exclusive)])?;
            query!(session, endpoints::insert_endpoint(&new))?;
            // So that its events are deleted by age.
            query!(session, retention::ensure_retention(organization))?;
            quotas::ENDPOINTS.check(query!(session, endpoints::count_endpoints(organization))?)?;
            audit::record(session, std::slice::from_ref(&entry))
        })
        .await
    }

    /// Stores changed settings or secrets. Returns the endpoint with its next revision, or `None` if the endpoint does
    /// not exist or was changed since the given revision. `entry` is the audit entry of the change.
    pub async fn update_endpoint(
        &self,
        endpoint: &Endpoint,
        secrets: Option<&EndpointSecrets>,
        entry: AuditEntry,
    ) -> Result<Option<Endpoint>, StoreError> {
        let endpoint = endpoint.clone();
        let sealed = secrets.map(|secrets| self.seal(endpoint.id, secrets)).transpose()?;
        self.write(move |session| {
            let (organization, id) = (endpoint.organization, endpoint.id);
            let found = query!(session, endpoints::find_endpoint(organization, id))?;
            let Some(stored) = found else { return Ok(None) };
            let sealed = sealed.clone().unwrap_or(stored.sealed);
            let changed = StoredEndpoint { endpoint: endpoint.clone(), sealed, ..stored };
            if !query!(session, endpoints::update_endpoint(&changed))? {
                return Ok(None);
            }
            audit::record(session, std::slice::from_ref(&entry))?;
            Ok(Some(Endpoint { revision: endpoint.revision.saturating_add(1), ..endpoint.clone() }))
        })
        .await
    }

    /// Enables or disables an endpoint. `None` if it does not exist.
    pub async fn set_endpoint_enabled(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        enabled: bool,
    ) -> Result<Option<Endpoint>, StoreError> {
        let action = if enabled { AuditAction::EndpointEnabled } else { AuditAction::EndpointDisabled };
        let entry = self.entry(organization, action).with_target(id);
        self.write(move |session| {
            let now = session.now()?;
            let health = if enabled { EndpointHealth::new(now) } else { EndpointHealth::disabled(now) };
            let found = query!(session, endpoints::find_endpoint(organization, id))?;
            let Some(stored) = found else { return Ok(None) };
            query!(session, endpoints::set_health(id, &health))?;
            audit::record(session, std::slice::from_ref(&entry))?;
            Ok(Some(Endpoint { health, ..stored.endpoint }))
        })
        .await
    }

    pub async fn endpoint(
        &self,
        organization: OrganizationId,
        id: EndpointId,
    ) -> Result<Option<Endpoint>, StoreError> {
        let found =
            self.read(move |session| query!(session, endpoints::find_endpoint(organization, id))).await?;
        Ok(found.map(|stored| stored.endpoint))
    }

    /// The endpoint with its secrets.
    pub async fn endpoint_with_secrets(
        &self,
        organization: OrganizationId,
        id: EndpointId,
    ) -> Result<Option<(Endpoint, EndpointSecrets)>, StoreError> {
        let found =
            self.read(move |session| query!(session, endpoints::find_endpoint(organization, id))).await?;
        let Some(stored) = found else { return Ok(None) };
        let (secrets, _) = self.open_secrets(&stored)?;
        Ok(Some((stored.endpoint, secrets)))
    }

    /// The endpoints of an organization that are not deleted, in the order of their creation.
    pub async fn endpoints(&self, organization: OrganizationId) -> Result<Vec<Endpoint>, StoreError> {
        let found = self.read(move |session| query!(session, endpoints::endpoints_of(organization)));
        Ok(found.await?.into_iter().map(|stored| stored.endpoint).collect())
    }

    /// Seals the secrets of endpoints again that are sealed under the previous secret of the installation. Returns their
    /// number. Afterwards the previous secret is not needed for them.
    pub async fn reseal_endpoints(&self) -> Result<usize, StoreError> {
        let mut resealed = 0;
        for stored in self.read(|session| query!(session, endpoints::all_endpoints())).await? {
            let id = stored.endpoint.id;
            let opened = EndpointSecrets::open(&stored.sealed, id, self.sealing()?.as_ref());
            let Some((secrets, SecretVersion::Previous)) = opened else { continue };
            let (before, after) = (stored.sealed, self.seal(id, &secrets)?);
            resealed += self
                .write(move |session| query!(session, endpoints::replace_sealed(id, &before, &after)))
                .await?;
        }
        Ok(resealed)
    }

    fn seal(&self, id: EndpointId, secrets: &EndpointSecrets) -> Result<String, StoreError> {
        let sealed = secrets.seal(id, self.sealing()?.as_ref());
        sealed.ok_or_else(|| StoreError::Bug("the secrets of an endpoint cannot be sealed".to_owned()))
    }

    /// The secrets, and which secret of the installation sealed them.
    pub(crate) fn open_secrets(
        &self,
        stored: &StoredEndpoint,
    ) -> Result<(EndpointSecrets, SecretVersion), StoreError> {
        let opened = EndpointSecrets::open(&stored.sealed, stored.endpoint.id, self.sealing()?.as_ref());
        opened.ok_or_else(|| StoreError::WrongSecret { store: self.name() })
    }
}
