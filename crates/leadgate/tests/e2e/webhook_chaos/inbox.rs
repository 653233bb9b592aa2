//! What a receiver remembers of its requests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use leadgate_domain::Timestamp;
use leadgate_testkit::receiver::{Answer, ReceivedRequest};
use sha2::Sha256;
use tokio::sync::watch;
use uuid::Uuid;

use super::leads::number_of_phone;

/// A receiver of Standard Webhooks refuses requests that are older.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// An event at one endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceivedEvent {
    /// The number of its lead.
    pub(super) lead: u32,
    /// Requests that were answered with success.
    pub(super) successes: u32,
}

#[derive(Default)]
pub(super) struct InboxRecord {
    pub(super) events: HashMap<Uuid, ReceivedEvent>,
    pub(super) requests: usize,
    /// Requests that were not answered.
    pub(super) hung: usize,
    /// Requests that a receiver must refuse.
    pub(super) invalid: Vec<String>,
    /// Requests with a signature by the second secret.
    pub(super) signed_by_second: usize,
    /// From the time of an event to its first success.
    latencies: Vec<Duration>,
}

impl InboxRecord {
    pub(super) fn delivered(&self) -> impl Iterator<Item = (&Uuid, &ReceivedEvent)> {
        self.events.iter().filter(|(_, event)| event.successes > 0)
    }

    /// Requests that were answered with success, though one for the same event had been before.
    pub(super) fn duplicates(&self) -> usize {
        self.delivered().map(|(_, event)| usize::try_from(event.successes - 1).unwrap()).sum()
    }
}

pub(super) struct Inbox {
    answer: Mutex<Answer>,
    /// The keys of the signing secrets, the oldest first. The oldest one stays valid for the whole test.
    keys: Mutex<Vec<Vec<u8>>>,
    record: Mutex<InboxRecord>,
    delivered: watch::Sender<usize>,
}

impl Inbox {
    pub(super) fn new(answer: Answer) -> Self {
        Self {
            answer: Mutex::new(answer),
            keys: Mutex::default(),
            record: Mutex::default(),
            delivered: watch::Sender::new(0),
        }
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Adds a signing secret as Leadgate prints it.
    pub(super) fn add_secret(&self, secret: &str) {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        self.keys.lock().unwrap().push(key);
    }

    pub(super) fn record(&self) -> MutexGuard<'_, InboxRecord> {
        self.record.lock().unwrap()
    }

    /// The number of events that were answered with success.
    pub(super) fn delivered(&self) -> watch::Receiver<usize> {
        self.delivered.subscribe()
    }

    pub(super) fn take_latencies(&self) -> Vec<Duration> {
        std::mem::take(&mut self.record().latencies)
    }

    /// Remembers a request, and returns the answer.
    pub(super) fn receive(&self, request: &ReceivedRequest) -> Answer {
        let now = Timestamp::now();
        let answer = self.answer.lock().unwrap().clone();
        let signed = self.verify(request, now);
        let text = std::str::from_utf8(&request.body).unwrap();
        let mut record = self.record();
        record.requests += 1;
        record.hung += usize::from(answer == Answer::Hang);
        match signed.first() {
            Some(true) => record.signed_by_second += usize::from(signed.get(1) == Some(&true)),
            _ => record.invalid.push(format!("{:?}: {signed:?}", request.headers)),
        }
        let id = request.header("webhook-id").parse().unwrap();
        let lead = number_of_phone(after(text, r#""e164":""#));
        let event = record.events.entry(id).or_insert(ReceivedEvent { lead, successes: 0 });
        assert_eq!(event.lead, lead, "an event is about one lead");
        if answer.is_success() {
            event.successes += 1;
            if event.successes == 1 {
                let at = Timestamp::parse(after(text, r#""timestamp":""#)).unwrap();
                record.latencies.push(now.since(at));
                self.delivered.send_modify(|delivered| *delivered += 1);
            }
        }
        answer
    }

    /// Whether the request has a valid signature by each of the secrets.
    fn verify(&self, request: &ReceivedRequest, now: Timestamp) -> Vec<bool> {
        let (id, at) = (request.header("webhook-id"), request.header("webhook-timestamp"));
        let seconds = u64::try_from(now.as_microseconds()).unwrap() / 1_000_000;
        let is_recent = seconds.abs_diff(at.parse().unwrap()) <= TOLERANCE.as_secs();
        let is_signed = |key: &Vec<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.update(format!("{id}.{at}.").as_bytes());
            mac.update(&request.body);
            let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            request.header("webhook-signature").split(' ').any(|signature| signature == expected)
        };
        self.keys.lock().unwrap().iter().map(|key| is_recent && is_signed(key)).collect()
    }
}

/// The text from the end of `mark` to the next quotation mark.
fn after<'t>(text: &'t str, mark: &str) -> &'t str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark} in a request"));
    rest.split_once('"').unwrap().0
}
