//! The conservation oracle checks whether an accepted lead was lost or had two effects, and whether a
//! stored lead was never sent.
//!
//! It records the requests and responses while leads are posted. Afterwards it compares them with all stored
//! submissions, and checks that `acked + recovered = stored + duplicate + quarantined + parked`.

mod check;
mod client;
mod report;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use client::{LeadClient, TimedResponse};
pub use report::OracleReport;

/// The SHA-256 of a posted body, in lower-case hexadecimal.
pub fn body_hash(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the client knows about one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestState {
    /// 202, with the id of the submission.
    Acked(Uuid),
    /// Another response. After 4xx the lead must not be stored, after 503 it may be stored.
    Refused(u16),
    /// No response, or an unclear one. The lead may be stored.
    Unknown,
}

/// The stored outcome of a submission.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum ObservedOutcome {
    /// It created a lead.
    Created,
    /// It updated a lead.
    Updated,
    /// It is linked to the lead that it matched.
    Linked,
    /// It is recorded with the lead that it matched.
    Duplicate,
    /// It is stored completely and can be repaired.
    Quarantined,
    /// It is in the broker's queue `parked`.
    Parked,
}

/// One stored submission.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObservedSubmission {
    /// The submission's id.
    pub submission: Uuid,
    /// [`body_hash`] of its stored body.
    pub body_hash: String,
    /// Its current outcome.
    pub outcome: ObservedOutcome,
    /// The lead that it created or matched.
    pub lead: Option<Uuid>,
}

/// One request, with the time when it was due.
#[derive(Clone, Debug)]
struct RecordedRequest {
    key: Option<String>,
    body_hash: String,
    state: RequestState,
    issued: Instant,
    answered: Option<Duration>,
}

/// Identifies a request whose response is not recorded yet.
#[derive(Debug)]
#[must_use = "a request without a recorded response counts as unknown"]
pub struct RequestTicket(usize);

/// Records requests and their responses. All clients of a run share one.
#[derive(Debug, Default)]
pub struct Oracle {
    requests: Mutex<Vec<RecordedRequest>>,
}

impl Oracle {
    /// An oracle without any requests.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a request before it is sent. Its state is unknown until its response is recorded.
    pub fn issue(&self, key: Option<&str>, body: &[u8]) -> RequestTicket {
        self.issue_at(Instant::now(), key, body)
    }

    /// Records a request that was due at an earlier time. The delay counts as latency.
    pub fn issue_at(&self, issued: Instant, key: Option<&str>, body: &[u8]) -> RequestTicket {
        let request = RecordedRequest {
            key: key.map(str::to_owned),
            body_hash: body_hash(body),
            state: RequestState::Unknown,
            issued,
            answered: None,
        };
        let mut requests = self.requests();
        requests.push(request);
        RequestTicket(requests.len() - 1)
    }

    /// Records the result of a request.
    pub fn answer(&self, RequestTicket(index): RequestTicket, state: RequestState) {
        if let Some(request) = self.requests().get_mut(index) {
            request.state = state;
            request.answered = Some(request.issued.elapsed());
        }
    }

    /// The number of acked requests so far. Several of them can have the same submission.
    pub fn acked(&self) -> usize {
        self.requests().iter().filter(|request| matches!(request.state, RequestState::Acked(_))).count()
    }

    /// The states of all requests, in the order in which they were issued.
    pub fn states(&self) -> Vec<RequestState> {
        self.requests().iter().map(|request| request.state).collect()
    }

    /// The latency percentile of all requests with a response; zero if there are none.
    pub fn latency(&self, percent: usize) -> Duration {
        let mut times: Vec<Duration> =
            self.requests().iter().filter_map(|request| request.answered).collect();
        times.sort();
        times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Compares the responses with all stored submissions. The system must not process leads any more.
    pub fn check(&self, stored: &[ObservedSubmission]) -> OracleReport {
        check::check(&self.requests(), stored)
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, Vec<RecordedRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
