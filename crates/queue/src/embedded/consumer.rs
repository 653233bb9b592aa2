//! A consumer of the embedded queue. The writer thread sends it messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::writer_command::{
    ConsumerAlive, ConsumerId, EmbeddedAckHandle, ReceiveRequest, WriterCommand, WriterHandle,
};
use crate::raw_delivery::RawDelivery;

/// The consumers of a queue.
#[derive(Debug, Default)]
pub(crate) struct ConsumerRegistry {
    /// Number of consumers.
    count: AtomicUsize,
    next_id: AtomicU64,
}

impl ConsumerRegistry {
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn next_id(&self) -> ConsumerId {
        ConsumerId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Debug)]
pub(crate) struct EmbeddedConsumer {
    writer: WriterHandle,
    consumers: Arc<ConsumerRegistry>,
    id: ConsumerId,
    alive: ConsumerAlive,
    stop: CancellationToken,
}

impl EmbeddedConsumer {
    pub(crate) fn new(
        writer: WriterHandle,
        consumers: Arc<ConsumerRegistry>,
        stop: CancellationToken,
    ) -> Self {
        consumers.count.fetch_add(1, Ordering::Relaxed);
        let id = consumers.next_id();
        Self { writer, consumers, id, alive: ConsumerAlive::new(), stop }
    }

    /// `None` after the queue was stopped.
    pub(crate) async fn receive(&mut self, max: usize) -> Option<Vec<RawDelivery<EmbeddedAckHandle>>> {
        if self.stop.is_cancelled() {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        let (consumer, alive, writer) = (self.id, self.alive.clone(), self.writer.clone());
        self.writer
            .send(WriterCommand::Receive(ReceiveRequest { consumer, max, alive, writer, answer }))
            .ok()?;
        tokio::select! {
            deliveries = receiver => deliveries.ok(),
            () = self.stop.cancelled() => None,
        }
    }

    pub(crate) fn requeue_all(&mut self) {
        self.alive.end();
        // If the thread has ended, its deliveries no longer count.
        self.writer.send(WriterCommand::RequeueAll(self.id)).ok();
        self.id = self.consumers.next_id();
        self.alive = ConsumerAlive::new();
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        self.consumers.count.fetch_sub(1, Ordering::Relaxed);
        self.requeue_all();
    }
}
