//! What all reads share: who asks, and for how long the store is waited for.

use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::native;
use leadgate_domain::{OrganizationId, Scope, SubmissionId, Timestamp};
use leadgate_store::StoreError;
use tokio::time::timeout;
use uuid::Uuid;

use crate::authenticate::{self, Caller};
use crate::client_address::client_address;
use crate::problem::Refusal;
use crate::state::State;
use crate::{limit, respond};

/// A read by somebody who may read.
pub(crate) struct Asked {
    caller: Caller,
}

impl Asked {
    pub(crate) async fn of(request: &HttpRequest, state: &State) -> Result<Self, Refusal> {
        let address = client_address(request, &state.config.trusted_proxies);
        let caller = authenticate::caller(state, request, address).await?;
        limit::read(state, request, &caller).await?;
        caller.may(Scope::Read)?;
        Ok(Self { caller })
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.caller.key.organization
    }

    /// The id in the path. What is no id names nothing, like an id that nobody has.
    pub(crate) fn id(&self, request: &HttpRequest) -> Result<Uuid, Refusal> {
        request.match_info().query("id").parse().map_err(|_| Refusal::NotFound)
    }

    /// The answer for an id that the store does not have: it is on its way, if we made it for this
    /// organization; else it is nobody's, or somebody else's, which is the same to whoever asks.
    pub(crate) fn queued(&self, id: Uuid, state: &State) -> Result<HttpResponse, Refusal> {
        let id = SubmissionId::from_uuid(id);
        if state.ids.may_be_queued(self.organization(), id, Timestamp::now()) {
            Ok(respond::json(&native::queued(id)))
        } else {
            Err(Refusal::NotFound)
        }
    }
}

/// Waits for the store, but not for ever.
pub(crate) async fn within<T>(
    state: &State,
    reading: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Refusal> {
    match timeout(state.config.store_timeout, reading).await {
        Ok(outcome) => outcome.map_err(Refusal::Store),
        Err(_) => Err(Refusal::StoreSlow),
    }
}
