//! Events and deliveries: which are written, who gets them, and what becomes of attempts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use leadgate_domain::secret::RootSecret;
use leadgate_domain::{
    Attempt, AttemptId, AttemptResult, AuditAction, Correction, DeliveryCounts, Eligibility, Endpoint,
    EndpointSecrets, EndpointSettings, EndpointState, EventType, Fields, Outcome, Patch, Retention,
    Submission, SuppressionKind, Timestamp,
};
use leadgate_store::{DueDelivery, DuePosition, FinishedAttempt, LeasedEndpoint, Store, StoreError};
use leadgate_testkit::SECRET;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::erasure::{EMAIL, PHONE};
use crate::races::{all_leads, suppression};
use crate::world::{World, over_both};

over_both!(
    every_change_of_a_lead_is_an_event,
    submissions_that_change_no_lead_are_events,
    a_repeated_submission_is_an_event,
    a_correction_is_no_repeated_submission,
    an_endpoint_gets_only_what_it_wants,
    without_an_endpoint_nothing_is_written,
    deliveries_of_a_deleted_endpoint_are_deleted,
    a_suppressed_lead_is_not_announced_as_eligible,
    an_erasure_empties_events_and_responses,
    a_change_needs_the_current_revision,
    secrets_are_sealed,
    a_rotation_of_the_secret_seals_again,
    old_events_are_deleted,
);

impl World {
    pub(crate) async fn endpoint(&self, settings: Value) -> Endpoint {
        let mut all = json!({ "url": "https://crm.example/leads", "events": EventType::ALL });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let settings: EndpointSettings = serde_json::from_value(all).unwrap();
        let endpoint = Endpoint::new(self.organization.id, settings, Timestamp::now());
        let secrets = EndpointSecrets::new(BTreeMap::from([("x-key".to_owned(), "k-1".into())])).unwrap();
        self.store.create_endpoint(&endpoint, &secrets).await.unwrap();
        endpoint
    }

    async fn delete_endpoint(&self, endpoint: &Endpoint) {
        let deleted = Endpoint { deleted_at: Some(Timestamp::now()), ..endpoint.clone() };
        let entry = self.store.entry(self.organization.id, AuditAction::EndpointDeleted);
        self.store.update_endpoint(&deleted, None, entry).await.unwrap().unwrap();
    }

    pub(crate) async fn lease(&self) -> LeasedEndpoint {
        let mut leased = self.store.lease_endpoints(10).await.unwrap();
        assert_eq!(leased.len(), 1);
        leased.pop().unwrap()
    }

    pub(crate) async fn due(&self, leased: &LeasedEndpoint) -> Vec<DueDelivery> {
        self.store
            .due_deliveries(leased, Vec::new(), 1_000, &mut DuePosition::default())
            .await
            .unwrap()
            .unwrap_or_default()
    }

    /// Takes all due events of the only endpoint with some, as a dispatcher that delivers them.
    pub(crate) async fn deliver(&self) -> Vec<DueDelivery> {
        let leased = self.lease().await;
        let due = self.due(&leased).await;
        let delivered = due.iter().map(|due| finished(&leased, due, AttemptResult::Delivered)).collect();
        assert!(self.store.record_attempts(leased.lease, delivered, false).await.unwrap().is_some());
        self.store.end_endpoint_lease(leased.lease, Duration::ZERO).await.unwrap();
        due
    }

    async fn suppress_phone(&self, phone: &str) {
        let entry = suppression(self, SuppressionKind::Phone, phone).await;
        self.store.suppress(self.organization.id, vec![entry], self.judge()).await.unwrap();
    }

    pub(crate) async fn counts(&self, endpoint: &Endpoint) -> DeliveryCounts {
        self.store.count_deliveries(self.organization.id, endpoint.id).await.unwrap()
    }

    pub(crate) async fn health(&self, endpoint: &Endpoint) -> EndpointState {
        self.store.endpoint(self.organization.id, endpoint.id).await.unwrap().unwrap().health.state
    }
}

pub(crate) fn kinds(due: &[DueDelivery]) -> Vec<&'static str> {
    due.iter().map(|due| due.event.kind.as_str()).collect()
}

