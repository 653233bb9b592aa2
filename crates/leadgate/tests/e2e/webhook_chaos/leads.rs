//! Posts leads until each is accepted.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::world::TIMEOUT;

const CONNECTIONS: usize = 8;

/// The pause after a lead was not accepted.
const PAUSE: Duration = Duration::from_millis(50);

const FIRST_PHONE: u32 = 2_000_000;

pub(super) fn phone(number: u32) -> String {
    format!("+1415{}", FIRST_PHONE + number)
}

pub(super) fn number_of_phone(phone: &str) -> u32 {
    phone.strip_prefix("+1415").unwrap().parse::<u32>().unwrap() - FIRST_PHONE
}

/// Posts the leads of all organizations in turn: the lead with the number 5 belongs to the second of two.
#[derive(Clone)]
pub(super) struct Poster {
    client: reqwest::Client,
    url: String,
    keys: Arc<[String]>,
}

impl Poster {
    pub(super) fn new(base: &str, keys: Vec<String>) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        Self { client: client.unwrap(), url: format!("{base}/v1/leads"), keys: keys.into() }
    }

    /// Posts leads with these numbers, with a number of leads per second or as fast as they are accepted.
    pub(super) async fn post(self, numbers: Range<u32>, rate: Option<u32>) {
        let (start, next) = (Instant::now(), Arc::new(AtomicU32::new(numbers.start)));
        let mut tasks = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (poster, numbers, next) = (self.clone(), numbers.clone(), Arc::clone(&next));
            tasks.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    if let Some(rate) = rate {
                        let seconds = f64::from(number - numbers.start) / f64::from(rate);
                        sleep_until(start + Duration::from_secs_f64(seconds)).await;
                    }
                    poster.post_one(number).await;
                }
            });
        }
        tasks.join_all().await;
    }

    async fn post_one(&self, number: u32) {
        let key = &self.keys[usize::try_from(number).unwrap() % self.keys.len()];
        let body = json!({
            "phone": phone(number),
            "consent": {
                "consent_timestamp": "2026-01-31T12:00:00Z",
                "consent_text_version": "v1",
                "source_url": "https://acme.example/quote",
            },
        });
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let request = self.client.post(&self.url).bearer_auth(key).json(&body);
            let response = request.header("idempotency-key", format!("lead-{number}")).send().await;
            // The program may be killed, and the database stopped.
            let refusal = match response.map(|response| response.status().as_u16()) {
                Ok(200..=299) => return,
                Ok(status @ (409 | 429 | 503)) => format!("status {status}"),
                Ok(status) => panic!("lead {number}: status {status}"),
                Err(error) => error.to_string(),
            };
            assert!(Instant::now() < deadline, "lead {number}: {refusal}");
            sleep(PAUSE).await;
        }
    }
}
