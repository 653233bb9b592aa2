//! Calls of the store, which end in time whatever the database does.

use leadgate_operations::OperationError;
use leadgate_store::StoreError;
use tokio::time::timeout;

use crate::refusal::Refusal;
use crate::state::GatewayState;

pub(crate) async fn with_store_timeout<T>(
    state: &GatewayState,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Refusal> {
    match timeout(state.config.store_timeout, call).await {
        Ok(outcome) => outcome.map_err(Refusal::Store),
        Err(_) => Err(Refusal::StoreTimeout),
    }
}

/// The same for an operation. One that is cut off can be sent again.
pub(crate) async fn operation<T>(
    state: &GatewayState,
    operation: impl Future<Output = Result<T, OperationError>>,
) -> Result<T, Refusal> {
    match timeout(state.config.store_timeout, operation).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Refusal::StoreTimeout),
    }
}
