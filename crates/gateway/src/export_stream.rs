//! Streams an export to the client, as fast as the client reads it.

use std::io;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::{StreamExt, stream};
use leadgate_operations::OperationError;
use leadgate_operations::exports::ExportSink;
use tokio::sync::mpsc::{self, Sender};

use crate::long_operation::LongOperation;
use crate::organization_permits::OrganizationPermit;
use crate::refusal::Refusal;

/// The number of blocks that wait for the client.
const CHANNEL_CAPACITY: usize = 1;

/// Sends the blocks of an export to the response.
pub(crate) struct ExportBlocks(Sender<Bytes>);

impl ExportSink for ExportBlocks {
    async fn write_block(&mut self, block: Vec<u8>) -> io::Result<()> {
        self.0.send(block.into()).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The response with what `export` writes. If the export fails after its first block, the connection is closed: an
/// incomplete export must not look complete.
///
/// # Errors
/// Of an export that fails before its first block.
pub(crate) async fn stream_export<F, T>(
    name: &'static str,
    permit: OrganizationPermit,
    media_type: &'static str,
    export: impl FnOnce(ExportBlocks) -> F,
) -> Result<HttpResponse, Refusal>
where
    F: Future<Output = Result<T, OperationError>> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(CHANNEL_CAPACITY);
    let exporting = export(ExportBlocks(sender));
    let running = LongOperation::start(name, permit, async move {
        match exporting.await {
            // The client disconnected.
            Err(OperationError::Io(_)) => Ok(()),
            written => written.map(drop),
        }
    });
    let Some(first) = receiver.recv().await else {
        running.result().await?;
        return Err(Refusal::Internal);
    };
    let rest = stream::poll_fn(move |context| receiver.poll_recv(context));
    let end = stream::once(async move { running.result().await.map(|_| Bytes::new()) });
    let blocks = stream::once(async { Ok(first) }).chain(rest.map(Ok)).chain(end);
    let blocks = blocks.map(|block| block.map_err(|refusal: Refusal| io::Error::other(refusal.log_text())));
    Ok(HttpResponse::Ok().content_type(media_type).streaming(Box::pin(blocks)))
}
