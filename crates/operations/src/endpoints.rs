//! Endpoints: where an organization wants its events sent.

mod of_source;
mod preview;

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_domain::{
    AuditAction, DeliveryCounts, Endpoint, EndpointHealth, EndpointId, EndpointSecrets, EndpointSettings,
    EventId, OrganizationId, Timestamp, past_moment,
};
use leadgate_store::{ReplaySelection, Store};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use of_source::{create_for_source, delete_for_source};
pub use preview::{PreviewResult, PreviewedRequest, preview};

use crate::error::ResourceKind;
use crate::{OperationError, ReadLog, read_document};

/// How long the previous signing secret also signs after a rotation.
const SECRET_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings of an endpoint, and its own headers. As JSON one object. For a new endpoint, missing settings have their
/// defaults; for a change they keep their values.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct EndpointInput {
    settings: Map<String, Value>,
    headers: Option<Value>,
}

impl From<Map<String, Value>> for EndpointInput {
    fn from(mut settings: Map<String, Value>) -> Self {
        let headers = settings.remove("headers");
        Self { settings, headers }
    }
}

impl EndpointInput {
    /// Checks what does not need the store.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] for an invalid setting or header.
    pub fn check(&self) -> Result<(), OperationError> {
        self.clone().read(Map::new()).map(drop)
    }

    /// The settings over `defaults`, and the headers, if any were given.
    fn read(
        self,
        mut defaults: Map<String, Value>,
    ) -> Result<(EndpointSettings, Option<BTreeMap<String, SecretString>>), OperationError> {
        defaults.extend(self.settings);
        let settings: EndpointSettings =
            read_document(Value::Object(defaults)).map_err(OperationError::Invalid)?;
        settings.check().map_err(OperationError::Invalid)?;
        let headers = self.headers.map(read_document::<BTreeMap<String, SecretString>>).transpose();
        let headers = headers.map_err(|error| OperationError::Invalid(format!("`headers`: {error}")))?;
        let lower = |(name, value): (String, SecretString)| (name.to_ascii_lowercase(), value);
        let headers = headers.map(|headers| headers.into_iter().map(lower).collect());
        if let Some(headers) = &headers {
            EndpointSecrets::check_headers(headers).map_err(OperationError::Invalid)?;
        }
        Ok((settings, headers))
    }
}

/// An endpoint, and its signing secret, which is shown once.
#[derive(Debug)]
pub struct EndpointWithSecret {
    pub endpoint: Endpoint,
    pub secret: SecretString,
}

/// Creates an endpoint. It gets the events from now on, or keeps them until it is enabled.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid setting or header.
pub async fn create(
    store: &Store,
    organization: OrganizationId,
    input: EndpointInput,
    enabled: bool,
) -> Result<EndpointWithSecret, OperationError> {
    let (settings, headers) = input.read(Map::new())?;
    let now = Timestamp::now();
    let health = if enabled { EndpointHealth::new(now) } else { EndpointHealth::disabled(now) };
    let endpoint = Endpoint { health, ..Endpoint::new(organization, settings, now) };
    let secrets = EndpointSecrets::new(headers.unwrap_or_default()).map_err(OperationError::Invalid)?;
    store.create_endpoint(&endpoint, &secrets).await?;
    Ok(EndpointWithSecret { endpoint, secret: secrets.current().as_text().clone() })
}

/// Changes the given settings of an endpoint. Absent ones keep their values. `headers` replaces all own headers.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid setting or header, and if none is given.
pub async fn update(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
    input: EndpointInput,
) -> Result<Endpoint, OperationError> {
    let (endpoint, secrets) = with_secrets(store, organization, id).await?;
    if input.settings.is_empty() && input.headers.is_none() {
        return Err(OperationError::invalid(
            "nothing to change: expected a setting, such as a URL or events",
        ));
    }
    let Ok(Value::Object(before)) = serde_json::to_value(&endpoint.settings) else {
        return Err(OperationError::invalid("the settings of this endpoint cannot be changed by this build"));
    };
    let names: Vec<_> =
        input.settings.keys().cloned().chain(input.headers.iter().map(|_| "headers".to_owned())).collect();
    let (settings, headers) = input.read(before)?;
    let secrets = match headers {
        Some(headers) => Some(secrets.with_headers(headers).map_err(OperationError::Invalid)?),
        None => None,
    };
    let entry = store.entry(organization, AuditAction::EndpointUpdated).with_target(id);
    let changed = Endpoint { settings, ..endpoint };
    let updated = store.update_endpoint(&changed, secrets.as_ref(), entry.with_detail("changed", &names));
    updated.await?.ok_or(OperationError::Conflict)
}

