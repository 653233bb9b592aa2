//! The consuming side: each consumer has a task that owns one connection and one channel, and rebuilds both.

use std::time::{Duration, Instant};

use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{Stream, StreamExt, stream};
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Event};
use metrics::counter;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::held::Held;
use super::lanes::{Lanes, Standing};
use super::line::LineHandle;
use super::names::Queues;
use super::ticket::Ticket;
use super::wire::{CALL_TIMEOUT, Endpoint, Wire, call, close};
use super::{message, names, topology};
use crate::delivery::Ticket as AnyTicket;
use crate::shards::Shards;
use crate::{Delivery, QueueError, Received};

/// Whether a lane is to take messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Rest,
    Consume,
}

/// The consumer's end of a lane. The task ends when it is dropped.
#[derive(Debug)]
pub(crate) struct LaneHandle {
    order: watch::Sender<Order>,
    /// Whether the task holds a channel on which something may be unsettled.
    consuming: watch::Receiver<bool>,
    deliveries: mpsc::UnboundedReceiver<Parcel>,
    stop: CancellationToken,
}

/// A delivery on its way through this process, still with its ticket apart.
#[derive(Debug)]
struct Parcel {
    payload: Vec<u8>,
    properties: lapin::BasicProperties,
    redelivered: bool,
    ticket: Ticket,
}

impl Parcel {
    fn hand_out(self) -> Delivery {
        let deliveries = message::delivery_count(&self.properties, self.redelivered);
        let published_at = message::published_at(&self.properties);
        Delivery::new(self.payload.into(), deliveries, published_at, AnyTicket::Amqp(Box::new(self.ticket)))
    }
}

impl LaneHandle {
    pub(crate) async fn receive(&mut self, max: usize) -> Received {
        self.order.send_if_modified(|order| std::mem::replace(order, Order::Consume) == Order::Rest);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.give_back_rest(),
                // Those of a channel that died in the meantime come again by themselves.
                first = self.deliveries.recv() => match first {
                    Some(parcel) if parcel.ticket.holds() => batch.push(parcel.hand_out()),
                    Some(_) => continue,
                    None => return Received::Stopped,
                },
            }
            while batch.len() < max {
                match self.deliveries.try_recv() {
                    Ok(parcel) if parcel.ticket.holds() => batch.push(parcel.hand_out()),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
            return Received::Deliveries(batch);
        }
    }

    pub(crate) async fn release(&mut self) {
        self.order.send_replace(Order::Rest);
        // The task is bounded in giving up its channel. If it has ended, so has the channel.
        self.consuming.wait_for(|consuming| !consuming).await.ok();
        while self.deliveries.try_recv().is_ok() {}
    }

    fn give_back_rest(&mut self) -> Received {
        while let Ok(parcel) = self.deliveries.try_recv() {
            parcel.ticket.give_back();
        }
        Received::Stopped
    }
}

/// What all lanes of a queue share.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub(crate) endpoint: Endpoint,
    pub(crate) shards: Shards,
    /// The message version that this build reads.
    pub(crate) version: u64,
    pub(crate) prefetch: u16,
    pub(crate) patience: Duration,
    pub(crate) line: LineHandle,
    pub(crate) held: Held,
    pub(crate) lanes: Lanes,
    pub(crate) stop: CancellationToken,
    pub(crate) closing: CancellationToken,
}

impl Common {
    fn queues(&self, shards: u16) -> Queues {
        Queues { shards, version: self.version }
    }
}

pub(crate) struct Lane {
    common: Common,
    standing: Standing,
    order: watch::Receiver<Order>,
    consuming: watch::Sender<bool>,
    deliveries: mpsc::UnboundedSender<Parcel>,
}

/// Why a connection or its channel is given up.
enum End {
    Lost(String),
    Rest,
    Closed,
}

/// When a lane has nothing left to live for: its consumer was dropped, or the queue closes.
struct Over {
    deliveries: mpsc::UnboundedSender<Parcel>,
    closing: CancellationToken,
}

impl Over {
    async fn reached(&self) {
        tokio::select! {
            () = self.deliveries.closed() => {}
            () = self.closing.cancelled() => {}
        }
    }
}

