//! Single look-ups of keys, so that a new key works at once and a guesser costs next to nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadgate_domain::{ApiKey, KeyId, Source};
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::client_address::counted;
use crate::problem::Refusal;

/// A key that was not there a moment ago is still not there.
const REMEMBERED: Duration = Duration::from_secs(2);

/// Each remembered id costs about a hundred bytes.
const MOST_REMEMBERED: u64 = 10_000;

const MOST_AT_ONCE: usize = 8;
const MOST_AT_ONCE_PER_ADDRESS: usize = 2;

pub(crate) type FoundKey = Option<(Arc<ApiKey>, Arc<Source>)>;

pub(crate) struct Lookups {
    answers: Cache<KeyId, FoundKey>,
    everywhere: Semaphore,
    addresses: Mutex<HashMap<String, usize>>,
}

impl Lookups {
    pub(crate) fn new() -> Self {
        Self {
            answers: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED).build(),
            everywhere: Semaphore::new(MOST_AT_ONCE),
            addresses: Mutex::new(HashMap::new()),
        }
    }

    /// Runs `fetch` unless the same id is being fetched, or was a moment ago. A failure is not remembered.
    pub(crate) async fn run(
        &self,
        id: &KeyId,
        address: Option<IpAddr>,
        fetch: impl Future<Output = Result<FoundKey, Refusal>>,
    ) -> Result<FoundKey, Refusal> {
        let bounded = async {
            let _turn = self.turn(address).ok_or(Refusal::KeysUnavailable)?;
            let _permit = self.everywhere.try_acquire().map_err(|_| Refusal::KeysUnavailable)?;
            fetch.await
        };
        // Those who waited for somebody else's fetch share its failure; there is but one kind.
        self.answers.try_get_with_by_ref(id, bounded).await.map_err(|_| Refusal::KeysUnavailable)
    }

    fn turn(&self, address: Option<IpAddr>) -> Option<Turn<'_>> {
        let from = address.map(counted).unwrap_or_default();
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let running = addresses.entry(from.clone()).or_default();
        if *running == MOST_AT_ONCE_PER_ADDRESS {
            return None;
        }
        *running += 1;
        Some(Turn { addresses: &self.addresses, from })
    }
}

/// One look-up under way on behalf of an address.
struct Turn<'l> {
    addresses: &'l Mutex<HashMap<String, usize>>,
    from: String,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = addresses.get_mut(&self.from) {
            *running -= 1;
            if *running == 0 {
                addresses.remove(&self.from);
            }
        }
    }
}