/// Creates a new signing secret. The previous one also signs for a day.
pub async fn rotate_secret(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<EndpointWithSecret, OperationError> {
    let (endpoint, secrets) = with_secrets(store, organization, id).await?;
    let now = Timestamp::now();
    let secrets = secrets.rotated(now, now.plus(SECRET_OVERLAP));
    let entry = store.entry(organization, AuditAction::EndpointSecretRotated).with_target(id);
    let updated = store.update_endpoint(&endpoint, Some(&secrets), entry).await?;
    let endpoint = updated.ok_or(OperationError::Conflict)?;
    Ok(EndpointWithSecret { endpoint, secret: secrets.current().as_text().clone() })
}

/// An endpoint, and the number of its deliveries in each state.
pub async fn show(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
    log: &impl ReadLog,
) -> Result<(Endpoint, DeliveryCounts), OperationError> {
    let endpoint = find(store, organization, id).await?;
    let counts = store.count_deliveries(organization, id).await?;
    log.note_read(store.entry(organization, AuditAction::EndpointRead).with_target(id)).await?;
    Ok((endpoint, counts))
}

/// An organization's endpoints in the order in which they were created.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    log: &impl ReadLog,
) -> Result<Vec<Endpoint>, OperationError> {
    let all = store.endpoints(organization).await?;
    let entry = store.entry(organization, AuditAction::EndpointsListed);
    log.note_read(entry.with_detail("count", all.len())).await?;
    Ok(all)
}

/// Disables an endpoint: it gets nothing until it is enabled. Its events are kept.
pub async fn disable(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<Endpoint, OperationError> {
    let disabled = store.set_endpoint_enabled(organization, id, false).await?;
    disabled.ok_or_else(|| not_found(id))
}

/// Enables an endpoint again, also one that is suspended.
pub async fn enable(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<Endpoint, OperationError> {
    let enabled = store.set_endpoint_enabled(organization, id, true).await?;
    enabled.ok_or_else(|| not_found(id))
}

/// Deletes an endpoint. What it has not received is not sent.
pub async fn delete(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<Endpoint, OperationError> {
    let endpoint = find(store, organization, id).await?;
    let deleted = Endpoint { deleted_at: Some(Timestamp::now()), ..endpoint };
    let entry = store.entry(organization, AuditAction::EndpointDeleted).with_target(id);
    store.update_endpoint(&deleted, None, entry).await?.ok_or(OperationError::Conflict)
}

/// Sends an event of the type `test` to an endpoint, also if it does not want this type. Returns the id of the event.
pub async fn test(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<EventId, OperationError> {
    let endpoint = find(store, organization, id).await?;
    Ok(store.add_test_event(&endpoint).await?)
}

/// Which events to send to an endpoint again. Without `event` and `since`: those whose attempts all failed.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayRequest {
    /// Also if it was received.
    pub event: Option<EventId>,
    /// All from this time on that the endpoint wants by its present settings, also those that it has received.
    #[serde(deserialize_with = "past_moment")]
    pub since: Option<Timestamp>,
    /// Only counts them.
    pub dry_run: bool,
}

/// Sends events to an endpoint again. Returns their number.
///
/// # Errors
/// [`OperationError::Invalid`] for both an event and a time, and for an event that is not sent again.
pub async fn replay(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
    ReplayRequest { event, since, dry_run }: ReplayRequest,
) -> Result<usize, OperationError> {
    let endpoint = find(store, organization, id).await?;
    let which = match (event, since) {
        (Some(event), None) => ReplaySelection::One(event),
        (None, Some(since)) => ReplaySelection::Since(since),
        (Some(_), Some(_)) => {
            return Err(OperationError::invalid("select one event, or all since a time, but not both"));
        }
        (None, None) if dry_run => {
            let exhausted = store.count_exhausted(organization, id).await?;
            return Ok(usize::try_from(exhausted).unwrap_or(usize::MAX));
        }
        (None, None) => return Ok(store.replay_exhausted(organization, id).await?),
    };
    match (store.replay_events(&endpoint, which, dry_run).await?, event) {
        (0, Some(event)) => Err(OperationError::Invalid(format!(
            "the event {event} is not sent again: it does not exist, still waits for an attempt, or is about a lead that \
             was erased or is not eligible any more"
        ))),
        (count, _) => Ok(count),
    }
}

async fn find(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<Endpoint, OperationError> {
    store.endpoint(organization, id).await?.ok_or_else(|| not_found(id))
}

async fn with_secrets(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<(Endpoint, EndpointSecrets), OperationError> {
    store.endpoint_with_secrets(organization, id).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: EndpointId) -> OperationError {
    OperationError::not_found(ResourceKind::Endpoint, id)
}
