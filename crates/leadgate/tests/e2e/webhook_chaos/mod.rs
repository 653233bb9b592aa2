//! Webhooks while receivers fail in many ways, dispatchers are killed, and the database is restarted: no event is lost
//! (invariant 11), and nothing is sent that must not be.

mod checks;
mod endpoints;
mod faults;
mod inbox;
mod leads;
mod roles;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use leadgate_store::DeliveryFilter;
use leadgate_testkit::receiver::{Answer, Receiver};
use leadgate_testkit::servers::{PostgresServer, shared};

use self::checks::p99;
use self::endpoints::{ChaosEndpoint, ChaosOrganization};
use self::faults::FaultInjector;
use self::leads::{Poster, phone};
use self::roles::{FAULTY, Role};
use crate::webhooks::ALLOW_THIS_MACHINE;
use crate::world::{Servers, Shape, World, until};

/// Leads per second while the latency is measured.
const MEASURED_RATE: u32 = 25;

/// Leads of each organization that are suppressed.
const SUPPRESSED: usize = 20;

/// CI runs the short form, `just webhook-chaos` the long one.
struct Plan {
    /// Leads. Each is an event `lead.created` and an event `lead.eligible`.
    events: u32,
    /// The leads of each of the two measurements.
    measured: u32,
    /// The endpoints of each organization.
    organizations: Vec<Vec<Role>>,
    kills: usize,
}

impl Plan {
    fn from_environment() -> Self {
        let events = std::env::var("LEADGATE_TEST_EVENTS").ok().map_or(300, |text| text.parse().unwrap());
        let measured = (events / 6).min(2_500);
        let mixed = [&[Role::Healthy, Role::Rotated], &FAULTY[..]].concat();
        if events < 5_000 {
            return Self { events, measured, organizations: vec![mixed], kills: 4 };
        }
        let organizations = vec![mixed.clone(), mixed.clone(), mixed, vec![Role::Healthy; 8]];
        Self { events, measured, organizations, kills: 10 }
    }
}

struct ChaosTest {
    world: World,
    injector: FaultInjector,
    organizations: Vec<ChaosOrganization>,
    endpoints: Vec<ChaosEndpoint>,
    /// Receives what a client would receive that follows redirects.
    private: Receiver,
    /// The number of leads so far.
    posted: u32,
    /// The first lead whose events are due at faulty endpoints.
    first_of_faulty: u32,
    suppressed: BTreeSet<u32>,
    /// From event to receipt at healthy endpoints: without faulty ones, and with them.
    p99: [Duration; 2],
    started: Instant,
}

impl ChaosTest {
    async fn start(shape: Shape, organizations: usize) -> Self {
        let started = Instant::now();
        let settings = [ALLOW_THIS_MACHINE];
        let (mut world, postgres) = match shape {
            Shape::Embedded => (World::start_with(shape, "webhook-chaos", &settings).await, None),
            Shape::Distributed => {
                let postgres = PostgresServer::start().await.unwrap();
                let (rabbitmq, redis) = tokio::join!(shared().rabbitmq(), shared().redis());
                let servers =
                    Servers { postgres: &postgres, rabbitmq: rabbitmq.unwrap(), redis: redis.unwrap() };
                let world = World::distributed_with("webhook-chaos", &servers, 2, &settings);
                (world.await, Some(postgres))
            }
        };
        let mut all = Vec::new();
        for index in 0..organizations {
            all.push(ChaosOrganization::nth(&world, index).await);
        }
        let injector = FaultInjector::start(&mut world, postgres).await;
        Self {
            world,
            injector,
            organizations: all,
            endpoints: Vec::new(),
            private: Receiver::start().await.unwrap(),
            posted: 0,
            first_of_faulty: 0,
            suppressed: BTreeSet::new(),
            p99: [Duration::ZERO; 2],
            started,
        }
    }

    async fn create_endpoints(&mut self, plan: &Plan, wanted: impl Fn(Role) -> bool) {
        let private = self.private.url();
        for (position, organization) in self.organizations.iter().enumerate() {
            for role in plan.organizations[position].iter().copied().filter(|role| wanted(*role)) {
                let owner = (position, organization);
                self.endpoints.push(ChaosEndpoint::create(&self.world, owner, role, &private).await);
            }
        }
    }

    /// The first endpoint of an organization. It is healthy and receives all events.
    fn reference(&self, organization: usize) -> &ChaosEndpoint {
        self.endpoints.iter().find(|one| one.organization == organization).unwrap()
    }

    /// The numbers of an organization's leads.
    fn leads_of(&self, organization: usize, range: Range<u32>) -> impl Iterator<Item = u32> {
        let organizations = self.organizations.len();
        range.filter(move |lead| usize::try_from(*lead).unwrap() % organizations == organization)
    }

    fn poster(&self) -> Poster {
        Poster::new(&self.world.base, self.organizations.iter().map(|one| one.key.clone()).collect())
    }

