#![doc = include_str!("../README.md")]

pub mod commands;
pub mod config;
mod lock;
mod ports;
pub mod run;
mod secret;
mod telemetry;
