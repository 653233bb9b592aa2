//! Endpoints: where an organization wants its events sent.

mod of_source;
mod preview;
mod replay;
mod subscriptions;

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_domain::{
    AuditAction, DeliveryCounts, Endpoint, EndpointHealth, EndpointId, EndpointSecrets, EndpointSettings,
    EventId, OrganizationId, Timestamp,
};
use leadgate_store::Store;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use of_source::{create_for_source, delete_for_source};
pub use preview::{PreviewResult, PreviewedRequest, preview};
pub use replay::{ReplayRequest, replay};
pub use subscriptions::{delete_subscription, rotate_subscription_secret, update_subscription};

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

    /// With no maximum rate.
    #[must_use]
    pub fn without_rate(mut self) -> Self {
        self.settings.insert("rate".to_owned(), Value::Null);
        self
    }

    /// Whether nothing is given.
    fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.headers.is_none()
    }

    /// The settings over `defaults`, and the headers, if any were given.
    fn read(
        self,
        mut defaults: Map<String, Value>,
    ) -> Result<(EndpointSettings, Option<BTreeMap<String, SecretString>>), OperationError> {
        defaults.extend(self.settings);
        if defaults.get("form").and_then(Value::as_str) == Some("template") {
            return Err(OperationError::invalid(
                "`form`: a template is an object with its rules: {\"template\": {…}}",
            ));
        }
        let settings: EndpointSettings =
            read_document(Value::Object(defaults)).map_err(OperationError::Invalid)?;
        settings.check().map_err(OperationError::Invalid)?;
        let headers = self.headers.map(read_document::<BTreeMap<String, SecretString>>).transpose();
        let headers = headers.map_err(|error| OperationError::Invalid(format!("`headers`: {error}")))?;
        let headers = headers.map(lower_case).transpose().map_err(OperationError::Invalid)?;
        if let Some(headers) = &headers {
            EndpointSecrets::check_headers(headers).map_err(OperationError::Invalid)?;
        }
        Ok((settings, headers))
    }
}

/// Names of headers in lower case, each once.
fn lower_case(headers: BTreeMap<String, SecretString>) -> Result<BTreeMap<String, SecretString>, String> {
    let mut lower = BTreeMap::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if lower.insert(name.clone(), value).is_some() {
            return Err(format!("`headers`: the header `{name}` is given more than once"));
        }
    }
    Ok(lower)
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
/// [`OperationError::Invalid`] for an invalid setting or header, and for a source that does not exist.
pub async fn create(
    store: &Store,
    organization: OrganizationId,
    input: EndpointInput,
    enabled: bool,
) -> Result<EndpointWithSecret, OperationError> {
    let (settings, headers) = input.read(Map::new())?;
    check_sources(store, organization, &settings).await?;
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
/// [`OperationError::Invalid`] for an invalid setting or header, for a source that does not exist, and if none is given.
pub async fn update(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
    input: EndpointInput,
) -> Result<Endpoint, OperationError> {
    let (endpoint, secrets) = with_secrets(store, organization, id).await?;
    if input.is_empty() {
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
    // A source can be deleted later, and then the endpoint can still be changed.
    if settings.filter.sources != endpoint.settings.filter.sources {
        check_sources(store, organization, &settings).await?;
    }
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

/// The sources of a filter must exist.
async fn check_sources(
    store: &Store,
    organization: OrganizationId,
    settings: &EndpointSettings,
) -> Result<(), OperationError> {
    let wanted = &settings.filter.sources;
    if wanted.is_empty() {
        return Ok(());
    }
    let sources = store.sources(organization).await?;
    let own = sources.iter().filter(|source| source.deleted_at.is_none()).map(|source| source.id).collect();
    match wanted.difference(&own).next() {
        Some(unknown) => {
            Err(OperationError::Invalid(format!("`filter.sources`: the source {unknown} does not exist")))
        }
        None => Ok(()),
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
