#![doc = include_str!("../README.md")]

mod admin;
mod amqp;
mod config;
mod consumer;
mod delivery;
mod embedded;
mod error;
mod publisher;
mod queue;
mod raw_delivery;
mod replies;
mod reply_sender;
mod shard_count;
mod status;
mod submission_group;

pub use admin::{ParkedMessage, ParkedSelection, QueueDepth};
pub use amqp::{declare_topology, policy_commands, upload_policies};
pub use config::{QueueConfig, Role};
pub use consumer::{Consumer, ReceiveResult};
pub use delivery::Delivery;
pub use error::{PublishError, QueueError, QueueFailure};
pub use publisher::Publisher;
pub use queue::Queue;
pub use raw_delivery::{ParkReason, SettleResult};
pub use replies::{ExpectedReply, ReplyReceiver};
pub use reply_sender::ReplySender;
pub use status::QueueStatus;
