#![doc = include_str!("../README.md")]

pub mod leads;
pub mod logs;
pub mod oracle;
pub mod proxy;
pub mod receiver;
pub mod servers;
pub mod tls;

mod http;
mod ports;

pub use http::http_client;
pub use ports::free_port;

/// The secret of test installations.
pub const SECRET: &str = "a secret that is long enough to be one";
