//! `/v1/consents`: streams signed exports of evidence of consent.

use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use leadgate_domain::export_signature::PublicKey;
use leadgate_operations::exports::consents::{self as operations, ExportRequest};
use serde::Serialize;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::export_stream::stream_export;
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;

const NDJSON: &str = "application/x-ndjson";

/// Exports evidence of consent. The signature is the last line: it is missing if the export fails.
pub(crate) async fn export(
    call: &mut AuthorizedRequest<AdminAccess>,
    request: Option<web::Json<ExportRequest>>,
) -> Result<HttpResponse, Refusal> {
    let request = request.map(web::Json::into_inner).unwrap_or_default();
    request.check()?;
    let permit = call.export_permit()?;
    let owner = call.state.keys.directory.organization(call.organization());
    let owner = owner.ok_or(Refusal::KeysUnavailable)?;
    let (state, store, log) = (Data::clone(&call.state), call.store(), call.log().clone());
    stream_export("consent export", permit, NDJSON, |blocks| async move {
        operations::write(&store, &owner, &request, &state.export_signing_key, blocks, &log).await
    })
    .await
}

#[derive(Serialize)]
pub(crate) struct PublicKeyResponse {
    public_key: PublicKey,
}

/// The key that verifies exports of this installation.
pub(crate) async fn public_key(
    call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<PublicKeyResponse>, Refusal> {
    let keys = call.state.export_signing_key.public_keys();
    let public_key = keys.into_iter().next().ok_or(Refusal::Internal)?;
    Ok(JsonResponse::ok(&PublicKeyResponse { public_key }))
}
