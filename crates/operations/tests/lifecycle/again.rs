//! Reprocessing, quarantine, reads and reports.

use std::sync::Arc;

use leadgate_domain::{
    BodyFormat, CommitAction, Day, Outcome, QuarantineReason, SourceId, SubmissionId, Timestamp, Zone,
};
use leadgate_operations::quarantine::{self, DiscardRequest};
use leadgate_operations::reprocess::{self, ReprocessRequest};
use leadgate_operations::{OperationError, ResourceKind, audit, leads, reports, sources};
use leadgate_queue::{Queue, QueueConfig, Role};
use leadgate_store::{LeadFilter, QuarantineState};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, over_both};

over_both!(
    selected_leads_are_reprocessed,
    an_entry_is_repaired_or_discarded,
    only_an_open_entry_is_published,
    a_lead_is_shown_and_listed,
    a_body_is_validated_without_being_stored,
    a_report_covers_only_sources_of_the_organization,
);

fn request(document: Value) -> ReprocessRequest {
    serde_json::from_value(document).unwrap()
}

async fn selected_leads_are_reprocessed(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let first = world.post(&json!({ "phone": "+14155550132" })).await.lead.unwrap();
    world.post(&json!({ "phone": "+14155550133" })).await;
    let run = async |document: Value| {
        let request = request(document);
        reprocess::run(store, organization, &request, &world.context, |_| {}, store).await
    };
    for (document, count) in [
        (json!({ "all": true }), 2),
        (json!({ "leads": [first, first, Uuid::now_v7()] }), 1),
        (json!({ "source": world.source.id, "from": "2026-01-01T00:00:00Z", "dry_run": true }), 2),
        (json!({ "eligibility": "eligible" }), 0),
    ] {
        let result = run(document.clone()).await.unwrap();
        assert_eq!((result.changed, result.unchanged), (0, count), "{document}");
    }
    let entries = store.audit(organization, Default::default(), None, 100).await.unwrap().data;
    let dry = entries.iter().find(|entry| entry.detail.contains_key("dry_run")).unwrap();
    assert_eq!(Value::from(dry.detail.clone()), json!({ "dry_run": true, "count": 0 }));
    for (document, why) in [
        (json!({}), "say which leads"),
        (json!({ "dry_run": true }), "say which leads"),
        (json!({ "all": true, "source": world.source.id }), "not by several"),
        (json!({ "leads": [Uuid::now_v7()] }), "none of these leads"),
    ] {
        let refused = run(document.clone()).await.unwrap_err();
        assert!(
            matches!(&refused, OperationError::Invalid(sentence) if sentence.contains(why)),
            "{document}: {refused}"
        );
    }
    let nowhere = SourceId::generate();
    let refused = run(json!({ "source": nowhere })).await.unwrap_err();
    assert!(matches!(refused, OperationError::NotFound { kind: ResourceKind::Source, .. }), "{refused}");
    let last = store.audit(organization, Default::default(), None, 1).await.unwrap().data.remove(0);
    assert_eq!((last.target, &last.detail["answer"]), (Some(nowhere.to_string()), &json!("not_found")));
}

/// Creates a quarantined submission and returns its id.
async fn quarantined(world: &World) -> Uuid {
    let settled = world.quarantine(&json!({ "tel": "+14155550132" }), QuarantineReason::Invalid).await;
    assert_eq!(settled.outcome, Outcome::Quarantined);
    settled.submission.as_uuid()
}

