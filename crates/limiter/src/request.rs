//! The request for permits.

use std::fmt;
use std::iter;
use std::sync::Arc;

use leadgate_domain::{OrganizationId, Rate};

/// What is counted, and its limit: for example `key:<id>` with 1,200 permits per minute.
///
/// The same scope in two organizations is two counters.
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

const UNKNOWN_OWNER_GROUPS: u64 = 64;

/// The owner of counters. In Redis it is the hash tag, so all counters of a request are in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CounterOwner {
    Organization(OrganizationId),
    /// One of 64 groups of requests without a known organization. The scope of the first counter selects it.
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

/// Requests permits from one or more counters: all grant them, or none does. The default is one permit.
#[derive(Debug, Clone)]
pub struct LimitRequest {
    pub(crate) owner: CounterOwner,
    pub(crate) first: Counter,
    pub(crate) others: Vec<Counter>,
    cost: u32,
}

impl LimitRequest {
    /// A request on behalf of an organization.
    pub fn new(organization: OrganizationId, counter: Counter) -> Self {
        Self::with_owner(CounterOwner::Organization(organization), counter)
    }

    /// A request without a known organization, such as one with an unknown token.
    pub fn without_organization(counter: Counter) -> Self {
        let group = u64::from(crc32fast::hash(counter.scope.as_bytes())) % UNKNOWN_OWNER_GROUPS;
        Self::with_owner(CounterOwner::Unknown(group), counter)
    }

    fn with_owner(owner: CounterOwner, counter: Counter) -> Self {
        Self { owner, first: counter, others: Vec::new(), cost: 1 }
    }

    /// Adds a counter. A scope that is added twice counts once, with the lower limit.
    pub fn with_counter(mut self, counter: Counter) -> Self {
        let mut counters = iter::once(&mut self.first).chain(&mut self.others);
        match counters.find(|existing| existing.scope == counter.scope) {
            Some(existing) => existing.rate.permits = existing.rate.permits.min(counter.rate.permits),
            None => self.others.push(counter),
        }
        self
    }

    /// Requests this many permits. With 0, the request is always allowed, takes no permit and opens no
    /// window.
    pub fn cost(self, permits: u32) -> Self {
        Self { cost: permits, ..self }
    }

    pub(crate) fn counters(&self) -> impl Iterator<Item = &Counter> {
        iter::once(&self.first).chain(&self.others)
    }

    /// Whether the request exceeds a limit even with an empty window.
    pub(crate) fn larger_than_limit(&self) -> bool {
        self.counters().any(|counter| self.cost > counter.rate.permits)
    }

    /// Permits to take from each counter if all of them have enough.
    pub(crate) fn permits(&self) -> u32 {
        if self.larger_than_limit() { 0 } else { self.cost }
    }
}
