//! `/v1/consents`: streams signed exports of evidence of consent.

use std::io;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data};
use futures_util::{StreamExt, stream};
use leadgate_domain::export_signature::PublicKey;
use leadgate_operations::OperationError;
use leadgate_operations::exports::{self as operations, ExportRequest, ExportSink};
use serde::Serialize;
use tokio::sync::mpsc::{self, Sender};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::long_operation::LongOperation;
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;

const NDJSON: &str = "application/x-ndjson";

/// The number of blocks that wait for the client.
const CHANNEL_CAPACITY: usize = 1;

/// Sends the blocks of an export to the response.
struct ExportBlocks(Sender<Bytes>);

impl ExportSink for ExportBlocks {
    async fn write_block(&mut self, block: Vec<u8>) -> io::Result<()> {
        self.0.send(block.into()).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Exports evidence of consent. The signature is the last line. The evidence is read page by page, as fast as
/// the client reads the response. If the export fails, the connection is closed and the signature is missing.
pub(crate) async fn export(
    call: &mut AuthorizedRequest<AdminAccess>,
    request: Option<web::Json<ExportRequest>>,
) -> Result<HttpResponse, Refusal> {
    let request = request.map(web::Json::into_inner).unwrap_or_default();
    request.check()?;
    let permit =
        call.state.export_permits.try_acquire(call.organization()).ok_or(Refusal::OperationRunning)?;
    let owner = call.state.keys.directory.organization(call.organization());
    let owner = owner.ok_or(Refusal::KeysUnavailable)?;
    let (state, store, log) = (Data::clone(&call.state), call.store(), call.log().clone());
    let (sender, mut receiver) = mpsc::channel(CHANNEL_CAPACITY);
    let exporting = async move {
        let key = &state.export_signing_key;
        match operations::write(&store, &owner, &request, key, ExportBlocks(sender), &log).await {
            // The client disconnected.
            Err(OperationError::Io(_)) => Ok(()),
            written => written.map(drop),
        }
    };
    let running = LongOperation::start("consent export", permit, exporting);
    let Some(first) = receiver.recv().await else {
        running.result().await?;
        return Err(Refusal::Internal);
    };
    let rest = stream::poll_fn(move |context| receiver.poll_recv(context));
    // An error closes the connection: an incomplete export must not look complete.
    let end = stream::once(async move { running.result().await.map(|_| Bytes::new()) });
    let blocks = stream::once(async { Ok(first) }).chain(rest.map(Ok)).chain(end);
    let blocks = blocks.map(|block| block.map_err(|refusal: Refusal| io::Error::other(refusal.log_text())));
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(Box::pin(blocks)))
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
