//! Private PostgreSQL, RabbitMQ and Redis servers on free loopback ports, each with its own data folder.
//!
//! [`shared`] returns the servers of the test run. Each test uses its own database, virtual host or key
//! prefix there. A test that breaks a server starts its own: `PostgresServer::start()`,
//! `RabbitMqServer::start()`, `RedisServer::start()`.

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
