#![doc = include_str!("../README.md")]

mod audit;
mod authenticate;
mod body;
mod bulk;
mod chunked_body;
mod client_address;
mod config;
mod credentials;
mod entrance;
mod head;
mod idempotency;
mod intake;
mod keys;
mod limit;
mod long_reports;
mod lookups;
mod observe;
mod operator;
mod origin;
mod prefer;
mod problem;
mod public_url;
mod query;
mod read;
mod receive;
mod refusal;
mod respond;
mod routes;
mod secrets;
mod server;
mod signature;
mod state;

pub use config::GatewayConfig;
pub use server::{Gateway, Ports};
pub use state::{ReadinessReason, RenderMetrics};
