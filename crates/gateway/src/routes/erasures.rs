//! `POST /v1/erasures`: erases a person. The person is named in the body, so that URLs in logs do not name
//! them.

use actix_web::web;
use leadgate_operations::erasure::{self as operations, ErasurePreview, ErasureRequest, ErasureResult};
use serde::Serialize;
use serde_json::Value;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::long_operation::{LongOperation, OperationProgress};
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::store_timeout::run_operation;

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum ErasureResponse {
    Preview(ErasurePreview),
    Result(ErasureResult),
}

/// A refusal names the member but no value, because values are personal data.
fn read(document: Value) -> Result<ErasureRequest, Refusal> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path();
        Refusal::InvalidSettings(format!(
            "`{path}` cannot be read; expected phones, emails and leads, which are lists, phone_country, reason and \
             dry_run"
        ))
    })
}

/// Erases a person, or counts what would be erased. If the request is sent again, it erases what remains.
pub(crate) async fn erase(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(document): web::Json<Value>,
) -> Result<JsonResponse<OperationProgress<ErasureResponse>>, Refusal> {
    let request = read(document)?;
    let permit = call.long_operation_permit()?;
    let (store, organization, log) = (call.store(), call.organization(), call.log().clone());
    let context = call.state.keys.judge_context()?;
    let subject =
        run_operation(&call.state, operations::subject(&store, organization, &request, &log)).await?;
    if request.dry_run {
        let previewing = async move {
            let finding = operations::preview(&store, organization, &subject, |_| {}, &log).await?;
            Ok(ErasureResponse::Preview(ErasurePreview::new(&finding, &subject, &request)))
        };
        return LongOperation::start("erasure preview", permit, previewing).result_response().await;
    }
    let erasing = async move {
        let erased = operations::erase(&store, organization, &subject, &request, &context, |_| {}).await?;
        Ok(ErasureResponse::Result(ErasureResult::new(erased, &subject, &request)))
    };
    LongOperation::start("erasure", permit, erasing).progress().await
}
