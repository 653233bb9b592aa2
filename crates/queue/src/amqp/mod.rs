//! The RabbitMQ adapter: a publishing connection, a connection for each consumer, one for administration, and
//! where somebody waits, one to listen or to tell.

mod admin;
mod backoff;
mod flying;
mod held;
mod lane;
mod lanes;
mod letter;
mod line;
mod listener;
mod message;
mod names;
mod pending;
mod policies;
mod teller;
mod ticket;
mod topology;
mod wire;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use admin::Desk;
use held::Held;
pub(crate) use lane::LaneHandle;
use lane::{Common, Lane};
use lanes::Lanes;
use line::Line;
pub(crate) use line::LineHandle;
use listener::Listener;
pub use policies::{policy_commands, upload_policies};
use teller::Teller;
pub(crate) use teller::TellerHandle;
pub(crate) use ticket::Ticket;
pub use topology::declare_topology;
use wire::Endpoint;

use crate::admin::LastDepth;
use crate::config::Broker;
use crate::consumer::Lane as AnyLane;
use crate::publisher::Line as AnyLine;
use crate::replier::Way;
use crate::replies::Waiters;
use crate::shards::Shards;
use crate::status::Gate;
use crate::{
    Cause, Consumer, Depth, Parked, Publisher, QueueConfig, QueueError, Replier, Replies, Role, Selection,
    Status,
};

/// What closing connections in order may take on top of what is still on its way.
const GOODBYE: Duration = Duration::from_millis(1_500);

/// A queue on RabbitMQ. See the crate's README.
#[derive(Debug)]
pub struct Amqp {
    role: Role,
    publisher: Publisher,
    gate: Gate,
    common: Common,
    desk: Desk,
    last_depth: LastDepth,
    replies: OnceLock<Replies>,
    replier: OnceLock<Replier>,
    tasks: TaskTracker,
}

impl Amqp {
    pub(crate) fn open(broker: Broker, config: QueueConfig, role: Role) -> Self {
        let endpoint = Endpoint::new(broker, config.heartbeat);
        let (stop, closing) = (CancellationToken::new(), CancellationToken::new());
        let gate = Gate::shut(Cause::Disconnected, "not connected to the broker yet");
        let tasks = TaskTracker::new();
        let shards = Shards::new(config.shards);
        let (handle, line) =
            Line::new(endpoint.clone(), &config, shards.clone(), gate.clone(), closing.clone());
        if role.publishes() {
            tasks.spawn(line.run());
        }
        let held = Held::default();
        let common = Common {
            endpoint: endpoint.clone(),
            shards: shards.clone(),
            version: config.version,
            prefetch: config.prefetch,
            patience: config.confirm_timeout,
            line: handle.clone(),
            held: held.clone(),
            lanes: Lanes::new(),
            stop,
            closing,
        };
        let publisher = Publisher::new(AnyLine::Amqp(handle), gate.clone(), &config);
        let desk = Desk::new(endpoint, shards, config.version, held);
        let (replies, replier) = (OnceLock::new(), OnceLock::new());
        let last_depth = LastDepth::default();
        Self { role, publisher, gate, common, desk, last_depth, replies, replier, tasks }
    }

    pub(crate) fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    pub(crate) fn consumer(&self) -> Consumer {
        let (handle, lane) = Lane::new(self.common.clone());
        self.tasks.spawn(lane.run());
        Consumer::new(AnyLane::Amqp(handle))
    }

    pub(crate) fn replies(&self) -> Replies {
        let open = || {
            let waiters = Arc::new(Waiters::new());
            let (endpoint, closing) = (self.common.endpoint.clone(), self.common.closing.clone());
            self.tasks.spawn(Listener::new(endpoint, Arc::clone(&waiters), closing).run());
            Replies::new(waiters)
        };
        self.replies.get_or_init(open).clone()
    }

    pub(crate) fn replier(&self) -> Replier {
        let open = || {
            let (endpoint, closing) = (self.common.endpoint.clone(), self.common.closing.clone());
            let (handle, teller) = Teller::new(endpoint, closing);
            self.tasks.spawn(teller.run());
            Replier::new(Way::Amqp(handle))
        };
        self.replier.get_or_init(open).clone()
    }

    /// The halves that the role needs.
    fn gates(&self) -> impl Iterator<Item = &Gate> {
        let publishing = matches!(self.role, Role::Gateway | Role::AllInOne).then_some(&self.gate);
        publishing.into_iter().chain(self.role.consumes().then(|| self.common.lanes.gate()))
    }

    pub(crate) fn status(&self) -> Status {
        self.gates().map(Gate::status).find(|status| !status.is_ready()).unwrap_or(Status::Ready)
    }

    pub(crate) async fn ready(&self) {
        for gate in self.gates() {
            gate.opened().await;
        }
    }

    pub(crate) fn follow_shards(&self, mut installed: watch::Receiver<u16>) {
        let (shards, closing) = (self.common.shards.clone(), self.common.closing.clone());
        self.tasks.spawn(closing.run_until_cancelled_owned(async move {
            loop {
                shards.grow_to(*installed.borrow_and_update());
                if installed.changed().await.is_err() {
                    return;
                }
            }
        }));
    }

    pub(crate) fn last_depth(&self) -> &LastDepth {
        &self.last_depth
    }

    pub(crate) async fn depth(&self) -> Result<Depth, QueueError> {
        self.desk.depth().await
    }

    pub(crate) async fn parked_list(&self, limit: usize) -> Result<Vec<Parked>, QueueError> {
        self.desk.parked_list(limit).await
    }

    pub(crate) async fn parked_replay(&self, selection: Selection) -> Result<usize, QueueError> {
        self.desk.parked_replay(selection).await
    }

    pub(crate) fn stop_receiving(&self) {
        self.common.stop.cancel();
    }

    pub(crate) async fn shutdown(&self) {
        self.stop_receiving();
        self.gate.close(Cause::Closed, "shutting down");
        self.common.closing.cancel();
        self.tasks.close();
        // Each task gives up by itself in that time; one that does not is left to the end of the process.
        timeout(self.common.patience + GOODBYE, self.tasks.wait()).await.ok();
        self.desk.close().await;
    }
}
