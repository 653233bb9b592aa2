//! Receivers of webhooks, which answer as a test says.

mod answer;
mod server;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

pub use answer::Answer;
pub use server::{ReceivedRequest, UntrustedServer, WebhookServer};

struct State {
    answer: Mutex<Answer>,
    received: watch::Sender<Vec<ReceivedRequest>>,
}

/// A receiver that keeps its requests.
pub struct Receiver {
    server: WebhookServer,
    state: Arc<State>,
}

impl Receiver {
    /// A receiver that answers with the status 204.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start() -> anyhow::Result<Self> {
        let (received, _) = watch::channel(Vec::new());
        let state = Arc::new(State { answer: Mutex::new(Answer::status(204)), received });
        let shared = Arc::clone(&state);
        let keep = move |request| {
            let answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            shared.received.send_modify(|received| received.push(request));
            answer
        };
        Ok(Self { server: WebhookServer::start(keep).await?, state })
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Answers further requests like this.
    pub fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<ReceivedRequest> {
        self.state.received.borrow().clone()
    }

    /// Waits until there are at least `count` requests, and returns all.
    ///
    /// # Errors
    /// When there are fewer at the time limit.
    pub async fn await_requests(
        &self,
        count: usize,
        limit: Duration,
    ) -> anyhow::Result<Vec<ReceivedRequest>> {
        let mut received = self.state.received.subscribe();
        let waiting = received.wait_for(|received| received.len() >= count);
        match tokio::time::timeout(limit, waiting).await {
            Ok(reached) => Ok(reached?.clone()),
            Err(_) => anyhow::bail!("{} of {count} requests after {limit:?}", self.received().len()),
        }
    }
}
