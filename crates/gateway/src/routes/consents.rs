//! `/v1/consents`: signed exports of evidence of consent, as they are written.

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

/// Blocks that wait for the client.
const MOST_WAITING: usize = 1;

/// Blocks of an export, on their way into the answer.
struct ExportBlocks(Sender<Bytes>);

impl ExportSink for ExportBlocks {
    async fn write_block(&mut self, block: Vec<u8>) -> io::Result<()> {
        self.0.send(block.into()).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Evidence of consent, signed at its end. It is read page by page, as fast as the client takes it. An export that
/// fails on the way breaks the connection, and has no signature.
pub(crate) async fn export(
    call: &mut AuthorizedRequest<AdminAccess>,
    request: Option<web::Json<ExportRequest>>,
) -> Result<HttpResponse, Refusal> {
    let request = request.map(web::Json::into_inner).unwrap_or_default();
    request.check()?;
    let permit = call.state.exports.begin(call.organization()).ok_or(Refusal::OperationRunning)?;
    let owner = call.state.keys.directory.organization(call.organization());
    let owner = owner.ok_or(Refusal::KeysUnavailable)?;
    let (state, store, log) = (Data::clone(&call.state), call.store(), call.log().clone());
    let (sender, mut receiver) = mpsc::channel(MOST_WAITING);
    let exporting = async move {
        let key = &state.export_key;
        match operations::write(&store, &owner, &request, key, ExportBlocks(sender), &log).await {
            // The client left.
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
    // What cannot be sent any more breaks the connection: half an export must not look like a whole one.
    let end = stream::once(async move { running.result().await.map(|_| Bytes::new()) });
    let blocks = stream::once(async { Ok(first) }).chain(rest.map(Ok)).chain(end);
    let blocks = blocks.map(|block| block.map_err(|refusal: Refusal| io::Error::other(refusal.to_string())));
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(Box::pin(blocks)))
}

#[derive(Serialize)]
pub(crate) struct PublicKeyResponse {
    public_key: PublicKey,
}

/// The key by which others check exports of this installation.
pub(crate) async fn public_key(
    call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<PublicKeyResponse>, Refusal> {
    let keys = call.state.export_key.public_keys();
    let public_key = keys.into_iter().next().ok_or(Refusal::Internal)?;
    Ok(JsonResponse::ok(&PublicKeyResponse { public_key }))
}
