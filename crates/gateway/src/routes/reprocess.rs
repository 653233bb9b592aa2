//! `POST /v1/reprocess`: reads stored leads again, by the mappings, settings, suppression lists and scoring of now.

use actix_web::web;
use leadgate_operations::reprocess::{self as operations, ReprocessRequest, ReprocessResult};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::long_operation::{LongOperation, OperationProgress};
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::store_timeout::with_store_timeout;

/// Reads the selected leads again, or says what would change. Sent again, it does what is left to do.
pub(crate) async fn reprocess(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(request): web::Json<ReprocessRequest>,
) -> Result<JsonResponse<OperationProgress<ReprocessResult>>, Refusal> {
    let permit = call.begin_long_operation()?;
    // A mapping may have been set a moment ago.
    with_store_timeout(&call.state, call.state.keys.directory.refresh()).await?;
    let (store, organization, log) = (call.store(), call.organization(), call.log().clone());
    let (context, dry_run) = (call.state.keys.judge_context()?, request.dry_run);
    let reading =
        async move { operations::run(&store, organization, &request, &context, |_| {}, &log).await };
    let running = LongOperation::start("reprocessing", permit, reading);
    if dry_run { running.result_response().await } else { running.progress().await }
}
