//! Receives the replies for this process, over a channel with one queue. The queue is deleted with the
//! channel.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use lapin::Consumer;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use leadgate_domain::reply::ReplyAddress;
use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::connection::{BrokerConnection, OpenChannel, OpenConnection, call, close_channel};
use super::supervise::{ChannelTask, Interruption};
use super::{queue_names, reply_message};
use crate::error::{QueueError, QueueFailure};
use crate::replies::PendingReplies;
use crate::status::Readiness;

/// The broker deletes the queue after this many milliseconds without a consumer (`x-expires`). This is needed
/// only if the consumer could not be started: a queue is deleted at once when its consumer ends.
const EXPIRES: i32 = 10_000;

pub(crate) struct ReplyConsumer {
    connection: BrokerConnection,
    pending: Arc<PendingReplies>,
    /// Only logged: replies are not part of a queue's readiness.
    readiness: Readiness,
    closing: CancellationToken,
}

pub(crate) struct ReplyQueue {
    connection: Arc<OpenConnection>,
    channel: OpenChannel,
    consumer: Consumer,
    address: ReplyAddress,
}

impl ReplyConsumer {
    pub(crate) fn new(
        connection: BrokerConnection,
        pending: Arc<PendingReplies>,
        closing: CancellationToken,
    ) -> Self {
        let readiness = Readiness::not_ready(QueueFailure::Disconnected, "not connected to the broker yet");
        Self { connection, pending, readiness, closing }
    }

    async fn receive_all(
        &self,
        connection: &OpenConnection,
        consumer: &mut Consumer,
    ) -> Result<(), Interruption> {
        loop {
            tokio::select! {
                () = self.closing.cancelled() => return Ok(()),
                interruption = connection.lost() => return Err(interruption),
                message = consumer.next() => match message {
                    Some(Ok(message)) => self.resolve(&message.data),
                    Some(Err(error)) => return Err(Interruption::disconnected(error.to_string())),
                    None => return Err(Interruption::disconnected("the broker ended the consumer")),
                },
            }
        }
    }

    fn resolve(&self, message: &[u8]) {
        let decoded = reply_message::decode(message);
        counter!("leadgate_gateway_replies_total", "result" => "unreadable").increment(decoded.unreadable);
        for reply in decoded.replies {
            self.pending.resolve(reply);
        }
    }
}

impl ChannelTask for ReplyConsumer {
    const LINK: &'static str = "reply_consumer";
    type Open = ReplyQueue;

    fn open(&self) -> BoxFuture<'static, Result<Self::Open, QueueError>> {
        let connection = self.connection.clone();
        async move { open(connection.get().await?).await }.boxed()
    }

    async fn without_channel(&mut self) {
        self.closing.cancelled().await;
    }

    async fn serve(&mut self, queue: ReplyQueue) -> Result<(), Interruption> {
        let ReplyQueue { connection, channel, mut consumer, address } = queue;
        self.readiness.set_ready();
        self.pending.open(address);
        let result = self.receive_all(&connection, &mut consumer).await;
        self.pending.close();
        close_channel(&channel).await;
        result
    }

    fn interrupted(&mut self, Interruption { cause, reason }: &Interruption) {
        if self.readiness.set_not_ready(*cause, reason) {
            tracing::warn!(
                queue.link = Self::LINK,
                queue.reason = reason,
                "reply channel lost, waiting requests are answered 202"
            );
        }
    }
}

/// Opens the queue with a new name, because the broker may still keep the queue of a lost connection.
async fn open(connection: Arc<OpenConnection>) -> Result<ReplyQueue, QueueError> {
    let channel = connection.channel().await?;
    let name = queue_names::new_reply_queue();
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-expires".into(), AMQPValue::LongInt(EXPIRES));
    call(channel.queue_declare(name.as_str().into(), options, arguments)).await?;
    let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..Default::default() };
    let consume = channel.basic_consume(name.as_str().into(), "".into(), options, FieldTable::default());
    let consumer = call(consume).await?;
    Ok(ReplyQueue { connection, channel, consumer, address: ReplyAddress::new(name) })
}
