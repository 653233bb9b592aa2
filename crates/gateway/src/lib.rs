#![doc = include_str!("../README.md")]

mod authenticate;
mod body;
mod client_address;
mod config;
mod head;
mod keys;
mod limit;
mod lookups;
mod observe;
mod problem;
mod read;
mod receive;
mod respond;
mod routes;
mod server;
mod state;

pub use config::GatewayConfig;
pub use server::{Gateway, Ports};
pub use state::RenderMetrics;
