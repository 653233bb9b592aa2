//! The gateway's ear: a connection of its own with one queue, which lives and dies with it.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use leadgate_domain::reply::ReplyAddress;
use metrics::counter;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::lane::lost;
use super::letter;
use super::names;
use super::wire::{Endpoint, Wire, call, close};
use crate::QueueError;
use crate::replies::Waiters;

pub(crate) struct Listener {
    endpoint: Endpoint,
    waiters: Arc<Waiters>,
    closing: CancellationToken,
}

/// Why a connection is given up.
enum End {
    Lost(String),
    Closed,
}

impl Listener {
    pub(crate) fn new(endpoint: Endpoint, waiters: Arc<Waiters>, closing: CancellationToken) -> Self {
        Self { endpoint, waiters, closing }
    }

    pub(crate) async fn run(self) {
        let mut backoff = Backoff::default();
        let mut known = None;
        loop {
            let delay = backoff.next();
            let connecting = async {
                sleep(delay).await;
                Wire::connect(&self.endpoint, "leadgate listening").await
            };
            let connected = tokio::select! {
                connected = connecting => connected,
                () = self.closing.cancelled() => return,
            };
            let started = Instant::now();
            let end = match connected {
                Ok(wire) => self.serve(wire).await,
                Err(error) => End::Lost(error.to_string()),
            };
            self.waiters.close();
            let End::Lost(reason) = end else { return };
            if backoff.lasted(started.elapsed()) {
                known = None;
            }
            if known.as_ref() != Some(&reason) {
                tracing::warn!(
                    queue.link = "listening",
                    queue.reason = reason,
                    "nobody can be told what they wait for"
                );
                known = Some(reason);
            }
            counter!("leadgate_queue_reconnects_total", "link" => "listening").increment(1);
        }
    }

    async fn serve(&self, wire: Wire) -> End {
        let end = match open(&wire).await {
            Ok((channel, consumer, address)) => {
                self.waiters.open(address);
                let end = self.listen(&wire, consumer).await;
                if matches!(end, End::Closed) {
                    close(&channel).await;
                }
                end
            }
            Err(error) => End::Lost(error.to_string()),
        };
        if matches!(end, End::Closed) {
            wire.close().await;
        }
        end
    }

    async fn listen(&self, wire: &Wire, mut consumer: Consumer) -> End {
        let mut events = wire.events();
        loop {
            tokio::select! {
                () = self.closing.cancelled() => return End::Closed,
                reason = lost(&mut events) => return End::Lost(reason),
                letter = consumer.next() => match letter {
                    Some(Ok(letter)) => self.read(&letter.data),
                    Some(Err(error)) => return End::Lost(error.to_string()),
                    None => return End::Lost("the broker ended the consumer".to_owned()),
                },
            }
        }
    }

    fn read(&self, letter: &[u8]) {
        let read = letter::decode(letter);
        counter!("leadgate_gateway_replies_total", "result" => "unreadable").increment(read.unreadable);
        for reply in read.replies {
            self.waiters.hear(reply);
        }
    }
}

/// A name that was never used: the broker may hold on to the queue of a connection that it does not know to be dead.
async fn open(wire: &Wire) -> Result<(Channel, Consumer, ReplyAddress), QueueError> {
    let channel = wire.channel().await?;
    let name = names::replies();
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    call(channel.queue_declare(name.as_str().into(), options, FieldTable::default())).await?;
    let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..Default::default() };
    let consuming = channel.basic_consume(name.as_str().into(), "".into(), options, FieldTable::default());
    let consumer = call(consuming).await?;
    Ok((channel, consumer, ReplyAddress::new(name)))
}
