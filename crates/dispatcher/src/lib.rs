#![doc = include_str!("../README.md")]

mod address_guard;
mod attempt_pace;
mod client;
mod dispatcher;
mod drain;
mod egress_proxy;

pub use address_guard::{AddressGuard, HostLookup};
pub use dispatcher::{Dispatcher, DispatcherConfig};
pub use egress_proxy::{EgressProxy, InvalidProxyUrl, ProxyUrl};
