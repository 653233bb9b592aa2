//! The endpoints, and their organizations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::{EndpointId, OrganizationId};
use leadgate_testkit::receiver::{UntrustedServer, WebhookServer};
use tokio::time::{sleep, timeout};

use super::inbox::Inbox;
use super::roles::Role;
use crate::world::{TIMEOUT, World};

pub(super) struct ChaosOrganization {
    pub(super) name: String,
    pub(super) id: OrganizationId,
    pub(super) key: String,
}

impl ChaosOrganization {
    /// The first is that of the world, the others are new.
    pub(super) async fn nth(world: &World, index: usize) -> Self {
        if index == 0 {
            return Self { name: "acme".to_owned(), id: world.organization, key: world.key.clone() };
        }
        let name = format!("chaos-{index}");
        let create = ["key", "create", "--organization", &name, "--create-organization"];
        let created = world.cli(&[&create[..], &["--rate", "10000000/min"]].concat()).await;
        let id = world.store.organization_named(&name).await.unwrap().unwrap().id;
        Self { name, id, key: created["key"].as_str().unwrap().to_owned() }
    }
}

enum Server {
    /// Requests are counted by the inbox.
    Webhook {
        _running: WebhookServer,
    },
    Untrusted(UntrustedServer),
}

pub(super) struct ChaosEndpoint {
    pub(super) role: Role,
    /// The position of its organization.
    pub(super) organization: usize,
    pub(super) id: EndpointId,
    pub(super) inbox: Arc<Inbox>,
    server: Server,
}

impl ChaosEndpoint {
    pub(super) async fn create(
        world: &World,
        (position, organization): (usize, &ChaosOrganization),
        role: Role,
        private: &str,
    ) -> Self {
        let inbox = Arc::new(Inbox::new(role.answer(private)));
        let shared = Arc::clone(&inbox);
        let (server, url) = if role == Role::Untrusted {
            let server = UntrustedServer::start().await.unwrap();
            let url = server.url();
            (Server::Untrusted(server), url)
        } else {
            let server = WebhookServer::start(move |request| shared.receive(&request)).await.unwrap();
            let url = server.url();
            (Server::Webhook { _running: server }, url)
        };
        let concurrency = role.concurrency().to_string();
        let create = ["endpoint", "create", "--organization", &organization.name, "--url", &url];
        let settings =
            ["--events", role.events(), "--retry", role.retry(), "--concurrency", concurrency.as_str()];
        let created = world.cli(&[&create[..], &settings].concat()).await;
        inbox.add_secret(created["secret"].as_str().unwrap());
        let id = created["id"].as_str().unwrap().parse().unwrap();
        let endpoint = Self { role, organization: position, id, inbox, server };
        if role == Role::Eligible {
            endpoint.change(world, organization, "disable").await;
        }
        endpoint
    }

    /// Runs `leadgate endpoint disable`, or the like.
    pub(super) async fn change(&self, world: &World, organization: &ChaosOrganization, command: &str) {
        let id = self.id.to_string();
        let changed = world.cli(&["endpoint", command, &id, "--organization", &organization.name]).await;
        if let Some(secret) = changed["secret"].as_str() {
            self.inbox.add_secret(secret);
        }
    }

    /// Requests so far. To a server whose certificate is not trusted there must be none.
    pub(super) fn requests(&self) -> usize {
        match &self.server {
            Server::Webhook { .. } => self.inbox.record().requests,
            Server::Untrusted(server) => server.requests(),
        }
    }

    /// Waits until this number of events was delivered. Fails if there is no further one for [`TIMEOUT`].
    pub(super) async fn await_delivered(&self, count: usize) {
        let mut delivered = self.inbox.delivered();
        while *delivered.borrow_and_update() < count {
            let next = timeout(TIMEOUT, delivered.changed()).await;
            let so_far = *delivered.borrow();
            next.unwrap_or_else(|_| panic!("{so_far} of {count} events at {:?}", self.role)).unwrap();
        }
    }

    /// Waits until no delivery is pending. Fails if their number does not fall for [`TIMEOUT`].
    pub(super) async fn await_drained(&self, world: &World, organization: &ChaosOrganization) {
        let (mut least, mut since) = (u64::MAX, Instant::now());
        loop {
            let counts = world.store.count_deliveries(organization.id, self.id).await.unwrap();
            if counts.pending == 0 {
                return;
            }
            if counts.pending < least {
                (least, since) = (counts.pending, Instant::now());
            }
            assert!(since.elapsed() < TIMEOUT, "{least} deliveries to {:?} remain", self.role);
            sleep(Duration::from_millis(100)).await;
        }
    }
}
