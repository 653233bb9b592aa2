//! Calls of the store with a time limit, so that a slow database does not delay responses.

use leadgate_operations::OperationError;
use leadgate_store::StoreError;
use tokio::time::timeout;

use crate::refusal::Refusal;
use crate::state::GatewayState;

/// Runs a call of the store within the configured `store_timeout`.
pub(crate) async fn with_store_timeout<T>(
    state: &GatewayState,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Refusal> {
    match timeout(state.config.store_timeout, call).await {
        Ok(outcome) => outcome.map_err(Refusal::from),
        Err(_) => Err(Refusal::StoreTimeout),
    }
}

/// The same for an operation. After a timeout the client can send the request again.
pub(crate) async fn run_operation<T>(
    state: &GatewayState,
    operation: impl Future<Output = Result<T, OperationError>>,
) -> Result<T, Refusal> {
    match timeout(state.config.store_timeout, operation).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Refusal::StoreTimeout),
    }
}
