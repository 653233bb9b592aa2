//! What must be true afterwards, and the report.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use leadgate_domain::EndpointId;
use leadgate_store::DeliveryFilter;
use serde_json::Value;
use uuid::Uuid;

use super::ChaosTest;
use super::endpoints::{ChaosEndpoint, ChaosOrganization};
use super::roles::Role;
use crate::world::World;

const PAGE: u32 = 5_000;

/// What Leadgate says about deliveries.
#[derive(Default)]
pub(super) struct DeliveryReport {
    /// The states of deliveries that are not done, by event.
    undelivered: HashMap<EndpointId, HashMap<Uuid, String>>,
    /// Attempts by endpoint and result.
    attempts: BTreeMap<(EndpointId, String), usize>,
}

impl DeliveryReport {
    async fn read(world: &World, organizations: &[ChaosOrganization]) -> Self {
        let mut report = Self::default();
        for organization in organizations {
            report.read_undelivered(world, &organization.name).await;
            report.read_attempts(world, organization).await;
        }
        report
    }

    async fn read_undelivered(&mut self, world: &World, organization: &str) {
        let limit = PAGE.to_string();
        let list = ["delivery", "list", "--organization", organization, "--limit", limit.as_str()];
        let mut next = Vec::new();
        loop {
            let after = next.iter().flat_map(|cursor: &String| ["--after", cursor.as_str()]);
            let page = world.cli(&list.into_iter().chain(after).collect::<Vec<_>>()).await;
            for one in page["data"].as_array().unwrap() {
                let text = |name: &str| one[name].as_str().unwrap();
                let events = self.undelivered.entry(text("endpoint").parse().unwrap()).or_default();
                events.insert(text("event").parse().unwrap(), text("state").to_owned());
            }
            match &page["next"] {
                Value::String(cursor) => next = vec![cursor.clone()],
                _ => return,
            }
        }
    }

