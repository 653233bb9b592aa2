//! Single look-ups of keys, so that a new key works at once and a guesser costs next to nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadgate_domain::{ApiKey, KeyId, Source};
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::client_address::rate_limit_key;
use crate::refusal::Refusal;

/// A key that was not there a moment ago is still not there.
const CACHE_TTL: Duration = Duration::from_secs(2);

/// Each remembered id costs about a hundred bytes.
const MOST_REMEMBERED: u64 = 10_000;

const MOST_AT_ONCE: usize = 8;
const MOST_AT_ONCE_PER_ADDRESS: usize = 2;

pub(crate) type KeyLookupResult = Option<(Arc<ApiKey>, Arc<Source>)>;

pub(crate) struct KeyLookups {
    answers: Cache<KeyId, KeyLookupResult>,
    everywhere: Semaphore,
    addresses: Mutex<HashMap<String, usize>>,
}

impl KeyLookups {
    pub(crate) fn new() -> Self {
        Self {
            answers: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(CACHE_TTL).build(),
            everywhere: Semaphore::new(MOST_AT_ONCE),
            addresses: Mutex::new(HashMap::new()),
        }
    }

    /// Runs `fetch` unless the same id is being fetched, or was a moment ago. A failure is not remembered.
    pub(crate) async fn run(
        &self,
        id: &KeyId,
        address: Option<IpAddr>,
        fetch: impl Future<Output = Result<KeyLookupResult, Refusal>>,
    ) -> Result<KeyLookupResult, Refusal> {
        let bounded = async {
            let _turn = self.try_acquire(address).ok_or(Refusal::KeysUnavailable)?;
            let _permit = self.everywhere.try_acquire().map_err(|_| Refusal::KeysUnavailable)?;
            fetch.await
        };
        // Callers that waited for the same fetch share its error; there is only one.
        self.answers.try_get_with_by_ref(id, bounded).await.map_err(|_| Refusal::KeysUnavailable)
    }

    fn try_acquire(&self, address: Option<IpAddr>) -> Option<LookupPermit<'_>> {
        let from = address.map(rate_limit_key).unwrap_or_default();
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let running = addresses.entry(from.clone()).or_default();
        if *running == MOST_AT_ONCE_PER_ADDRESS {
            return None;
        }
        *running += 1;
        Some(LookupPermit { addresses: &self.addresses, from })
    }
}

/// One look-up under way on behalf of an address.
struct LookupPermit<'l> {
    addresses: &'l Mutex<HashMap<String, usize>>,
    from: String,
}

impl Drop for LookupPermit<'_> {
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    fn id(number: usize) -> KeyId {
        KeyId::parse(&format!("{number:010}")).unwrap()
    }

    fn from(number: u8) -> Option<IpAddr> {
        Some([192, 0, 2, number].into())
    }

    #[tokio::test]
    async fn many_who_ask_for_the_same_key_ask_once_and_a_miss_is_remembered() {
        let (lookups, fetches) = (KeyLookups::new(), AtomicUsize::new(0));
        let fetch = || async {
            fetches.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(None)
        };
        let wanted = id(1);
        let asking = (0..50).map(|_| lookups.run(&wanted, from(1), fetch()));
        assert!(join_all(asking).await.into_iter().all(|found| found.unwrap().is_none()));
        assert!(lookups.run(&id(1), from(1), fetch()).await.unwrap().is_none());
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        assert!(lookups.addresses.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let lookups = KeyLookups::new();
        assert!(lookups.run(&id(1), from(1), async { Err(Refusal::KeysUnavailable) }).await.is_err());
        assert!(lookups.run(&id(1), from(1), async { Ok(None) }).await.is_ok());
    }

    #[tokio::test]
    async fn an_address_and_all_addresses_together_have_their_bounds() {
        let (lookups, gate) = (KeyLookups::new(), Notify::new());
        let held = |number: usize, address| {
            let (lookups, gate) = (&lookups, &gate);
            Box::pin(async move {
                let fetch = async {
                    gate.notified().await;
                    Ok(None)
                };
                lookups.run(&id(number), address, fetch).await
            })
        };
        let ask = async |number, address| lookups.run(&id(number), address, async { Ok(None) }).await;
        let mut running: Vec<_> = (0..2).map(|number| held(number, from(1))).collect();
        for running in &mut running {
            assert!(futures_util::poll!(running.as_mut()).is_pending());
        }
        assert!(ask(90, from(1)).await.is_err(), "two at once from one address");
        assert!(ask(91, from(2)).await.is_ok());
        for number in 2..MOST_AT_ONCE {
            let address = from(u8::try_from(number).unwrap() + 10);
            running.push(held(number, address));
            assert!(futures_util::poll!(running.last_mut().unwrap().as_mut()).is_pending());
        }
        assert!(ask(92, from(3)).await.is_err(), "eight at once from everywhere");
        drop(running);
        assert!(ask(93, from(1)).await.is_ok(), "whoever went away makes room");
    }
}
