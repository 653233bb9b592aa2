#![doc = include_str!("../README.md")]

mod allocator;
mod commands;
mod config;
mod listening;
mod lock;
mod plain;
mod ports;
pub mod programs;
mod run;
mod secret;
mod telemetry;
mod tls;
mod usage;