/// A channel with a consumer for each queue.
struct Consuming {
    channel: Channel,
    shards: watch::Receiver<u16>,
    /// How many shards are consumed.
    known: u16,
    tags: Vec<String>,
    arrivals: SelectAll<BoxStream<'static, Arrival>>,
}

impl Consuming {
    async fn add(&mut self, queue: String) -> Result<(), QueueError> {
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer =
            call(self.channel.basic_consume(queue.as_str().into(), "".into(), options, arguments)).await?;
        self.tags.push(consumer.tag().to_string());
        self.arrivals.push(arrivals(consumer, queue));
        Ok(())
    }

    /// Consumes the shards that were added, beside those that are consumed already.
    async fn grow(&mut self) -> Result<(), QueueError> {
        let count = *self.shards.borrow_and_update();
        for shard in self.known..count {
            self.add(names::shard(shard)).await?;
        }
        self.known = count;
        Ok(())
    }
}

enum Arrival {
    Message(Box<lapin::message::Delivery>),
    /// The broker cancelled a consumer, or its channel ended.
    Ended(String),
}

impl Lane {
    pub(crate) fn new(common: Common) -> (LaneHandle, Self) {
        let (order, ordered) = watch::channel(Order::Rest);
        let (consuming, consumes) = watch::channel(false);
        let (sender, deliveries) = mpsc::unbounded_channel();
        let (stop, standing) = (common.stop.clone(), common.lanes.join());
        let handle = LaneHandle { order, consuming: consumes, deliveries, stop };
        (handle, Self { common, standing, order: ordered, consuming, deliveries: sender })
    }

    pub(crate) async fn run(mut self) {
        let over = Over { deliveries: self.deliveries.clone(), closing: self.common.closing.clone() };
        let mut backoff = Backoff::default();
        loop {
            let delay = backoff.next();
            let connecting = async {
                sleep(delay).await;
                self.connect().await
            };
            let connected = tokio::select! {
                connected = connecting => connected,
                () = over.reached() => return,
            };
            let started = Instant::now();
            let end = match connected {
                Ok(wire) => self.serve(wire, &over).await,
                Err(error) => {
                    if matches!(error, QueueError::Topology(_)) {
                        backoff.exhaust();
                    }
                    End::Lost(error.to_string())
                }
            };
            match end {
                End::Lost(reason) => self.report(&reason),
                End::Rest | End::Closed => return,
            }
            backoff.lasted(started.elapsed());
            counter!("leadgate_queue_reconnects_total", "link" => "consuming").increment(1);
        }
    }

    fn report(&mut self, reason: &str) {
        if self.standing.down(reason) {
            tracing::warn!(queue.link = "consuming", queue.reason = reason, "consuming is interrupted");
        }
    }

    async fn connect(&self) -> Result<Wire, QueueError> {
        let wire = Wire::connect(&self.common.endpoint, "leadgate consuming").await?;
        let known = self.common.shards.count();
        let verified = async {
            topology::verify(&wire, self.common.queues(known)).await?;
            topology::count_shards(&wire, known).await
        };
        match verified.await {
            Ok(count) => {
                self.common.shards.grow_to(count);
                Ok(wire)
            }
            Err(error) => {
                wire.close().await;
                Err(error)
            }
        }
    }

    /// Serves over one connection until that is lost, or nobody needs it any more.
    async fn serve(&mut self, wire: Wire, over: &Over) -> End {
        let end = self.obey(&wire, over).await;
        self.consuming.send_replace(false);
        if matches!(end, End::Closed) {
            // In order, because a socket that is just cut may take written acks with it.
            wire.close().await;
        }
        end
    }

    /// Consumes and rests as it is told.
    async fn obey(&mut self, wire: &Wire, over: &Over) -> End {
        let mut events = wire.events();
        if self.standing.up() {
            tracing::info!(queue.link = "consuming", "connected for consuming");
        }
        loop {
            tokio::select! {
                ordered = self.order.wait_for(|order| *order == Order::Consume) => if ordered.is_err() {
                    return End::Closed;
                },
                reason = lost(&mut events) => return End::Lost(reason),
                () = over.reached() => return End::Closed,
            }
            self.consuming.send_replace(true);
            let end = self.consume(wire, &mut events, over).await;
            if !matches!(end, End::Rest) {
                return end;
            }
            self.consuming.send_replace(false);
        }
    }

