#![doc = include_str!("../README.md")]

mod address_file;
mod allocator;
mod commands;
mod config;
mod data_folder_lock;
mod error_wording;
mod ports;
pub mod programs;
mod run;
mod secret;
mod telemetry;
mod tls;
mod usage_error;
