#![doc = include_str!("../README.md")]

mod address_guard;
mod attempt_pace;
mod client;
mod dispatcher;
mod drain;
mod proxy_url;

pub use address_guard::{AddressGuard, HostLookup};
pub use dispatcher::{Dispatcher, DispatcherConfig};
pub use proxy_url::{InvalidProxyUrl, ProxyUrl};
