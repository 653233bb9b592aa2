//! The worker's voice: a connection of its own, opened when there is something to say, and nothing that waits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::Stream;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Event};
use leadgate_domain::reply::{Reply, ReplyAddress};
use metrics::counter;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::lane::lost;
use super::wire::{Endpoint, Wire, close};
use super::{letter, message, names};
use crate::QueueError;
use crate::replier::count;

/// How many replies may wait to be told; what comes on top is dropped.
const MOST_WAITING: usize = 4_096;
/// How many are told at once; those for the same gateway travel in one message.
const GATHERED: usize = 128;
/// A healthy connection takes a message in far less.
const PATIENCE: Duration = Duration::from_secs(1);

struct Told {
    to: ReplyAddress,
    reply: Reply,
}

#[derive(Debug, Clone)]
pub(crate) struct TellerHandle(mpsc::Sender<Told>);

impl TellerHandle {
    pub(crate) fn tell(&self, to: &ReplyAddress, reply: Reply) {
        let known = names::is_replies(to.as_str());
        if !known || self.0.try_send(Told { to: to.clone(), reply }).is_err() {
            count(false, 1);
        }
    }
}

pub(crate) struct Teller {
    endpoint: Endpoint,
    told: mpsc::Receiver<Told>,
    /// Taken from `told` and not sent yet.
    gathered: Vec<Told>,
    closing: CancellationToken,
}

/// Why a connection is given up.
enum End {
    Lost(String),
    Closed,
}

impl Teller {
    pub(crate) fn new(endpoint: Endpoint, closing: CancellationToken) -> (TellerHandle, Self) {
        let (handle, told) = mpsc::channel(MOST_WAITING);
        (TellerHandle(handle), Self { endpoint, told, gathered: Vec::new(), closing })
    }

    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        // Most workers have nobody who waits: no connection before there is something to say.
        while self.gather().await {
            let started = Instant::now();
            let end = match self.connect(backoff.next()).await {
                Ok(wire) => self.serve(wire).await,
                Err(error) => End::Lost(error.to_string()),
            };
            self.drop_all();
            let End::Lost(reason) = end else { return };
            tracing::debug!(queue.link = "telling", queue.reason = reason, "replies were dropped");
            backoff.lasted(started.elapsed());
            counter!("leadgate_queue_reconnects_total", "link" => "telling").increment(1);
        }
    }

    /// Waits for something to say and takes what else is there. False if nothing comes any more.
    async fn gather(&mut self) -> bool {
        tokio::select! {
            biased;
            gathered = self.told.recv_many(&mut self.gathered, GATHERED) => gathered > 0,
            () = self.closing.cancelled() => false,
        }
    }

    async fn connect(&self, delay: Duration) -> Result<Wire, QueueError> {
        let connecting = async {
            sleep(delay).await;
            Wire::connect(&self.endpoint, "leadgate telling").await
        };
        tokio::select! {
            connected = connecting => connected,
            () = self.closing.cancelled() => Err(QueueError::Closed),
        }
    }

    async fn serve(&mut self, wire: Wire) -> End {
        let channel = match wire.channel().await {
            Ok(channel) => channel,
            Err(error) => return End::Lost(error.to_string()),
        };
        let mut events = wire.events();
        let end = self.tell_all(&wire, &channel, &mut events).await;
        if matches!(end, End::Closed) {
            // In order, because a socket that is just cut may take written messages with it.
            close(&channel).await;
            wire.close().await;
        }
        end
    }

    async fn tell_all(
        &mut self,
        wire: &Wire,
        channel: &Channel,
        events: &mut (impl Stream<Item = Event> + Unpin),
    ) -> End {
        loop {
            for (to, replies) in by_address(self.gathered.drain(..)) {
                let sent = tell(wire, channel, &to, &replies).await;
                count(sent.is_ok(), replies.len());
                if let Err(Some(reason)) = sent {
                    return End::Lost(reason);
                }
            }
            tokio::select! {
                biased;
                reason = lost(events) => return End::Lost(reason),
                more = self.gather() => if !more { return End::Closed },
            }
        }
    }

    /// Who waited for these has given up by the time there is a connection.
    fn drop_all(&mut self) {
        let mut dropped = self.gathered.drain(..).count();
        while self.told.try_recv().is_ok() {
            dropped += 1;
        }
        count(false, dropped);
    }
}

fn by_address(told: impl Iterator<Item = Told>) -> HashMap<ReplyAddress, Vec<Reply>> {
    let mut letters: HashMap<_, Vec<_>> = HashMap::new();
    for Told { to, reply } in told {
        letters.entry(to).or_default().push(reply);
    }
    letters
}

/// An error with a reason ends the connection; without one only these are dropped.
async fn tell(
    wire: &Wire,
    channel: &Channel,
    to: &ReplyAddress,
    replies: &[Reply],
) -> Result<(), Option<String>> {
    // In an alarm lapin's calls would wait for ever.
    if wire.blocked() {
        return Err(None);
    }
    let letter = letter::encode(replies).map_err(|_| None)?;
    let (key, options) = (to.as_str().into(), BasicPublishOptions::default());
    let publishing = async {
        // Without confirms there is nothing to wait for in the second half; but a confirm that is only dropped
        // is kept by lapin for ever.
        channel.basic_publish("".into(), key, options, &letter, message::transient()).await?.await
    };
    match timeout(PATIENCE, publishing).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Some(error.to_string())),
        Err(_) if wire.blocked() => Err(None),
        Err(_) => Err(Some("the broker takes nothing".to_owned())),
    }
}
