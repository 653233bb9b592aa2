//! What is asked of a limiter.

use std::fmt;
use std::iter;
use std::sync::Arc;

use leadgate_domain::{OrganizationId, Rate};

/// A counted thing and how much it may have: `key:<id>` at 1,200 a minute.
///
/// The same scope under two organizations is two things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    pub scope: Arc<str>,
    pub rate: Rate,
}

impl Counter {
    pub fn new(scope: impl Into<Arc<str>>, rate: Rate) -> Self {
        Self { scope: scope.into(), rate }
    }
}

const UNKNOWN_GROUPS: u64 = 64;

/// Whose counters these are. In Redis this is the hash tag, so that one request stays within one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CounterOwner {
    Organization(OrganizationId),
    /// One of 64 groups of requests that no organization could be named for, by what they are counted by.
    Unknown(u64),
}

impl fmt::Display for CounterOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id) => fmt::Display::fmt(id, formatter),
            Self::Unknown(group) => write!(formatter, "unknown-{group}"),
        }
    }
}

/// Asks one or more counters for permits, one unless [`LimitRequest::cost`] says otherwise: all give, or none does.
#[derive(Debug, Clone)]
pub struct LimitRequest {
    pub(crate) owner: CounterOwner,
    pub(crate) first: Counter,
    pub(crate) others: Vec<Counter>,
    cost: u32,
    whole: u32,
}

impl LimitRequest {
    /// A request on behalf of an organization.
    pub fn of(organization: OrganizationId, counter: Counter) -> Self {
        Self::owned_by(CounterOwner::Organization(organization), counter)
    }

    /// A request nobody could be named for, such as one with an unknown token.
    pub fn unknown(counter: Counter) -> Self {
        let group = u64::from(crc32fast::hash(counter.scope.as_bytes())) % UNKNOWN_GROUPS;
        Self::owned_by(CounterOwner::Unknown(group), counter)
    }

    fn owned_by(owner: CounterOwner, counter: Counter) -> Self {
        Self { owner, first: counter, others: Vec::new(), cost: 1, whole: 1 }
    }

    /// Asks this counter too. A scope named twice is asked once, at the lower limit.
    pub fn with_counter(mut self, counter: Counter) -> Self {
        let mut known = iter::once(&mut self.first).chain(&mut self.others);
        match known.find(|known| known.scope == counter.scope) {
            Some(known) => known.rate.permits = known.rate.permits.min(counter.rate.permits),
            None => self.others.push(counter),
        }
        self
    }

    /// Asks for this many permits. None is a look: always allowed, it takes nothing and opens no window.
    pub fn cost(self, permits: u32) -> Self {
        Self { cost: permits, whole: permits, ..self }
    }

    /// Asks for what is left of a batch of `whole` permits when `taken` were taken before its body was read;
    /// it is the whole that must not be larger than a limit.
    pub fn remaining_of(self, whole: u32, taken: u32) -> Self {
        Self { cost: whole.saturating_sub(taken), whole, ..self }
    }

    pub(crate) fn counters(&self) -> impl Iterator<Item = &Counter> {
        iter::once(&self.first).chain(&self.others)
    }

    /// No window could ever hold it.
    pub(crate) fn larger_than_limit(&self) -> bool {
        self.counters().any(|counter| self.whole > counter.rate.permits)
    }

    /// What to take from each counter if all have room.
    pub(crate) fn permits(&self) -> u32 {
        if self.larger_than_limit() { 0 } else { self.cost }
    }
}