pub(crate) fn finished(leased: &LeasedEndpoint, due: &DueDelivery, result: AttemptResult) -> FinishedAttempt {
    let endpoint = leased.endpoint.id;
    FinishedAttempt {
        attempt: Attempt {
            id: AttemptId::generate(),
            organization: due.event.organization,
            endpoint,
            event: due.event.id,
            number: due.attempts + 1,
            at: Timestamp::now(),
            duration: Duration::from_millis(12),
            result,
            status: Some(200),
            response: Some("I know 4155550132".to_owned()),
        },
        retry_after: None,
        random: 0.5,
    }
}

async fn every_change_of_a_lead_is_an_event(world: World) {
    world.endpoint(json!({})).await;
    let updating = world.updating_source().await;
    let commit = async |submission: Submission| {
        let batch = vec![world.normalize_by(&updating, submission)];
        world.store.commit(batch, world.judge()).await.unwrap();
    };
    let first = world.eligible(PHONE, EMAIL);
    commit(first.clone()).await;
    let created = world.deliver().await;
    assert_eq!(kinds(&created), ["lead.created", "lead.eligible"]);
    let [lead] = &all_leads(&world).await[..] else { panic!("not one lead") };
    for due in &created {
        assert_eq!((due.event.lead, due.event.submission), (Some(lead.id), Some(first.id)));
        assert_eq!(due.event.document.as_ref(), Some(lead));
    }

    let texts = [(leadgate_domain::TextField::Company, Some("Acme".to_owned()))].into_iter().collect();
    let second =
        world.submission(Fields { phone: Patch::Value(PHONE.to_owned()), texts, ..Fields::default() });
    commit(second.clone()).await;
    let updated = world.deliver().await;
    assert_eq!((kinds(&updated), updated[0].event.submission), (vec!["lead.updated"], Some(second.id)));

    let contacted = "contacted".parse().unwrap();
    world.store.set_lead_status(world.organization.id, lead.id, contacted).await.unwrap();
    let status = world.deliver().await;
    assert_eq!(kinds(&status), ["lead.status_changed"]);
    assert_eq!(status[0].event.detail.previous_status.as_deref(), Some("new"));

    world.suppress_phone(PHONE).await;
    let held = world.deliver().await;
    assert_eq!(kinds(&held), ["lead.held"]);
    assert_eq!(held[0].event.document.as_ref().unwrap().eligibility, Eligibility::Held);

    world.erase(World::subject(&[PHONE], &[EMAIL])).await;
    let erased = world.deliver().await;
    assert_eq!(kinds(&erased), ["lead.erased"]);
    assert_eq!((erased[0].event.lead, &erased[0].event.document), (Some(lead.id), &None));
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty(), "nothing is left");
}

async fn submissions_that_change_no_lead_are_events(world: World) {
    world.endpoint(json!({ "events": ["lead.duplicate", "submission.quarantined"] })).await;
    let first = world.phone(PHONE);
    world.commit(std::slice::from_ref(&first)).await;
    let (again, gone) = (world.phone(PHONE), world.phone("+14155550133"));
    let quarantined =
        world.pipeline.normalize(gone.clone(), None, leadgate_domain::ActiveScoring::standard());
    world.store.commit(vec![world.normalize(again.clone()), quarantined], world.judge()).await.unwrap();
    let due = world.deliver().await;
    assert_eq!(kinds(&due), ["lead.duplicate", "submission.quarantined"]);
    assert_eq!((due[0].event.lead, due[0].event.submission), (Some(first.id.into()), Some(again.id)));
    assert_eq!(due[0].event.document.as_ref().unwrap().e164(), Some(PHONE));
    assert_eq!((due[1].event.lead, due[1].event.submission), (None, Some(gone.id)));
    assert_eq!(due[1].event.detail.quarantine.unwrap().as_str(), "source_gone");
}

/// An update that repeats the values of its lead.
async fn a_repeated_submission_is_an_event(world: World) {
    world.endpoint(json!({ "events": ["lead.updated", "lead.duplicate"] })).await;
    let updating = world.updating_source().await;
    let commit = async |submission: &Submission| {
        let batch = vec![world.normalize_by(&updating, submission.clone())];
        world.store.commit(batch, world.judge()).await.unwrap();
    };
    let (first, again) = (world.phone(PHONE), world.phone(PHONE));
    commit(&first).await;
    commit(&again).await;
    let due = world.deliver().await;
    assert_eq!(kinds(&due), ["lead.duplicate"]);
    assert_eq!((due[0].event.lead, due[0].event.submission), (Some(first.id.into()), Some(again.id)));
    assert_eq!(due[0].event.detail.outcome, Some(Outcome::Updated));
}

