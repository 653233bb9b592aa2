//! The conservation oracle: whether anything that was accepted got lost, took effect twice, or came from nowhere.
//!
//! While leads are posted, it records what was sent and what was answered. Afterwards it is shown everything the
//! system holds, and says whether `acked + recovered = stored + duplicate + quarantined + parked`.

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

/// Lower-case hexadecimal SHA-256 of a posted body.
pub fn body_hash(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the client knows about one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestState {
    /// 202, and the submission it was given.
    Acked(Uuid),
    /// Another answer: with 4xx nothing may have been stored, with 503 it may.
    Refused(u16),
    /// No answer, or one that says nothing: it may have been stored.
    Unknown,
}

/// What became of a submission, as the system holds it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum ObservedOutcome {
    /// A lead was made of it.
    Created,
    /// It changed a lead.
    Updated,
    /// It is listed under the lead it met.
    Linked,
    /// It was recorded, with the lead it met.
    Duplicate,
    /// It is kept whole, to be repaired.
    Quarantined,
    /// It is in the broker's queue `parked`.
    Parked,
}

/// One submission that the system holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObservedSubmission {
    /// The submission's id.
    pub submission: Uuid,
    /// [`body_hash`] of what is kept as its body.
    pub body_hash: String,
    /// Its current outcome.
    pub outcome: ObservedOutcome,
    /// The lead it made or met.
    pub lead: Option<Uuid>,
}

/// One request, from the moment it was to be sent.
#[derive(Clone, Debug)]
struct RecordedRequest {
    key: Option<String>,
    body_hash: String,
    state: RequestState,
    issued: Instant,
    answered: Option<Duration>,
}

/// Names a request for which the answer is not recorded yet.
#[derive(Debug)]
#[must_use = "an answer that is not recorded counts as unknown"]
pub struct RequestTicket(usize);

/// Records requests and their answers; shared by all clients of a run.
#[derive(Debug, Default)]
pub struct Oracle {
    requests: Mutex<Vec<RecordedRequest>>,
}

impl Oracle {
    /// An oracle that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a request that is about to be sent. Until it is answered its state is unknown.
    pub fn issue(&self, key: Option<&str>, body: &[u8]) -> RequestTicket {
        self.issue_at(Instant::now(), key, body)
    }

    /// The same for a request that was to be sent at a moment of the past: the time until it was sent counts.
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

    /// Records how a request ended.
    pub fn answer(&self, RequestTicket(index): RequestTicket, state: RequestState) {
        if let Some(request) = self.requests().get_mut(index) {
            request.state = state;
            request.answered = Some(request.issued.elapsed());
        }
    }

    /// How many requests were acked so far, however often the same submission was named.
    pub fn acked(&self) -> usize {
        self.requests().iter().filter(|request| matches!(request.state, RequestState::Acked(_))).count()
    }

    /// The states of all requests, in the order in which they were issued.
    pub fn states(&self) -> Vec<RequestState> {
        self.requests().iter().map(|request| request.state).collect()
    }

    /// The time within which `percent` of the answered requests were answered; zero if none was.
    pub fn latency(&self, percent: usize) -> Duration {
        let mut times: Vec<Duration> =
            self.requests().iter().filter_map(|request| request.answered).collect();
        times.sort();
        times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Compares what was answered with everything the system holds now, which must be at rest.
    pub fn check(&self, stored: &[ObservedSubmission]) -> OracleReport {
        check::check(&self.requests(), stored)
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, Vec<RecordedRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
