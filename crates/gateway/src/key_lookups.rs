//! Looks up single keys in the store. A new key works at once, and guessed keys cause little load.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadgate_domain::{ApiKey, KeyId, Source};
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::client_address::rate_limit_key;
use crate::refusal::Refusal;

/// How long a result is cached, so that repeated requests with an unknown key cause one query.
const CACHE_TTL: Duration = Duration::from_secs(2);

/// Each cached id takes about 100 bytes.
const MAX_CACHED: u64 = 10_000;

const MAX_CONCURRENT: usize = 8;
const MAX_CONCURRENT_PER_ADDRESS: usize = 2;

pub(crate) type KeyLookupResult = Option<(Arc<ApiKey>, Arc<Source>)>;

pub(crate) struct KeyLookups {
    cache: Cache<KeyId, KeyLookupResult>,
    permits: Semaphore,
    addresses: Mutex<HashMap<String, usize>>,
}

impl KeyLookups {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::builder().max_capacity(MAX_CACHED).time_to_live(CACHE_TTL).build(),
            permits: Semaphore::new(MAX_CONCURRENT),
            addresses: Mutex::new(HashMap::new()),
        }
    }

    /// Runs `fetch`, unless the result for the id is cached or another request is fetching it. Errors are not
    /// cached.
    pub(crate) async fn run(
        &self,
        id: &KeyId,
        address: Option<IpAddr>,
        fetch: impl Future<Output = Result<KeyLookupResult, Refusal>>,
    ) -> Result<KeyLookupResult, Refusal> {
        let bounded = async {
            let _lookup = self.try_acquire(address).ok_or(Refusal::KeysUnavailable)?;
            let _permit = self.permits.try_acquire().map_err(|_| Refusal::KeysUnavailable)?;
            fetch.await
        };
        // Callers that wait for the same fetch share its error, which is always `KeysUnavailable`.
        self.cache.try_get_with_by_ref(id, bounded).await.map_err(|_| Refusal::KeysUnavailable)
    }

    fn try_acquire(&self, address: Option<IpAddr>) -> Option<LookupPermit<'_>> {
        let key = address.map(rate_limit_key).unwrap_or_default();
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let running = addresses.entry(key.clone()).or_default();
        if *running == MAX_CONCURRENT_PER_ADDRESS {
            return None;
        }
        *running += 1;
        Some(LookupPermit { addresses: &self.addresses, key })
    }
}

/// A running look-up, counted for its client address.
struct LookupPermit<'l> {
    addresses: &'l Mutex<HashMap<String, usize>>,
    key: String,
}

impl Drop for LookupPermit<'_> {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = addresses.get_mut(&self.key) {
            *running -= 1;
            if *running == 0 {
                addresses.remove(&self.key);
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

    fn address(number: u8) -> Option<IpAddr> {
        Some([192, 0, 2, number].into())
    }

    #[tokio::test]
    async fn concurrent_lookups_of_a_key_fetch_once_and_a_miss_is_cached() {
        let (lookups, fetches) = (KeyLookups::new(), AtomicUsize::new(0));
        let fetch = || async {
            fetches.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(None)
        };
        let key = id(1);
        let requests = (0..50).map(|_| lookups.run(&key, address(1), fetch()));
        assert!(join_all(requests).await.into_iter().all(|found| found.unwrap().is_none()));
        assert!(lookups.run(&id(1), address(1), fetch()).await.unwrap().is_none());
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        assert!(lookups.addresses.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn an_error_is_not_cached() {
        let lookups = KeyLookups::new();
        assert!(lookups.run(&id(1), address(1), async { Err(Refusal::KeysUnavailable) }).await.is_err());
        assert!(lookups.run(&id(1), address(1), async { Ok(None) }).await.is_ok());
    }

    #[tokio::test]
    async fn lookups_are_limited_per_address_and_in_total() {
        let (lookups, gate) = (KeyLookups::new(), Notify::new());
        let pending_lookup = |number: usize, client| {
            let (lookups, gate) = (&lookups, &gate);
            Box::pin(async move {
                let fetch = async {
                    gate.notified().await;
                    Ok(None)
                };
                lookups.run(&id(number), client, fetch).await
            })
        };
        let look_up = async |number, client| lookups.run(&id(number), client, async { Ok(None) }).await;
        let mut running: Vec<_> = (0..2).map(|number| pending_lookup(number, address(1))).collect();
        for running in &mut running {
            assert!(futures_util::poll!(running.as_mut()).is_pending());
        }
        assert!(look_up(90, address(1)).await.is_err(), "at most two per address");
        assert!(look_up(91, address(2)).await.is_ok());
        for number in 2..MAX_CONCURRENT {
            let client = address(u8::try_from(number).unwrap() + 10);
            running.push(pending_lookup(number, client));
            assert!(futures_util::poll!(running.last_mut().unwrap().as_mut()).is_pending());
        }
        assert!(look_up(92, address(3)).await.is_err(), "at most eight in total");
        drop(running);
        assert!(look_up(93, address(1)).await.is_ok(), "a cancelled look-up returns its permits");
    }
}