/// An operator's correction is stored as a submission, but the person did not sign up again.
async fn a_correction_is_no_repeated_submission(world: World) {
    world.endpoint(json!({ "events": ["lead.updated", "lead.duplicate"] })).await;
    let first = world.phone(PHONE);
    world.commit(std::slice::from_ref(&first)).await;
    let correct = async || {
        let correction =
            Correction { lead: first.id.into(), by: "ann".to_owned(), reason: "asked by phone".to_owned() };
        let texts = [(leadgate_domain::TextField::Company, Some("Acme".to_owned()))].into_iter().collect();
        let fields = Fields { correction: Some(correction), texts, ..Fields::default() };
        world.commit(&[world.submission(fields)]).await;
    };
    correct().await;
    let due = world.deliver().await;
    assert_eq!((kinds(&due), due[0].event.detail.corrected), (vec!["lead.updated"], true));
    correct().await;
    assert!(world.store.lease_endpoints(10).await.unwrap().is_empty(), "the same correction again");
}

async fn an_endpoint_gets_only_what_it_wants(world: World) {
    let created = json!(["lead.created"]);
    let wants = async |filter: Value| world.endpoint(json!({ "events": created, "filter": filter })).await;
    let condition = json!({ "field": "phone.region", "is": "US" });
    let matching = [
        wants(json!({})).await,
        wants(json!({ "eligibility": "held", "sources": [world.source.id] })).await,
        wants(json!({ "when": condition })).await,
    ];
    let others = [
        wants(json!({ "eligibility": "eligible" })).await,
        wants(json!({ "sources": [leadgate_domain::SourceId::generate()] })).await,
        wants(json!({ "tags": ["vip"] })).await,
        wants(json!({ "min_score": 100 })).await,
        wants(json!({ "temperature": "hot" })).await,
        wants(json!({ "when": { "not": condition } })).await,
        world.endpoint(json!({ "events": ["lead.erased"] })).await,
    ];
    world.commit(&[world.phone(PHONE)]).await;
    for endpoint in matching {
        assert_eq!(world.counts(&endpoint).await.pending, 1, "{:?}", endpoint.settings.filter);
    }
    for endpoint in others {
        assert_eq!(world.counts(&endpoint).await.pending, 0, "{:?}", endpoint.settings.filter);
    }
}

async fn without_an_endpoint_nothing_is_written(world: World) {
    let endpoint = world.endpoint(json!({})).await;
    world.delete_endpoint(&endpoint).await;
    world.commit(&[world.phone(PHONE)]).await;
    assert_eq!(world.lines("SELECT count(*) || '' AS line FROM events"), ["0"]);
    assert_eq!(world.store.endpoints(world.organization.id).await.unwrap(), []);
    assert_eq!(world.store.endpoint(world.organization.id, endpoint.id).await.unwrap(), None);
}

