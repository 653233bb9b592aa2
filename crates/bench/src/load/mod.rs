//! The load generator: keep-alive connections in one thread, in a closed loop or at a fixed rate.

mod connection;
mod generator;
mod report;
mod template;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context as _;

pub(crate) use connection::{LoadConnection, get_request};
pub(crate) use report::LoadReport;
pub(crate) use template::{LeadTemplate, MAPPING, large_body, mapped_body, native_body, one_phone_body};

/// When a connection sends its next request.
#[derive(Clone, Debug)]
pub(crate) enum Pace {
    /// When it has the response to the previous one.
    ClosedLoop,
    /// The same, while fewer requests were sent than this number.
    Gate(Arc<AtomicU64>),
    /// At this many requests per second of all connections. Latencies count from the time at which a request
    /// was due, so a delay because all connections wait counts too. Timers may be late by a millisecond.
    Rate(u32),
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    After(Duration),
    Requests(u64),
}

/// Posts of leads, each of another person.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// `host:port` of the gateway.
    pub(crate) address: String,
    /// Used in turn.
    pub(crate) templates: Vec<LeadTemplate>,
    /// The person of the first post. The next posts have the next people.
    pub(crate) first_person: u64,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    pub(crate) end: End,
    /// Of this many posts one is read until its lead is visible; 0 is none.
    pub(crate) read_every: u64,
}

impl Load {
    /// A closed loop, beginning with person 0.
    pub(crate) fn closed_loop(address: &str, template: LeadTemplate, connections: usize, end: End) -> Self {
        Self {
            address: address.to_owned(),
            templates: vec![template],
            first_person: 0,
            connections,
            pace: Pace::ClosedLoop,
            end,
            read_every: 0,
        }
    }

    /// Sends the posts from a thread of its own, and waits for all responses.
    ///
    /// # Errors
    /// When no connection can be opened at the start. A failed request is counted, and not an error.
    pub(crate) async fn run(self) -> anyhow::Result<LoadReport> {
        let thread = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            tokio::task::LocalSet::new().block_on(&runtime, generator::run(self))
        });
        thread.await.context("the load generator panicked")?
    }
}