async fn an_entry_is_repaired_or_discarded(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let id = quarantined(&world).await;
    let page = quarantine::page(store, organization, Some(QuarantineState::Open), None, 10, store).await;
    assert_eq!(page.unwrap().data.iter().map(|entry| entry.id).collect::<Vec<_>>(), [id]);
    let repair = async |body: &[u8]| {
        let found = quarantine::show(store, organization, id, store).await?;
        quarantine::repair(store, found, body, BodyFormat::Json).await
    };
    let refused = repair(b"{}").await.unwrap_err();
    assert!(matches!(refused, OperationError::Repair(_)), "{refused}");
    let repaired = repair(br#"{"phone":"+14155550132"}"#).await.unwrap();
    assert!(repaired.repaired_at.is_some() && repaired.state == QuarantineState::Open);
    let long = DiscardRequest { note: Some("x".repeat(256)) };
    let refused = quarantine::discard(store, organization, id, &long).await.unwrap_err();
    assert!(matches!(refused, OperationError::Invalid(_)), "{refused}");
    let discarded = quarantine::discard(store, organization, id, &DiscardRequest::default()).await.unwrap();
    assert_eq!(discarded.state, QuarantineState::Discarded);
    let late = repair(br#"{"phone":"+14155550199"}"#).await.unwrap();
    assert_eq!(late, discarded, "it is unchanged");
    let other = store.ensure_organization("other").await.unwrap().id;
    for missing in [
        quarantine::show(store, other, id, store).await.map(drop),
        quarantine::discard(store, other, id, &DiscardRequest::default()).await.map(drop),
    ] {
        let missing = missing.unwrap_err();
        assert!(
            matches!(missing, OperationError::NotFound { kind: ResourceKind::QuarantineEntry, .. }),
            "{missing}"
        );
    }
}

async fn only_an_open_entry_is_published(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let id = quarantined(&world).await;
    let folder = tempfile::tempdir().unwrap();
    let queue = QueueConfig::new(format!("sqlite:{}", folder.path().join("queue.db").display()));
    let queue = Queue::open(queue, Role::AllInOne).await.unwrap();
    queue.ready().await;
    let publisher = queue.publisher();
    let release = async |organization| {
        let found = quarantine::find(store, organization, id).await?;
        quarantine::release(store, found, &publisher, store).await
    };
    let other = store.ensure_organization("other").await.unwrap().id;
    let missing = release(other).await.unwrap_err();
    assert!(
        matches!(missing, OperationError::NotFound { kind: ResourceKind::QuarantineEntry, .. }),
        "{missing}"
    );
    assert!(release(organization).await.unwrap().is_published);
    assert_eq!(queue.depth().await.unwrap().ready, 1);
    quarantine::discard(store, organization, id, &DiscardRequest::default()).await.unwrap();
    assert!(!release(organization).await.unwrap().is_published);
    assert_eq!(queue.depth().await.unwrap().ready, 1);
    let entries = store.audit(organization, Default::default(), None, 3).await.unwrap().data;
    let audit_entries: Vec<_> =
        entries.iter().map(|entry| (&*entry.action, Value::from(entry.detail.clone()))).collect();
    assert_eq!(
        audit_entries,
        [
            ("quarantine.released", json!({ "answer": "discarded" })),
            ("quarantine.discarded", json!({})),
            ("quarantine.released", json!({})),
        ]
    );
    queue.shutdown().await;
}

async fn a_lead_is_shown_and_listed(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let lead = world.post(&json!({ "phone": "+14155550132" })).await.lead.unwrap();
    let change = json!({ "company": "Acme" }).as_object().unwrap().clone();
    let (_, correction) =
        leads::update(store, organization, lead, change, "typo", &world.context).await.unwrap();
    let found = leads::show(store, organization, correction.as_uuid(), store).await.unwrap();
    assert_eq!(found.lead.unwrap().id, lead);
    let history = leads::history(store, organization, lead.into(), store).await.unwrap();
    assert_eq!(history.source.as_deref(), Some("landing page"));
    let corrections: Vec<_> = history.corrections.iter().map(|one| (one.submission, &*one.reason)).collect();
    assert_eq!(corrections, [(correction, "typo")]);
    let page = leads::page(store, organization, &LeadFilter::default(), None, 10, store).await.unwrap();
    assert_eq!(page.data.iter().map(|lead| lead.id).collect::<Vec<_>>(), [lead]);
    let entries = audit::list(store, organization, Default::default(), None, 3, store).await.unwrap().data;
    let audit_entries: Vec<_> =
        entries.iter().map(|entry| (&*entry.action, Value::from(entry.detail.clone()))).collect();
    assert_eq!(
        audit_entries,
        [
            ("leads.listed", json!({ "count": 1, "first": lead, "last": lead })),
            ("submission.read", json!({})),
            ("lead.read", json!({ "lead": lead })),
        ]
    );
    let other = store.ensure_organization("other").await.unwrap().id;
    for missing in [
        leads::show(store, other, lead.as_uuid(), store).await.map(drop),
        leads::history(store, other, SubmissionId::from(lead), store).await.map(drop),
    ] {
        let missing = missing.unwrap_err();
        assert!(
            matches!(missing, OperationError::NotFound { kind: ResourceKind::Submission, .. }),
            "{missing}"
        );
    }
}

async fn a_body_is_validated_without_being_stored(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let lead = world.post(&json!({ "phone": "+14155550132" })).await.lead.unwrap();
    let drafts = [r#"{"phone":"+14155550132"}"#, r#"{"phone":"+14155550199"}"#];
    let drafts = drafts.map(|body| leads::draft_submission(&world.source, body.as_bytes(), 1_000).unwrap());
    let normalized = leads::normalize(drafts.into(), &world.source, &world.context).await.unwrap();
    let judged = leads::validate(store, organization, normalized, &world.context, store).await.unwrap();
    let outcomes: Vec<_> = judged.iter().map(|one| one.ruling.outcome).collect();
    assert_eq!(outcomes, [Outcome::Duplicate, Outcome::Created]);
    let long = leads::draft_submission(&world.source, br#"{"phone":"+14155550132"}"#, 10).unwrap_err();
    assert!(matches!(long, OperationError::Invalid(_)), "{long}");
    let refused = leads::draft_submission(&world.source, b"{}", 1_000).unwrap_err();
    assert!(matches!(refused, OperationError::Repair(_)), "{refused}");
    let page = leads::page(store, organization, &LeadFilter::default(), None, 10, store).await.unwrap();
    assert_eq!(page.data.len(), 1);
    let entries = store.audit(organization, Default::default(), None, 2).await.unwrap().data;
    assert_eq!(Value::from(entries[1].detail.clone()), json!({ "count": 2, "leads": [lead] }));
    let default = Arc::new(sources::find_or_default(store, organization, None).await.unwrap());
    let draft = leads::draft_submission(&default, br#"{"phone":"+14155550199"}"#, 1_000).unwrap();
    let normalized = leads::normalize(vec![draft], &default, &world.context).await.unwrap();
    assert!(matches!(normalized[0].action, CommitAction::Judge { .. }), "{normalized:?}");
    assert_eq!(store.sources(organization).await.unwrap().len(), 1, "the default source is not stored");
    let stored = sources::find_or_create_default(store, organization, None).await.unwrap();
    assert_eq!(sources::find_or_default(store, organization, None).await.unwrap().id, stored.id);
}

async fn a_report_covers_only_sources_of_the_organization(world: World) {
    let (store, organization, source) = (&world.store, world.organization, world.source.id);
    world.post(&json!({ "phone": "+14155550132" })).await;
    let today = Day::from_timestamp(Timestamp::now(), Zone::utc());
    let report = reports::intake(store, organization, Some(source), &today, store).await.unwrap();
    assert_eq!((report.whole.accepted, report.whole.created), (1, 1));
    assert_eq!(world.audited().await.last().unwrap(), "report.read");
    let other = store.ensure_organization("other").await.unwrap().id;
    let missing = reports::intake(store, other, Some(source), &today, store).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { kind: ResourceKind::Source, .. }), "{missing}");
}