async fn deliveries_of_a_deleted_endpoint_are_deleted(world: World) {
    let (deleted, kept) = (world.endpoint(json!({})).await, world.endpoint(json!({})).await);
    world.commit(&[world.phone(PHONE)]).await;
    let before = world.counts(&kept).await;
    assert_eq!(world.counts(&deleted).await, before);
    world.delete_endpoint(&deleted).await;
    world.store.sweep_retention(Instant::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(world.counts(&deleted).await, DeliveryCounts::default());
    assert_eq!(world.counts(&kept).await, before);
}

async fn a_suppressed_lead_is_not_announced_as_eligible(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created", "lead.eligible"] })).await;
    world.commit(&[world.eligible(PHONE, EMAIL), world.eligible("+14155550133", "b@example.com")]).await;
    world.suppress_phone(PHONE).await;
    let due = world.deliver().await;
    assert_eq!(kinds(&due), ["lead.created", "lead.created", "lead.eligible"]);
    assert_eq!(due[2].event.document.as_ref().unwrap().e164(), Some("+14155550133"));
    assert_eq!(world.counts(&endpoint).await, DeliveryCounts { withdrawn: 1, ..DeliveryCounts::default() });
}

async fn an_erasure_empties_events_and_responses(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"] })).await;
    world.commit(&[world.eligible(PHONE, EMAIL)]).await;
    world.deliver().await;
    world.commit(&[world.eligible("+14155550133", EMAIL)]).await;
    assert!(world.dump().contains("I know 4155550132"));
    world.erase(World::subject(&[PHONE, "+14155550133"], &[EMAIL])).await;
    let dump = world.dump();
    for text in ["4155550132", "4155550133", "ann.lee"] {
        assert!(!dump.contains(text), "{text}");
    }
    assert_eq!(world.counts(&endpoint).await, DeliveryCounts { withdrawn: 1, ..DeliveryCounts::default() });
}

async fn a_change_needs_the_current_revision(world: World) {
    let endpoint = world.endpoint(json!({})).await;
    let entry = || world.store.entry(world.organization.id, leadgate_domain::AuditAction::EndpointUpdated);
    let settings = EndpointSettings { name: "crm".to_owned(), ..endpoint.settings.clone() };
    let named = Endpoint { settings, ..endpoint.clone() };
    let changed = world.store.update_endpoint(&named, None, entry()).await.unwrap().unwrap();
    assert_eq!((changed.revision, changed.settings.name.as_str()), (2, "crm"));
    assert_eq!(world.store.update_endpoint(&named, None, entry()).await.unwrap(), None);
    let (found, secrets) =
        world.store.endpoint_with_secrets(world.organization.id, endpoint.id).await.unwrap().unwrap();
    assert_eq!(found, changed);
    assert_eq!(secrets.headers()["x-key"].expose_secret(), "k-1", "secrets stay");
    let other = world.store.ensure_organization("other").await.unwrap().id;
    assert_eq!(world.store.endpoint(other, endpoint.id).await.unwrap(), None);
}

async fn secrets_are_sealed(world: World) {
    let endpoint = world.endpoint(json!({})).await;
    let (_, secrets) =
        world.store.endpoint_with_secrets(world.organization.id, endpoint.id).await.unwrap().unwrap();
    let dump = world.dump();
    assert!(!dump.contains("k-1") && !dump.contains(secrets.current().as_text().expose_secret()));
}

async fn a_rotation_of_the_secret_seals_again(world: World) {
    let endpoint = world.endpoint(json!({})).await;
    let new = "another secret, also long enough to be one";
    let open = |root: RootSecret| Store::open(&world.config.clone().with_secret(&root)).unwrap();
    let both = open(RootSecret::new(new, Some(SECRET)).unwrap());
    assert_eq!((both.reseal_endpoints().await.unwrap(), both.reseal_endpoints().await.unwrap()), (1, 0));
    let only_new = open(RootSecret::new(new, None).unwrap());
    let found = only_new.endpoint_with_secrets(world.organization.id, endpoint.id).await.unwrap().unwrap();
    assert_eq!(found.1.headers()["x-key"].expose_secret(), "k-1");
    let only_old = world.store.endpoint_with_secrets(world.organization.id, endpoint.id).await;
    assert!(matches!(only_old, Err(StoreError::WrongSecret { .. })));
}

async fn old_events_are_deleted(world: World) {
    let endpoint = world.endpoint(json!({ "events": ["lead.created"] })).await;
    world.commit(&[world.phone(PHONE)]).await;
    world.deliver().await;
    world.commit(&[world.phone("+14155550133")]).await;
    let sweep = async || world.store.sweep_retention(Instant::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(sweep().await.events, 0, "they are kept for a month");
    let retention = Retention { events: Some(Duration::ZERO), ..Retention::default() };
    world.store.set_retention(world.organization.id, retention).await.unwrap();
    while sweep().await.events < 2 {
        // Ids have a precision of a millisecond.
        let left = world.lines("SELECT count(*) || '' AS line FROM events");
        if left == ["0"] {
            break;
        }
    }
    for table in ["events", "deliveries", "attempts"] {
        assert_eq!(world.lines(&format!("SELECT count(*) || '' AS line FROM {table}")), ["0"], "{table}");
    }
    assert_eq!(world.counts(&endpoint).await, DeliveryCounts::default());
}
