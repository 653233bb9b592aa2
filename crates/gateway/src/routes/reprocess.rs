//! `POST /v1/reprocess`: reads stored leads again, with the current mappings, settings, suppression lists and
//! scoring.

use actix_web::web;
use leadgate_operations::reprocess::{self as operations, ReprocessRequest, ReprocessResult};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::long_operation::{LongOperation, OperationProgress};
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::store_timeout::with_store_timeout;

/// Reprocesses the selected leads, or shows what would change. If the request is sent again, it does what
/// remains.
pub(crate) async fn reprocess(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(request): web::Json<ReprocessRequest>,
) -> Result<JsonResponse<OperationProgress<ReprocessResult>>, Refusal> {
    let permit = call.long_operation_permit()?;
    // A mapping may have changed since the last poll.
    with_store_timeout(&call.state, call.state.keys.directory.refresh()).await?;
    let (store, organization, log) = (call.store(), call.organization(), call.log().clone());
    let (context, dry_run) = (call.state.keys.judge_context()?, request.dry_run);
    let reprocessing =
        async move { operations::run(&store, organization, &request, &context, |_| {}, &log).await };
    let running = LongOperation::start("reprocessing", permit, reprocessing);
    if dry_run { running.result_response().await } else { running.progress().await }
}
