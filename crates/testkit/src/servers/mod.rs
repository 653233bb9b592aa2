//! Private PostgreSQL, RabbitMQ and Redis servers, on free loopback ports, each with a data folder of its own.
//!
//! [`shared`] hands out the servers of the whole test run, on which each test takes a database, a virtual host or
//! a key prefix. A test that breaks a server starts its own: `PostgresServer::start()`, `RabbitMqServer::start()`,
//! `Redis::start()`.

pub(crate) mod daemon;
mod management;
mod postgres;
mod process_tree;
mod programs;
mod rabbitmq;
mod redis;
pub(crate) mod server_folder;
mod shared;
pub(crate) mod wait;

pub use management::Vhost;
pub use postgres::PostgresServer;
pub use rabbitmq::RabbitMqServer;
pub use redis::RedisServer;
pub use shared::{ENVIRONMENT, ServerAddresses, SharedServers, shared};
