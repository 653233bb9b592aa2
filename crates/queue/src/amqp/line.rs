//! The publishing side: one task that owns one connection and one channel, and rebuilds both.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use lapin::Event;
use lapin::options::ConfirmSelectOptions;
use lapin::types::FieldTable;
use metrics::{counter, histogram};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::flying::{Cargo, Flying, Letter, Spoilt};
use super::names::Queues;
use super::pending::{Next, Pending};
use super::wire::{Endpoint, Wire, call};
use super::{message, names, topology};
use crate::group::{Group, Limits, Waiting};
use crate::publisher::Stopped;
use crate::shards::Shards;
use crate::status::Gate;
use crate::{Cause, ParkReason, QueueConfig, QueueError, Refused};

pub(crate) enum Job {
    Publish(Waiting),
    Park(Parking),
}

/// A message to park, for operators or for a newer build.
pub(crate) struct Parking {
    pub(crate) payload: Bytes,
    pub(crate) why: ParkReason,
    pub(crate) answer: oneshot::Sender<Result<(), Refused>>,
}

impl Job {
    pub(crate) fn refuse(self, cause: Cause) {
        match self {
            Self::Publish(waiting) => waiting.settle(Err(Refused::Unavailable(cause))),
            Self::Park(parking) => _ = parking.answer.send(Err(Refused::Unavailable(cause))),
        }
    }
}

/// Gives jobs to the line, which ends when all handles are gone.
#[derive(Debug, Clone)]
pub(crate) struct LineHandle(mpsc::UnboundedSender<Job>);

impl LineHandle {
    pub(crate) fn publish(&self, waiting: Waiting) -> Result<(), Stopped> {
        self.send(Job::Publish(waiting))
    }

    pub(crate) fn send(&self, job: Job) -> Result<(), Stopped> {
        self.0.send(job).map_err(|_| Stopped)
    }
}

pub(crate) struct Line {
    endpoint: Endpoint,
    shards: Shards,
    /// The message version that this build reads.
    version: u64,
    in_flight_max: usize,
    patience: Duration,
    pending: Pending,
    gate: Gate,
    closing: CancellationToken,
}

/// Why a channel is given up.
enum End {
    /// The broker said that it is short of memory or disk: the connection stays, to hear the end of it.
    Alarm,
    Spoilt(Spoilt),
    /// Told to end, or nobody is left who could publish.
    Closed,
}

fn lost(reason: impl Into<String>) -> End {
    End::Spoilt(Spoilt { cause: Cause::Disconnected, reason: reason.into() })
}

