//! Finds endpoints with deliveries to attempt, and drains them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use leadgate_domain::OrganizationId;
use leadgate_store::{Store, StoreError};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::address_guard::AddressGuard;
use crate::client::WebhookClient;
use crate::drain::{Drain, DrainContext};
use crate::egress_proxy::EgressProxy;

/// How often a dispatcher looks for endpoints.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How often the age of the oldest due delivery is measured.
const AGE_INTERVAL: Duration = Duration::from_secs(10);

/// The settings of a dispatcher.
#[derive(Debug, Clone)]
pub struct DispatcherConfig {
    /// Maximum number of concurrent attempts.
    pub connections: usize,
    /// Maximum number of endpoints to which this dispatcher sends at once.
    pub endpoints: usize,
    /// Time limit of an attempt, from the look-up of the host to the status of the response.
    pub timeout: Duration,
    /// Where connections may be opened.
    pub guard: AddressGuard,
    /// The HTTP proxy for requests. It decides to which addresses connections are opened.
    pub proxy: Option<EgressProxy>,
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        Self {
            connections: 512,
            endpoints: 256,
            timeout: Duration::from_secs(15),
            guard: AddressGuard::default(),
            proxy: None,
        }
    }
}

/// An organization may use this part of the connections: one in four.
const PART_OF_ORGANIZATION: usize = 4;

/// Sends events to endpoints until its stop token is cancelled.
pub struct Dispatcher {
    store: Store,
    client: WebhookClient,
    config: DispatcherConfig,
    connections: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Dispatcher {
    /// # Errors
    /// When TLS cannot be initialized.
    pub fn new(store: Store, config: DispatcherConfig, stop: CancellationToken) -> reqwest::Result<Self> {
        let client = WebhookClient::new(config.guard.clone(), config.proxy.as_ref(), config.timeout)?;
        let connections = Arc::new(Semaphore::new(config.connections));
        Ok(Self { store, client, config, connections, stop })
    }

    /// Runs until the stop. Attempts in flight are finished and recorded first.
    pub async fn run(self) {
        let mut ticks = interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut drains, mut failing) = (JoinSet::new(), false);
        let (mut organizations, mut age_due) = (HashMap::new(), Instant::now());
        while self.stop.run_until_cancelled(ticks.tick()).await.is_some() {
            while let Some(ended) = drains.try_join_next() {
                log_crash(ended);
            }
            organizations.retain(|_, connections: &mut Weak<Semaphore>| connections.strong_count() > 0);
            match self.lease(&mut drains, &mut organizations).await {
                Ok(()) if std::mem::take(&mut failing) => tracing::info!("deliveries continue"),
                Ok(()) => {}
                // Logged once until it works again.
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    tracing::warn!(%error, "endpoints cannot be read");
                }
                Err(_) => {}
            }
            if age_due <= Instant::now() {
                age_due = Instant::now() + AGE_INTERVAL;
                // The next measurement shows the age if this one fails.
                if let Ok(age) = self.store.oldest_due_delivery_age().await {
                    metrics::gauge!("leadgate_delivery_oldest_due_seconds").set(age.as_secs_f64());
                }
            }
        }
        while let Some(ended) = drains.join_next().await {
            log_crash(ended);
        }
    }

    async fn lease(
        &self,
        drains: &mut JoinSet<()>,
        organizations: &mut HashMap<OrganizationId, Weak<Semaphore>>,
    ) -> Result<(), StoreError> {
        let room = self.config.endpoints.saturating_sub(drains.len());
        if room == 0 {
            return Ok(());
        }
        let leased_at = Instant::now();
        for leased in self.store.lease_endpoints(u32::try_from(room).unwrap_or(u32::MAX)).await? {
            let shared = organizations.entry(leased.endpoint.organization).or_default();
            let organization_connections = shared.upgrade().unwrap_or_else(|| {
                let own = (self.config.connections / PART_OF_ORGANIZATION).max(1);
                Arc::new(Semaphore::new(own))
            });
            *shared = Arc::downgrade(&organization_connections);
            let context = DrainContext {
                store: self.store.clone(),
                client: self.client.clone(),
                connections: Arc::clone(&self.connections),
                organization_connections,
                stop: self.stop.clone(),
            };
            drains.spawn(Drain::new(context, leased, leased_at).run());
        }
        Ok(())
    }
}

fn log_crash(ended: Result<(), JoinError>) {
    if ended.is_err() {
        tracing::error!("the deliveries of an endpoint crashed; they continue when its lease ends");
    }
}
