//! Sends replies to gateways, without publisher confirms. A reply that cannot be sent now is dropped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use lapin::Channel;
use lapin::options::BasicPublishOptions;
use leadgate_domain::reply::{Reply, ReplyAddress};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::{BrokerConnection, OpenChannel, OpenConnection, close_channel};
use super::supervise::{ChannelTask, Interruption, supervise};
use super::{message, queue_names, reply_message};
use crate::error::QueueError;
use crate::replies::count_sent;

/// Maximum number of replies that wait to be sent. Further replies are dropped.
const WAITING_MAX: usize = 4_096;
/// Maximum number of replies that are sent at once. Replies for the same gateway form one message.
const BATCH_MAX: usize = 128;
/// A working connection needs much less time to send a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

struct AddressedReply {
    to: ReplyAddress,
    reply: Reply,
}

#[derive(Debug, Clone)]
pub(crate) struct AmqpReplySender(mpsc::Sender<AddressedReply>);

impl AmqpReplySender {
    pub(crate) fn send(&self, to: &ReplyAddress, reply: Reply) {
        let is_reply_queue = queue_names::is_reply_queue(to.as_str());
        if !is_reply_queue || self.0.try_send(AddressedReply { to: to.clone(), reply }).is_err() {
            count_sent(false, 1);
        }
    }
}

pub(crate) struct ReplyPublisher {
    connection: BrokerConnection,
    waiting: mpsc::Receiver<AddressedReply>,
    /// Received from `waiting` and not sent yet.
    batch: Vec<AddressedReply>,
    closing: CancellationToken,
}

impl ReplyPublisher {
    pub(crate) fn new(connection: BrokerConnection, closing: CancellationToken) -> (AmqpReplySender, Self) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        (AmqpReplySender(sender), Self { connection, waiting, batch: Vec::new(), closing })
    }

    pub(crate) async fn run(mut self) {
        supervise(&mut self).await;
        self.drop_all();
    }

    /// Waits for a reply, then takes all that are ready. Returns false when no reply will follow.
    async fn fill_batch(&mut self) -> bool {
        tokio::select! {
            biased;
            count = self.waiting.recv_many(&mut self.batch, BATCH_MAX) => count > 0,
            () = self.closing.cancelled() => false,
        }
    }

    async fn send_all(&mut self, connection: &OpenConnection, channel: &Channel) -> Result<(), Interruption> {
        loop {
            for (to, replies) in by_address(self.batch.drain(..)) {
                let sent = send(connection, channel, &to, &replies).await;
                count_sent(matches!(sent, Ok(true)), replies.len());
                sent?;
            }
            tokio::select! {
                biased;
                interruption = connection.lost() => return Err(interruption),
                has_replies = self.fill_batch() => if !has_replies { return Ok(()) },
            }
        }
    }

    /// Drops the waiting replies: their requests will have timed out before the channel is open again.
    fn drop_all(&mut self) {
        let mut dropped = self.batch.drain(..).count();
        while self.waiting.try_recv().is_ok() {
            dropped += 1;
        }
        count_sent(false, dropped);
    }
}

impl ChannelTask for ReplyPublisher {
    const LINK: &'static str = "reply_publisher";
    type Open = (Arc<OpenConnection>, OpenChannel);

    /// Most workers have no replies to send, so the channel is opened with the first reply.
    async fn needed(&mut self) -> bool {
        self.fill_batch().await
    }

    fn open(&self) -> BoxFuture<'static, Result<Self::Open, QueueError>> {
        let connection = self.connection.clone();
        async move {
            let connection = connection.get().await?;
            let channel = connection.channel().await?;
            Ok((connection, channel))
        }
        .boxed()
    }

    async fn without_channel(&mut self) {
        self.closing.cancelled().await;
    }

    async fn serve(&mut self, (connection, channel): Self::Open) -> Result<(), Interruption> {
        let result = self.send_all(&connection, &channel).await;
        if result.is_ok() {
            close_channel(&channel).await;
        }
        result
    }

    fn interrupted(&mut self, Interruption { reason, .. }: &Interruption) {
        tracing::debug!(queue.link = Self::LINK, queue.reason = reason, "replies were dropped");
        self.drop_all();
    }
}

fn by_address(replies: impl Iterator<Item = AddressedReply>) -> HashMap<ReplyAddress, Vec<Reply>> {
    let mut by_address: HashMap<_, Vec<_>> = HashMap::new();
    for AddressedReply { to, reply } in replies {
        by_address.entry(to).or_default().push(reply);
    }
    by_address
}

/// Returns whether the replies were sent. After an error, the channel must be closed.
async fn send(
    connection: &OpenConnection,
    channel: &Channel,
    to: &ReplyAddress,
    replies: &[Reply],
) -> Result<bool, Interruption> {
    // In an alarm, calls of lapin would wait forever.
    if connection.is_blocked() {
        return Ok(false);
    }
    let Ok(body) = reply_message::encode(replies) else { return Ok(false) };
    let (key, options) = (to.as_str().into(), BasicPublishOptions::default());
    let publishing = async {
        // The second await returns at once, because the channel has no confirms. lapin would keep a confirm
        // that is only dropped.
        channel.basic_publish("".into(), key, options, &body, message::transient_properties()).await?.await
    };
    match timeout(SEND_TIMEOUT, publishing).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) => Err(Interruption::disconnected(error.to_string())),
        Err(_) if connection.is_blocked() => Ok(false),
        Err(_) => Err(Interruption::disconnected("the broker did not accept a reply in time")),
    }
}