impl Line {
    pub(crate) fn new(
        endpoint: Endpoint,
        config: &QueueConfig,
        shards: Shards,
        gate: Gate,
        closing: CancellationToken,
    ) -> (LineHandle, Self) {
        let (handle, jobs) = mpsc::unbounded_channel();
        let line = Self {
            endpoint,
            pending: Pending::new(jobs, shards.clone(), Limits::new(config)),
            shards,
            version: config.version,
            in_flight_max: config.groups_in_flight.max(1),
            patience: config.confirm_timeout,
            gate,
            closing,
        };
        (LineHandle(handle), line)
    }

    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let delay = backoff.next();
            let connecting = async {
                sleep(delay).await;
                connect(&self.endpoint, Queues { shards: self.shards.count(), version: self.version }).await
            };
            let gate = &self.gate;
            let connected = tokio::select! {
                connected = connecting => connected,
                () = self.pending.refuse_all(|| cause_at(gate)) => return,
                () = self.closing.cancelled() => return,
            };
            let started = Instant::now();
            match connected {
                Ok(wire) => match self.serve(wire).await {
                    End::Closed => return,
                    End::Alarm => {}
                    End::Spoilt(Spoilt { cause, reason }) => self.report(cause, &reason),
                },
                Err(error) => {
                    self.report(cause_of(&error), &error.to_string());
                    if matches!(error, QueueError::Topology(_)) {
                        backoff.exhaust();
                    }
                }
            }
            backoff.lasted(started.elapsed());
            counter!("leadgate_queue_reconnects_total", "link" => "publishing").increment(1);
        }
    }

    fn report(&self, cause: Cause, reason: &str) {
        if self.gate.close(cause, reason) {
            tracing::warn!(queue.link = "publishing", queue.reason = reason, "publishing is interrupted");
        }
    }

    /// Serves over one connection until that is lost.
    async fn serve(&mut self, wire: Wire) -> End {
        let mut events = wire.events();
        loop {
            match self.serve_channel(&wire, &mut events).await {
                End::Alarm => {
                    self.report(
                        Cause::Alarm,
                        "the broker blocks publishers: it is short of memory or disk space",
                    );
                    if let Some(end) = self.sit_out_alarm(&wire, &mut events).await {
                        return end;
                    }
                }
                End::Closed => {
                    wire.close().await;
                    return End::Closed;
                }
                // What was on its way must not be heard of again: not this channel, not this connection.
                End::Spoilt(spoilt) => return End::Spoilt(spoilt),
            }
        }
    }

    async fn serve_channel(&mut self, wire: &Wire, events: &mut (impl Stream<Item = Event> + Unpin)) -> End {
        let channel = match wire.channel().await {
            Ok(channel) => channel,
            Err(error) => return lost(error.to_string()),
        };
        if let Err(error) = call(channel.confirm_select(ConfirmSelectOptions::default())).await {
            return lost(error.to_string());
        }
        let mut flying = Flying::over(channel, self.patience);
        if self.gate.open() {
            tracing::info!(queue.link = "publishing", "publishing");
        }
        let end = self.fly(&mut flying, wire, events).await;
        // Closed first: a refused caller that asks again must not be let in.
        let cause = match &end {
            End::Alarm => Cause::Alarm,
            End::Spoilt(spoilt) => spoilt.cause,
            End::Closed => Cause::Closed,
        };
        self.gate.close(cause, &cause.to_string());
        match end {
            End::Closed => flying.close().await,
            End::Alarm | End::Spoilt(_) => {
                flying.refuse(cause);
                self.pending.refuse(cause);
            }
        }
        end
    }

    async fn fly(
        &mut self,
        flying: &mut Flying,
        wire: &Wire,
        events: &mut (impl Stream<Item = Event> + Unpin),
    ) -> End {
        let mut open = true;
        loop {
            let has_room = flying.len() < self.in_flight_max;
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(_)) => return End::Alarm,
                    Some(Event::Error(error)) => return lost(error.to_string()),
                    Some(_) => {}
                    None => return lost("the connection ended"),
                },
                landed = flying.landed(), if flying.len() > 0 => if let Err(spoilt) = landed {
                    return End::Spoilt(spoilt);
                },
                filled = self.pending.filled(), if has_room && open => {
                    // In an alarm lapin's calls would wait for ever.
                    if wire.blocked() {
                        return End::Alarm;
                    }
                    open = filled;
                    if let Some(next) = self.pending.next() {
                        launch(next, flying, self.version);
                    }
                }
                () = self.closing.cancelled(), if open && flying.len() == 0 && self.pending.is_empty() => open = false,
            }
            if !open && flying.len() == 0 {
                return End::Closed;
            }
        }
    }

    /// Refuses until the broker takes messages again; returns how the connection ended if it did.
    async fn sit_out_alarm(
        &mut self,
        wire: &Wire,
        events: &mut (impl Stream<Item = Event> + Unpin),
    ) -> Option<End> {
        let gate = &self.gate;
        while wire.blocked() {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::Error(error)) => return Some(lost(error.to_string())),
                    Some(_) => {}
                    None => return Some(lost("the connection ended")),
                },
                () = self.pending.refuse_all(|| cause_at(gate)) => return Some(End::Closed),
                () = self.closing.cancelled() => return Some(End::Closed),
            }
        }
        None
    }
}

async fn connect(endpoint: &Endpoint, queues: Queues) -> Result<Wire, QueueError> {
    let wire = Wire::connect(endpoint, "leadgate publishing").await?;
    match topology::verify(&wire, queues).await {
        Ok(()) => Ok(wire),
        Err(error) => {
            wire.close().await;
            Err(error)
        }
    }
}

fn launch(next: Next, flying: &mut Flying, version: u64) {
    match next {
        Next::Group(shard, mut group) => {
            if group.prune() {
                histogram!("leadgate_queue_group_submissions")
                    .record(u32::try_from(group.len()).unwrap_or(u32::MAX));
                flying.launch(to_shard(shard, &group), Cargo::Group(group));
            }
        }
        Next::Parking(Parking { payload, why, answer }) => {
            let properties = message::parked(why);
            let letter =
                Letter { exchange: "", key: names::parked_for(why, version), body: payload, properties };
            flying.launch(letter, Cargo::Parked(answer));
        }
    }
}

fn to_shard(shard: u16, group: &Group) -> Letter {
    Letter {
        exchange: names::EXCHANGE,
        key: names::shard(shard),
        body: group.message().into(),
        properties: message::properties(FieldTable::default()),
    }
}

/// Why the gate is closed; a gate that is just about to close says nothing yet.
fn cause_at(gate: &Gate) -> Cause {
    gate.cause().unwrap_or(Cause::Disconnected)
}

fn cause_of(error: &QueueError) -> Cause {
    match error {
        QueueError::Topology(_) => Cause::Topology,
        _ => Cause::Disconnected,
    }
}