    /// Posts leads at a steady rate. Returns the 99th percentile from event to receipt at healthy endpoints.
    async fn measure(&mut self, leads: u32) -> Duration {
        let range = self.posted..self.posted + leads;
        self.posted = range.end;
        self.poster().post(range, Some(MEASURED_RATE)).await;
        let mut latencies = Vec::new();
        for endpoint in self.endpoints.iter().filter(|one| one.role.is_healthy()) {
            endpoint.await_delivered(self.leads_of(endpoint.organization, 0..self.posted).count()).await;
            latencies.extend(endpoint.inbox.take_latencies());
        }
        p99(latencies)
    }

    /// Waits until faulty receivers have made attempts fail in their way.
    async fn await_failures(&self) {
        for endpoint in &self.endpoints {
            let Some(failure) = endpoint.role.failure() else { continue };
            let filter = DeliveryFilter { endpoint: Some(endpoint.id), ..DeliveryFilter::default() };
            let owner = self.organizations[endpoint.organization].id;
            let has_failed = || async {
                let page = self.world.store.attempts(owner, filter, None, 1_000).await.unwrap();
                page.data.iter().any(|attempt| attempt.result == failure).then_some(())
            };
            until(failure, has_failed).await;
        }
    }

    /// Kills dispatchers again and again while leads are posted, and does something else each time.
    async fn kill_under_load(&mut self, leads: u32, kills: usize) {
        let range = self.posted..self.posted + leads;
        self.posted = range.end;
        let before = self.leads_of(0, 0..range.start).count();
        let expected = self.leads_of(0, range.clone()).count();
        let posting = tokio::spawn(self.poster().post(range, None));
        for kill in 0..kills {
            let share = expected * (kill + 1) / (kills + 1);
            self.reference(0).await_delivered(before + share).await;
            if kill == 0 {
                // Before a minute passes: a suspended endpoint is attempted after a long pause only.
                self.recover(|role| role == Role::Busy);
            }
            self.injector.kill(&mut self.world).await;
            self.note("killed");
            match kill {
                0 => self.change(Role::Rotated, "rotate-secret").await,
                1 => self.injector.restart_database(&self.world).await,
                2 => {
                    self.suppress().await;
                    self.change(Role::Eligible, "enable").await;
                }
                _ if kill + 1 == kills => self.recover(Role::recovers),
                _ => {}
            }
        }
        posting.await.unwrap();
    }

    async fn change(&self, role: Role, command: &str) {
        for endpoint in self.endpoints.iter().filter(|one| one.role == role) {
            endpoint.change(&self.world, &self.organizations[endpoint.organization], command).await;
        }
    }

    /// Suppresses leads whose events wait for the endpoint that wants `lead.eligible`.
    async fn suppress(&mut self) {
        for endpoint in self.endpoints.iter().filter(|one| one.role == Role::Eligible) {
            let leads = self.leads_of(endpoint.organization, self.first_of_faulty..self.posted);
            let leads: Vec<_> = leads.take(SUPPRESSED).collect();
            let phones: Vec<_> = leads.iter().map(|lead| phone(*lead)).collect();
            let name = &self.organizations[endpoint.organization].name;
            let phones = phones.iter().flat_map(|phone| ["--phone", phone.as_str()]);
            let add = ["suppression", "add", "--organization", name].into_iter().chain(phones);
            self.world.cli(&add.collect::<Vec<_>>()).await;
            self.suppressed.extend(leads);
        }
    }

    fn recover(&self, recovering: impl Fn(Role) -> bool) {
        for endpoint in self.endpoints.iter().filter(|one| recovering(one.role)) {
            endpoint.inbox.answer(Answer::status(204));
        }
    }

    /// Waits until all is delivered that can be.
    async fn finish(&self) {
        for endpoint in self.endpoints.iter().filter(|one| one.role.recovers()) {
            // It may be suspended, or disabled by a 410.
            endpoint.change(&self.world, &self.organizations[endpoint.organization], "enable").await;
        }
        for endpoint in self.endpoints.iter().filter(|one| one.role.is_drained()) {
            endpoint.await_drained(&self.world, &self.organizations[endpoint.organization]).await;
        }
        self.injector.stop_all(&self.world).await;
    }

    fn note(&self, what: &str) {
        println!("{:?}, {:.1} s: {what}", self.world.shape, self.started.elapsed().as_secs_f64());
    }
}

async fn chaos_loses_no_event(shape: Shape) {
    let plan = Plan::from_environment();
    let mut chaos = ChaosTest::start(shape, plan.organizations.len()).await;
    chaos.create_endpoints(&plan, Role::is_healthy).await;
    chaos.note("healthy endpoints alone");
    chaos.p99[0] = chaos.measure(plan.measured).await;
    chaos.first_of_faulty = chaos.posted;
    chaos.create_endpoints(&plan, |role| !role.is_healthy()).await;
    chaos.note("with faulty ones");
    chaos.p99[1] = chaos.measure(plan.measured).await;
    chaos.await_failures().await;
    chaos.note("with kills");
    chaos.kill_under_load(plan.events - 2 * plan.measured, plan.kills).await;
    chaos.note("all posted");
    chaos.finish().await;
    chaos.note("all delivered");
    chaos.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_loses_no_event_embedded() {
    chaos_loses_no_event(Shape::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_loses_no_event_distributed() {
    chaos_loses_no_event(Shape::Distributed).await;
}