    async fn consume(
        &self,
        wire: &Wire,
        events: &mut (impl Stream<Item = Event> + Unpin),
        over: &Over,
    ) -> End {
        let mut consuming = match self.open(wire).await {
            Ok(opened) => opened,
            Err(error) => return End::Lost(error.to_string()),
        };
        let end = tokio::select! {
            end = self.pump(&mut consuming, events) => end,
            () = over.reached() => End::Closed,
        };
        if !matches!(end, End::Lost(_)) && !close(&consuming.channel).await {
            // A broker that does not answer gives the messages to others once the connection has ended.
            return End::Lost("the channel could not be closed".to_owned());
        }
        end
    }

    async fn open(&self, wire: &Wire) -> Result<Consuming, QueueError> {
        let channel = wire.channel().await?;
        call(channel.basic_qos(self.common.prefetch, BasicQosOptions { global: false })).await?;
        let mut shards = self.common.shards.subscribe();
        let known = *shards.borrow_and_update();
        let mut consuming =
            Consuming { channel, shards, known, tags: Vec::new(), arrivals: SelectAll::new() };
        for queue in self.common.queues(known).consumed() {
            consuming.add(queue).await?;
        }
        Ok(consuming)
    }

    async fn pump(&self, consuming: &mut Consuming, events: &mut (impl Stream<Item = Event> + Unpin)) -> End {
        let (mut order, mut stopped) = (self.order.clone(), false);
        loop {
            tokio::select! {
                biased;
                rested = rested(&mut order) => return if rested { End::Rest } else { End::Closed },
                reason = lost(events) => return End::Lost(reason),
                () = self.common.stop.cancelled(), if !stopped => {
                    stopped = true;
                    cancel(&consuming.channel, &consuming.tags).await;
                }
                Ok(()) = consuming.shards.changed(), if !stopped => if let Err(error) = consuming.grow().await {
                    return End::Lost(error.to_string());
                },
                arrival = consuming.arrivals.next(), if !stopped => match arrival {
                    Some(Arrival::Message(delivery)) => self.forward(*delivery),
                    Some(Arrival::Ended(reason)) => return End::Lost(reason),
                    None => return End::Lost("all consumers ended".to_owned()),
                },
            }
        }
    }

    fn forward(&self, delivery: lapin::message::Delivery) {
        let lapin::message::Delivery { data: payload, properties, redelivered, acker, .. } = delivery;
        let entry = self.common.held.enter(message::published_at(&properties));
        let ticket = Ticket::new(acker, self.common.line.clone(), self.common.patience, entry);
        let parcel = Parcel { payload, properties, redelivered, ticket };
        // If nobody receives any more the task is about to end, and its channel gives everything back.
        self.deliveries.send(parcel).ok();
    }
}

fn arrivals(consumer: lapin::Consumer, queue: String) -> BoxStream<'static, Arrival> {
    let ended = format!("the broker ended the consumer of queue `{queue}`");
    let messages = consumer.map(|delivery| match delivery {
        Ok(delivery) => Arrival::Message(Box::new(delivery)),
        Err(error) => Arrival::Ended(error.to_string()),
    });
    messages.chain(stream::iter([Arrival::Ended(ended)])).boxed()
}

/// What was delivered stays with us to be settled; nothing more comes.
async fn cancel(channel: &Channel, tags: &[String]) {
    for tag in tags {
        // If the broker does not answer, what it still sends is given back at the end.
        timeout(CALL_TIMEOUT, channel.basic_cancel(tag.as_str().into(), BasicCancelOptions { nowait: true }))
            .await
            .ok();
    }
}

/// Waits for the order to rest; false if nobody is left to give one.
async fn rested(order: &mut watch::Receiver<Order>) -> bool {
    order.wait_for(|order| *order == Order::Rest).await.is_ok()
}

/// Waits for the end of a connection or its channel.
pub(crate) async fn lost(events: &mut (impl Stream<Item = Event> + Unpin)) -> String {
    loop {
        match events.next().await {
            Some(Event::Error(error)) => return error.to_string(),
            Some(_) => {}
            None => return "the connection ended".to_owned(),
        }
    }
}
