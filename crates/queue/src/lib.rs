#![doc = include_str!("../README.md")]

mod admin;
mod amqp;
mod config;
mod consumer;
mod delivery;
mod embedded;
mod error;
mod group;
mod publisher;
mod queue;
mod raw_delivery;
mod replier;
mod replies;
mod shards;
mod status;

pub use admin::{Depth, Parked, Selection};
pub use amqp::{declare_topology, policy_commands, upload_policies};
pub use config::{QueueConfig, Role};
pub use consumer::{Consumer, Received};
pub use delivery::Delivery;
pub use error::{Cause, QueueError, Refused};
pub use publisher::Publisher;
pub use queue::Queue;
pub use raw_delivery::{ParkReason, Settled};
pub use replier::Replier;
pub use replies::{Expected, Replies};
pub use status::Status;