    async fn read_attempts(&mut self, world: &World, organization: &ChaosOrganization) {
        let mut after = None;
        loop {
            let filter = DeliveryFilter::default();
            let page = world.store.attempts(organization.id, filter, after, PAGE).await.unwrap();
            for attempt in page.data {
                *self.attempts.entry((attempt.endpoint, attempt.result)).or_default() += 1;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
    }

    fn attempts(&self, endpoint: EndpointId, result: &str) -> usize {
        self.attempts.get(&(endpoint, result.to_owned())).copied().unwrap_or(0)
    }

    fn undelivered(&self, endpoint: EndpointId) -> impl Iterator<Item = (&Uuid, &String)> {
        self.undelivered.get(&endpoint).into_iter().flatten()
    }

    fn count(&self, endpoint: EndpointId, state: &str) -> usize {
        self.undelivered(endpoint).filter(|(_, other)| *other == state).count()
    }
}

impl ChaosTest {
    pub(super) async fn check(&self) {
        let report = DeliveryReport::read(&self.world, &self.organizations).await;
        self.print(&report);
        for endpoint in &self.endpoints {
            self.check_conservation(endpoint, &report);
            self.check_requests(endpoint, &report);
        }
        assert_eq!(self.private.received(), [], "a redirect was followed");
    }

    /// Each event that was due is delivered, or stands in the list of undelivered ones.
    fn check_conservation(&self, endpoint: &ChaosEndpoint, report: &DeliveryReport) {
        let (id, role) = (endpoint.id, endpoint.role);
        if role == Role::Eligible {
            return self.check_suppression(endpoint, report);
        }
        let reference = self.reference(endpoint.organization).inbox.record();
        let leads: BTreeSet<_> = reference.events.values().map(|event| event.lead).collect();
        assert_eq!(leads, self.leads_of(endpoint.organization, 0..self.posted).collect());
        assert_eq!(leads.len(), reference.events.len(), "a lead is created once");
        let is_due = |lead: u32| role.is_healthy() || lead >= self.first_of_faulty;
        let due: BTreeSet<_> = reference
            .events
            .iter()
            .filter(|(_, event)| is_due(event.lead))
            .map(|(event, _)| *event)
            .collect();
        drop(reference);
        let record = endpoint.inbox.record();
        let delivered: BTreeSet<_> = record.delivered().map(|(event, _)| *event).collect();
        let known: BTreeSet<_> = report.undelivered(id).map(|(event, _)| *event).collect();
        let lost: Vec<_> =
            due.iter().filter(|one| !delivered.contains(one) && !known.contains(one)).collect();
        assert!(lost.is_empty(), "{} of {} events to {role:?} are lost: {lost:?}", lost.len(), due.len());
        assert!(record.events.keys().chain(&known).all(|event| due.contains(event)), "{role:?}");
        if role.receives_all() {
            assert_eq!((delivered.len(), known.len()), (due.len(), 0), "{role:?}");
        }
        if role.is_drained() {
            assert_eq!(report.count(id, "pending"), 0, "{role:?}");
        }
        if role == Role::Failing {
            assert!(report.count(id, "exhausted") > 0);
        }
    }

    /// Leads that were suppressed before the attempt are withdrawn, and all others are delivered.
    fn check_suppression(&self, endpoint: &ChaosEndpoint, report: &DeliveryReport) {
        let suppressed = &self.suppressed;
        let record = endpoint.inbox.record();
        let received: BTreeSet<_> = record.events.values().map(|event| event.lead).collect();
        let leads = self.leads_of(endpoint.organization, self.first_of_faulty..self.posted);
        let (held, eligible): (BTreeSet<_>, BTreeSet<_>) = leads.partition(|lead| suppressed.contains(lead));
        assert_eq!(received, eligible, "only leads that may be called");
        let counts = ["withdrawn", "exhausted", "pending"].map(|state| report.count(endpoint.id, state));
        assert_eq!(counts, [held.len(), 0, 0]);
    }

    /// All requests are signed, and only requests in flight are repeated.
    fn check_requests(&self, endpoint: &ChaosEndpoint, report: &DeliveryReport) {
        let (role, record) = (endpoint.role, endpoint.inbox.record());
        let invalid = &record.invalid;
        assert!(invalid.is_empty(), "{} invalid requests to {role:?}: {}", invalid.len(), invalid[0]);
        if role == Role::Rotated {
            assert!(record.signed_by_second > 0);
        }
        if role == Role::Untrusted {
            assert_eq!(endpoint.requests(), 0);
        }
        // On a busy machine an answer can come too late, so that the request is repeated.
        let late = report.attempts(endpoint.id, "timed_out").saturating_sub(record.hung);
        let most = self.injector.kills * role.concurrency() + late;
        let duplicates = record.duplicates();
        assert!(
            duplicates <= most,
            "{duplicates} requests to {role:?} were repeated, at most {most} expected"
        );
    }

    fn print(&self, report: &DeliveryReport) {
        let kills = self.injector.kills;
        println!(
            "{:?}: {} events, {} endpoints in {} organizations, {kills} kills, {:.1} s",
            self.world.shape,
            self.posted,
            self.endpoints.len(),
            self.organizations.len(),
            self.started.elapsed().as_secs_f64()
        );
        let mut attempts = BTreeMap::<_, usize>::new();
        report.attempts.iter().for_each(|((_, result), count)| *attempts.entry(result).or_default() += count);
        println!("attempts: {attempts:?}");
        let count = |state| self.endpoints.iter().map(|one| report.count(one.id, state)).sum::<usize>();
        let sum = |of: fn(&ChaosEndpoint) -> usize| self.endpoints.iter().map(of).sum::<usize>();
        println!(
            "deliveries: {} delivered, {} exhausted, {} withdrawn, {} pending; {} requests, {} duplicates",
            sum(|one| one.inbox.record().delivered().count()),
            count("exhausted"),
            count("withdrawn"),
            count("pending"),
            sum(ChaosEndpoint::requests),
            sum(|one| one.inbox.record().duplicates()),
        );
        let [calm, disturbed] = self.p99.map(|latency| latency.as_secs_f64() * 1_000.0);
        println!(
            "p99 from event to receipt at healthy endpoints: {calm:.0} ms alone, {disturbed:.0} ms with the faulty \
             ones ({:.2} times)",
            disturbed / calm
        );
        for endpoint in &self.endpoints {
            let record = endpoint.inbox.record();
            let results = report.attempts.iter().filter(|((id, _), _)| *id == endpoint.id);
            let results: Vec<_> = results.map(|((_, result), count)| format!("{result} {count}")).collect();
            println!(
                "  {:?} of {}: {} delivered, {} duplicates; attempts: {}",
                endpoint.role,
                self.organizations[endpoint.organization].name,
                record.delivered().count(),
                record.duplicates(),
                results.join(", ")
            );
        }
    }
}

/// The 99th percentile.
pub(super) fn p99(mut latencies: Vec<Duration>) -> Duration {
    latencies.sort_unstable();
    latencies[latencies.len() * 99 / 100]
}
