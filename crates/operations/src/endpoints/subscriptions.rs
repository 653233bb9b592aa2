//! Endpoints in the form of ABC Sales AI, which its clients manage as webhook subscriptions. Endpoints in another form are
//! not found.

use leadgate_domain::{Endpoint, EndpointId, EndpointState, OrganizationId, PayloadForm};
use leadgate_store::Store;

use super::{EndpointInput, EndpointWithSecret, not_found};
use crate::OperationError;

/// Changes the given settings, as [`super::update`], and enables or disables the endpoint.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid setting, and if nothing is given.
pub async fn update_subscription(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
    input: EndpointInput,
    active: Option<bool>,
) -> Result<Endpoint, OperationError> {
    let mut endpoint = find(store, organization, id).await?;
    if !input.is_empty() || active.is_none() {
        endpoint = super::update(store, organization, id, input).await?;
    }
    // A client that sends the whole subscription back does not end a pause that the receiver asked for.
    match (active, endpoint.health.state == EndpointState::Disabled) {
        (Some(true), true) => super::enable(store, organization, id).await,
        (Some(false), false) => super::disable(store, organization, id).await,
        _ => Ok(endpoint),
    }
}

/// Creates a new signing secret, as [`super::rotate_secret`].
pub async fn rotate_subscription_secret(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<EndpointWithSecret, OperationError> {
    find(store, organization, id).await?;
    super::rotate_secret(store, organization, id).await
}

pub async fn delete_subscription(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<Endpoint, OperationError> {
    find(store, organization, id).await?;
    super::delete(store, organization, id).await
}

async fn find(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
) -> Result<Endpoint, OperationError> {
    let endpoint = super::find(store, organization, id).await?;
    if endpoint.settings.form == PayloadForm::AbcSales { Ok(endpoint) } else { Err(not_found(id)) }
}
