//! Operations that may take minutes: an erasure, a reprocessing, a replay, an import, an export.

use std::time::Duration;

use leadgate_operations::OperationError;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::organization_permits::OrganizationPermit;
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;

/// How long a response waits for an operation, which continues in the background.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// An operation in a separate task. It continues when the client disconnects.
pub(crate) struct LongOperation<T>(oneshot::Receiver<Result<T, Refusal>>);

/// The result of an operation, or that it is still running.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum OperationProgress<T> {
    Ended(T),
    Running { status: &'static str },
}

impl<T: Send + 'static> LongOperation<T> {
    /// `name` is for the log, in case the operation fails after the client disconnected.
    pub(crate) fn start(
        name: &'static str,
        permit: OrganizationPermit,
        operation: impl Future<Output = Result<T, OperationError>> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let outcome = operation.await.map_err(Refusal::from);
            drop(permit);
            if let Err(Err(refusal)) = sender.send(outcome) {
                let error = refusal.log_text();
                tracing::error!(operation = name, error, "operation failed after its client disconnected");
            }
        });
        Self(receiver)
    }

    /// Waits for the result without a time limit.
    pub(crate) async fn result(self) -> Result<T, Refusal> {
        self.0.await.unwrap_or(Err(Refusal::Internal))
    }

    /// Waits for the result without a time limit, and responds with 200.
    pub(crate) async fn result_response(self) -> Result<JsonResponse<OperationProgress<T>>, Refusal>
    where
        T: Serialize,
    {
        Ok(JsonResponse::ok(&OperationProgress::Ended(self.result().await?)))
    }

    /// Responds with 200 and the result, or after two seconds with 202.
    pub(crate) async fn progress(self) -> Result<JsonResponse<OperationProgress<T>>, Refusal>
    where
        T: Serialize,
    {
        match timeout(ANSWER_WAIT, self.result()).await {
            Ok(ended) => Ok(JsonResponse::ok(&OperationProgress::Ended(ended?))),
            Err(_) => Ok(JsonResponse::accepted(&OperationProgress::Running { status: "running" })),
        }
    }
}

#[cfg(test)]
mod tests {
    use leadgate_domain::OrganizationId;

    use super::*;
    use crate::organization_permits::OrganizationPermits;
    use crate::route_response::RouteResponse as _;

    #[tokio::test]
    async fn an_operation_continues_and_keeps_its_permit_after_the_response() {
        let (operations, organization) = (OrganizationPermits::default(), OrganizationId::generate());
        let try_acquire = || operations.try_acquire(organization);
        let (release, released) = oneshot::channel::<()>();
        let running =
            LongOperation::start("test", try_acquire().unwrap(), async move { Ok(released.await.is_ok()) });
        let answer = running.progress().await.unwrap().into_response();
        assert_eq!(answer.status(), 202);
        assert!(try_acquire().is_none());
        release.send(()).unwrap();
        let permit = loop {
            match try_acquire() {
                Some(permit) => break permit,
                None => tokio::task::yield_now().await,
            }
        };
        let ended = LongOperation::start("test", permit, async { Ok(7) });
        assert_eq!(ended.progress().await.unwrap().into_response().status(), 200);
        assert!(try_acquire().is_some(), "the permit is released before the result is sent");
    }
}
