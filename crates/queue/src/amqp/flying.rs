//! Messages on their way, and the question which confirm to believe.
//!
//! lapin (4.12.3) attaches a returned message to whichever confirm comes next, so a publish that no
//! queue took can look acknowledged while its neighbour carries the return. The neighbour's confirm is
//! always resolved first. Hence two rules: an acknowledgement counts only after every other message on
//! the channel was looked at again, and one return spoils all that are on their way.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation};
use metrics::histogram;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::wire;
use crate::group::Group;
use crate::{Cause, Refused};

type Confirm = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// What a message carries, for whoever waits to be told.
pub(crate) enum Cargo {
    Group(Group),
    Parked(oneshot::Sender<Result<(), Refused>>),
}

impl Cargo {
    pub(crate) fn settle(self, outcome: Result<(), Refused>) {
        match self {
            Self::Group(group) => group.settle(outcome),
            Self::Parked(answer) => _ = answer.send(outcome),
        }
    }
}

/// Where a message goes.
pub(crate) struct Letter {
    pub(crate) exchange: &'static str,
    pub(crate) key: String,
    pub(crate) body: Bytes,
    pub(crate) properties: BasicProperties,
}

impl Letter {
    fn send(self, channel: &Channel) -> Confirm {
        let channel = channel.clone();
        Box::pin(async move {
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let (exchange, key) = (self.exchange.into(), self.key.as_str().into());
            channel.basic_publish(exchange, key, options, &self.body, self.properties).await?.await
        })
    }
}

struct Flight {
    cargo: Cargo,
    launched: Instant,
    confirm: Confirm,
    verdict: Option<Result<(), Verdict>>,
}

/// What else than an acknowledgement a confirm can be.
#[derive(Debug, Clone)]
enum Verdict {
    /// The broker would not store it, typically because a length limit is reached. Concerns it alone.
    Rejected,
    /// Nothing that is on its way can be believed any more.
    Spoilt(Spoilt),
}

/// Why a channel and all that is on its way over it are given up.
#[derive(Debug, Clone)]
pub(crate) struct Spoilt {
    pub(crate) cause: Cause,
    pub(crate) reason: String,
}

fn judge(outcome: lapin::Result<Confirmation>) -> Result<(), Verdict> {
    let spoilt = |cause, reason: &str| Err(Verdict::Spoilt(Spoilt { cause, reason: reason.to_owned() }));
    match outcome {
        Ok(Confirmation::Ack(None)) => Ok(()),
        Ok(Confirmation::Nack(None)) => Err(Verdict::Rejected),
        // The returned message itself is not looked at: it holds personal data.
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
            spoilt(Cause::Unroutable, "no queue took a message")
        }
        Ok(Confirmation::NotRequested) => spoilt(Cause::Disconnected, "the channel does not confirm"),
        Err(error) => spoilt(Cause::Disconnected, &error.to_string()),
    }
}

/// The messages on their way over one channel.
pub(crate) struct Flying {
    channel: Channel,
    flights: Vec<Flight>,
    patience: Duration,
    /// Runs out with the oldest message.
    deadline: Pin<Box<Sleep>>,
}

impl Flying {
    pub(crate) fn over(channel: Channel, patience: Duration) -> Self {
        Self { channel, flights: Vec::new(), patience, deadline: Box::pin(sleep(patience)) }
    }

    pub(crate) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(crate) fn launch(&mut self, letter: Letter, cargo: Cargo) {
        let confirm = letter.send(&self.channel);
        self.flights.push(Flight { cargo, launched: Instant::now(), confirm, verdict: None });
        self.wind_deadline();
    }

    /// Waits until at least one message has arrived and was answered. On error nothing on the channel is
    /// to be believed; the caller refuses the rest.
    pub(crate) async fn landed(&mut self) -> Result<(), Spoilt> {
        poll_fn(|context| self.poll(context)).await
    }

    /// With nothing on its way any more.
    pub(crate) async fn close(self) {
        wire::close(&self.channel).await;
    }

    pub(crate) fn refuse(self, cause: Cause) {
        for flight in self.flights {
            flight.cargo.settle(Err(Refused::Unavailable(cause)));
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Spoilt>> {
        self.look(context);
        for flight in &self.flights {
            if let Some(Err(Verdict::Spoilt(spoilt))) = &flight.verdict {
                return Poll::Ready(Err(spoilt.clone()));
            }
        }
        if self.settle() {
            self.wind_deadline();
            return Poll::Ready(Ok(()));
        }
        if !self.flights.is_empty() && self.deadline.as_mut().poll(context).is_ready() {
            let reason = "the broker did not confirm in time".to_owned();
            return Poll::Ready(Err(Spoilt { cause: Cause::Disconnected, reason }));
        }
        Poll::Pending
    }

    /// Looks at all, again and again until none has news: what is known then was known before the last
    /// acknowledgement was seen.
    fn look(&mut self, context: &mut Context<'_>) {
        loop {
            let mut news = false;
            for flight in self.flights.iter_mut().filter(|flight| flight.verdict.is_none()) {
                if let Poll::Ready(outcome) = flight.confirm.as_mut().poll(context) {
                    flight.verdict = Some(judge(outcome));
                    news = true;
                }
            }
            if !news {
                return;
            }
        }
    }

    /// Answers all that have a verdict; returns whether any had.
    fn settle(&mut self) -> bool {
        let before = self.flights.len();
        for flight in self.flights.extract_if(.., |flight| flight.verdict.is_some()) {
            histogram!("leadgate_queue_confirm_seconds").record(flight.launched.elapsed());
            let accepted = matches!(flight.verdict, Some(Ok(())));
            flight.cargo.settle(if accepted { Ok(()) } else { Err(Refused::Unavailable(Cause::Full)) });
        }
        self.flights.len() < before
    }

    fn wind_deadline(&mut self) {
        if let Some(oldest) = self.flights.first() {
            self.deadline.as_mut().reset((oldest.launched + self.patience).into());
        }
    }
}
