//! Runs a load in the current thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};
use uuid::Uuid;

use super::{End, LeadTemplate, Load, LoadConnection, LoadReport, Pace};

/// The pause between two reads of a lead that is not visible yet.
const READ_INTERVAL: Duration = Duration::from_millis(2);
/// A lead that is not visible after this time counts with this time.
const MAX_READ: Duration = Duration::from_secs(60);
/// The pause after which a closed gate is looked at again.
const GATE_INTERVAL: Duration = Duration::from_millis(1);

/// What the connections of a load share.
struct LoadState {
    load: Load,
    requests: Option<u64>,
    deadline: Option<Instant>,
    started: Instant,
    sent: Cell<u64>,
    report: RefCell<LoadReport>,
    readers: RefCell<JoinSet<()>>,
    idle_readers: RefCell<Vec<LoadConnection>>,
}

pub(super) async fn run(load: Load) -> anyhow::Result<LoadReport> {
    let mut connections = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        connections.push(LoadConnection::open(&load.address).await.context("connecting to the gateway")?);
    }
    let started = Instant::now();
    let (requests, deadline) = match (load.end, &load.pace) {
        (End::Requests(requests), _) => (Some(requests), None),
        (End::After(duration), Pace::Rate(rate)) => {
            let requests = duration.as_millis() * u128::from(*rate) / 1_000;
            (Some(u64::try_from(requests)?.max(1)), None)
        }
        (End::After(duration), _) => (None, Some(started + duration)),
    };
    let state = Rc::new(LoadState {
        load,
        requests,
        deadline,
        started,
        sent: Cell::new(0),
        report: RefCell::new(LoadReport::new()?),
        readers: RefCell::default(),
        idle_readers: RefCell::default(),
    });
    let mut senders = JoinSet::new();
    for connection in connections {
        senders.spawn_local(send_requests(Rc::clone(&state), connection));
    }
    while senders.join_next().await.transpose()?.is_some() {}
    state.report.borrow_mut().elapsed = started.elapsed();
    let mut readers = state.readers.take();
    while readers.join_next().await.transpose()?.is_some() {}
    let state = Rc::into_inner(state).context("a connection still runs")?;
    Ok(state.report.into_inner())
}

/// Sends requests over one connection, until the load ends or the gateway cannot be reached.
async fn send_requests(state: Rc<LoadState>, mut connection: LoadConnection) {
    let mut request = Vec::new();
    while let Some(index) = state.next_request().await {
        let due = state.due(index);
        if let Some(due) = due {
            sleep_until(due.into()).await;
        }
        let due = due.unwrap_or_else(Instant::now);
        let Some(template) = state.template(index) else { return };
        request.clear();
        template.write(state.load.first_person + index, &mut request);
        match connection.call(&request).await {
            Ok((status, body)) => {
                let submission = submission_id(body);
                state.report.borrow_mut().add_response(status, submission, due.elapsed());
                if let Some(submission) = submission.filter(|_| state.is_read(index)) {
                    let reading = Rc::clone(&state).read_until_visible(index, submission, due);
                    state.readers.borrow_mut().spawn_local(reading);
                }
            }
            Err(_) => {
                state.report.borrow_mut().unanswered += 1;
                let Ok(opened) = LoadConnection::open(&state.load.address).await else { return };
                connection = opened;
            }
        }
    }
}

impl LoadState {
    /// The number of the next request; `None` when the load ends.
    async fn next_request(&self) -> Option<u64> {
        loop {
            let next = self.sent.get();
            let ended = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if ended || self.requests.is_some_and(|requests| next >= requests) {
                return None;
            }
            match &self.load.pace {
                Pace::Gate(gate) if next >= gate.load(Ordering::Relaxed) => sleep(GATE_INTERVAL).await,
                _ => {
                    self.sent.set(next + 1);
                    return Some(next);
                }
            }
        }
    }

    /// When an open loop sends a request.
    fn due(&self, index: u64) -> Option<Instant> {
        let Pace::Rate(rate) = self.load.pace else { return None };
        let nanoseconds = u128::from(index) * 1_000_000_000 / u128::from(rate.max(1));
        Some(self.started + Duration::from_nanos(u64::try_from(nanoseconds).ok()?))
    }

    fn template(&self, index: u64) -> Option<&LeadTemplate> {
        let templates = &self.load.templates;
        templates.get(usize::try_from(index).ok()?.checked_rem(templates.len())?)
    }

    fn is_read(&self, index: u64) -> bool {
        index.checked_rem(self.load.read_every) == Some(0)
    }

    async fn read_until_visible(self: Rc<Self>, index: u64, submission: Uuid, due: Instant) {
        let Some(request) = self.template(index).map(|template| template.look_up(submission)) else { return };
        let visible = timeout(MAX_READ, async {
            let idle = self.idle_readers.borrow_mut().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => LoadConnection::open(&self.load.address).await?,
            };
            while !matches!(connection.call(&request).await?, (200, lead) if !is_queued(lead)) {
                sleep(READ_INTERVAL).await;
            }
            self.idle_readers.borrow_mut().push(connection);
            std::io::Result::Ok(())
        });
        let took = if matches!(visible.await, Ok(Ok(()))) { due.elapsed() } else { MAX_READ };
        self.report.borrow_mut().add_visible(took);
    }
}

fn submission_id(body: &[u8]) -> Option<Uuid> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, id) = text.split_once(r#""id":""#)?;
    Uuid::try_parse(id.get(..36)?).ok()
}

fn is_queued(lead: &[u8]) -> bool {
    std::str::from_utf8(lead).is_ok_and(|text| text.contains(r#""status":"queued""#))
}
