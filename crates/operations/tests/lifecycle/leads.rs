use std::sync::Arc;

use leadgate_domain::{
    Eligibility, Judge, LeadId, LeadStatus, Outcome, Reason, SubmissionId, TextField, Timestamp, Trust,
};
use leadgate_operations::{OperationError, leads, rebuild};
use leadgate_store::{RebuildResult, StoreError};
use serde_json::{Map, Value, json};

use crate::world::{World, over_both};

over_both!(
    a_correction_changes_the_lead_and_stays_in_its_history,
    a_correction_survives_a_rebuild_and_later_submissions_win_over_it,
    a_corrected_phone_has_no_consent,
    a_correction_can_opt_a_person_out,
    an_invalid_correction_is_refused_and_changes_nothing,
    a_correction_of_a_deleted_lead_stores_nothing,
    a_correction_of_a_test_lead_claims_no_keys,
    a_rebuild_of_a_corrected_form_lead_keeps_its_keys,
    a_phone_that_an_operator_adds_has_no_consent,
    a_status_is_kept_by_submissions_and_rebuilds,
    a_deleted_lead_is_gone_and_can_be_posted_again,
);

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn ann() -> Value {
    json!({
        "phone": "+14155550132", "email": "ann@example.com", "full_name": "Ann Lee", "company": "Acme",
        "external_id": "crm-7",
        "consent": {
            "consent_timestamp": Timestamp::now().to_string(), "consent_text_version": "v1",
            "source_url": "https://example.com/form",
        },
    })
}

async fn a_correction_changes_the_lead_and_stays_in_its_history(world: World) {
    let id = world.post(&ann()).await.lead.unwrap();
    assert_eq!(world.lead(id).await.unwrap().eligibility, Eligibility::Eligible);
    let change =
        fields(json!({ "full_name": "Anna Leeds", "company": null, "custom_fields": { "size": "XL" } }));
    let store = &world.store;
    let (lead, _) =
        leads::update(store, world.organization, id, change, " she said so ", &world.context).await.unwrap();
    assert_eq!(lead.text(TextField::FullName), Some("Anna Leeds"));
    assert_eq!((lead.text(TextField::Company), &lead.custom_fields["size"]), (None, &json!("XL")));
    assert_eq!((lead.id, lead.source, lead.eligibility), (id, world.source.id, Eligibility::Eligible));
    assert_eq!(world.lead(id).await.unwrap(), lead);

    let contributors = store.contributors(world.organization, &[id]).await.unwrap();
    let correction =
        contributors.iter().find(|contributor| contributor.submission.id != SubmissionId::from(id)).unwrap();
    assert_eq!(correction.outcome, Outcome::Updated);
    let record = store.submission(world.organization, correction.submission.id).await.unwrap().unwrap();
    let trace = serde_json::to_value(&record.outcome().unwrap().trace).unwrap();
    assert_eq!(
        trace["deduplicate"]["correction"],
        json!({ "lead": id, "by": "leadgate", "reason": "she said so" })
    );
    assert!(world.audited().await.contains(&"lead.updated".to_owned()));
}

async fn a_correction_survives_a_rebuild_and_later_submissions_win_over_it(world: World) {
    let id = world.post(&ann()).await.lead.unwrap();
    let change = fields(json!({ "company": "Leeds Ltd", "phone": "+14155550177" }));
    let (lead, _) =
        leads::update(&world.store, world.organization, id, change, "moved", &world.context).await.unwrap();
    let rebuilt = rebuild(&world.store, world.organization, vec![id], &world.context, false).await.unwrap();
    assert!(matches!(rebuilt[..], [(_, RebuildResult::Unchanged)]), "{rebuilt:?}");
    assert_eq!(world.lead(id).await.unwrap(), lead);
    // The corrected phone matches the lead, and so does the original one.
    for phone in ["+14155550177", "+14155550132"] {
        let settled = world.post(&json!({ "phone": phone })).await;
        assert_eq!((settled.outcome, settled.lead), (Outcome::Duplicate, Some(id)));
    }
}

async fn a_corrected_phone_has_no_consent(world: World) {
    let id = world.post(&ann()).await.lead.unwrap();
    let change = fields(json!({ "phone": "+14155550177" }));
    let (lead, _) =
        leads::update(&world.store, world.organization, id, change, "typo", &world.context).await.unwrap();
    assert_eq!(lead.e164(), Some("+14155550177"));
    assert_eq!(lead.reasons, [Reason::ConsentForOtherPhone]);
}

async fn a_correction_can_opt_a_person_out(world: World) {
    let id = world.post(&ann()).await.lead.unwrap();
    let change = fields(json!({ "opt_out": true }));
    let (lead, _) = leads::update(&world.store, world.organization, id, change, "by phone", &world.context)
        .await
        .unwrap();
    assert!(lead.opt_out && lead.reasons.contains(&Reason::OptedOut), "{:?}", lead.reasons);
    let again = world.post(&json!({ "phone": "+14155550132", "external_id": "crm-8" })).await;
    let again = world.lead(again.lead.unwrap()).await.unwrap();
    assert!(again.reasons.contains(&Reason::OptedOut), "the phone is suppressed: {:?}", again.reasons);
}

async fn an_invalid_correction_is_refused_and_changes_nothing(world: World) {
    let id = world.post(&ann()).await.lead.unwrap();
    let before = world.lead(id).await.unwrap();
    let update = async |id: LeadId, change: Value, reason: &str| {
        leads::update(&world.store, world.organization, id, fields(change), reason, &world.context).await
    };
    let audited = world.audited().await;
    for (change, reason, what) in [
        (json!({}), "why", "no field"),
        (json!({ "consent": { "consent_text_version": "v2" } }), "why", "consent"),
        (json!({ "is_test": true }), "why", "reason"),
        (json!({ "company": "x" }), " ", "reason"),
        (json!({ "compny": "x" }), "why", "an unknown field"),
    ] {
        let refused = update(id, change, reason).await.unwrap_err();
        assert!(matches!(refused, OperationError::Invalid(_)), "{what}: {refused}");
    }
    let faulty = update(id, json!({ "company": 7, "full_name": ["x"] }), "why").await.unwrap_err();
    assert!(matches!(&faulty, OperationError::InvalidFields(faults) if !faults.is_empty()), "{faulty}");
    let unknown = LeadId::from_uuid(uuid::Uuid::now_v7());
    let missing = update(unknown, json!({ "company": "x" }), "why").await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { .. }), "{missing}");
    assert_eq!(world.lead(id).await.unwrap(), before);
    assert_eq!(world.audited().await, audited);
}

async fn a_correction_of_a_deleted_lead_stores_nothing(world: World) {
    let id = world.post(&ann()).await.lead.unwrap();
    let late = world.correction(id, &json!({ "phone": "+14155550177" }));
    leads::delete(&world.store, world.organization, id, &world.context).await.unwrap();
    let judge: Arc<dyn Judge> = world.context.pipeline.clone();
    let submission = late.submission.id;
    let refused = world.store.commit(vec![late], judge).await.unwrap_err();
    assert_eq!(refused, StoreError::LeadGone);
    assert_eq!(world.store.submission(world.organization, submission).await.unwrap(), None);
    let settled = world.post(&json!({ "phone": "+14155550177" })).await;
    assert_eq!(settled.outcome, Outcome::Created, "the deleted lead holds no keys");
}

async fn a_correction_of_a_test_lead_claims_no_keys(world: World) {
    let test = json!({ "phone": "+14155550132", "is_test": true });
    let id = world.post(&test).await.lead.unwrap();
    let change = fields(json!({ "email": "ann@example.com" }));
    leads::update(&world.store, world.organization, id, change, "typo", &world.context).await.unwrap();
    let settled = world.post(&json!({ "phone": "+14155550132", "email": "ann@example.com" })).await;
    assert_eq!(settled.outcome, Outcome::Created);
}

async fn a_phone_that_an_operator_adds_has_no_consent(world: World) {
    let mut body = ann();
    body.as_object_mut().unwrap().remove("phone");
    let id = world.post(&body).await.lead.unwrap();
    let change = fields(json!({ "phone": "+14155550177" }));
    let (lead, _) = leads::update(&world.store, world.organization, id, change, "found it", &world.context)
        .await
        .unwrap();
    assert_eq!(lead.reasons, [Reason::ConsentForOtherPhone]);
}

async fn a_rebuild_of_a_corrected_form_lead_keeps_its_keys(world: World) {
    let form = json!({ "phone": "+14155550132", "full_name": "Ann Lee" });
    let id = world.post_with(Trust::Public, &form).await.lead.unwrap();
    let change = fields(json!({ "company": "Acme" }));
    leads::update(&world.store, world.organization, id, change, "known", &world.context).await.unwrap();
    rebuild(&world.store, world.organization, vec![id], &world.context, false).await.unwrap();
    let again = world.post_with(Trust::Public, &form).await;
    assert_eq!((again.outcome, again.lead), (Outcome::Duplicate, Some(id)));
}

async fn a_status_is_kept_by_submissions_and_rebuilds(world: World) {
    let id = world.post(&ann()).await.lead.unwrap();
    assert_eq!(world.lead(id).await.unwrap().status, LeadStatus::default());
    let status: LeadStatus = "no_answer".parse().unwrap();
    let set = leads::set_status(&world.store, world.organization, id, status.clone()).await.unwrap();
    assert_eq!(set.status, status);
    let audited = world.audited().await.len();
    leads::set_status(&world.store, world.organization, id, status.clone()).await.unwrap();
    assert_eq!(world.audited().await.len(), audited, "nothing changed");
    let change = fields(json!({ "company": "Leeds Ltd" }));
    leads::update(&world.store, world.organization, id, change, "moved", &world.context).await.unwrap();
    rebuild(&world.store, world.organization, vec![id], &world.context, false).await.unwrap();
    assert_eq!(world.lead(id).await.unwrap().status, status);
    let unknown = LeadId::from_uuid(uuid::Uuid::now_v7());
    let missing = leads::set_status(&world.store, world.organization, unknown, status).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { .. }));
    let page = world.store.audit(world.organization, Default::default(), None, 100).await.unwrap();
    let entry = page.data.iter().find(|entry| entry.action == "lead.status_set").unwrap();
    assert_eq!(Value::Object(entry.detail.clone()), json!({ "from": "new", "to": "no_answer" }));
}

async fn a_deleted_lead_is_gone_and_can_be_posted_again(world: World) {
    let id = world.post(&ann()).await.lead.unwrap();
    let change = fields(json!({ "company": "Leeds Ltd" }));
    leads::update(&world.store, world.organization, id, change, "moved", &world.context).await.unwrap();
    let other = world.post(&json!({ "phone": "+14155550199" })).await.lead.unwrap();
    let erased = leads::delete(&world.store, world.organization, id, &world.context).await.unwrap();
    assert_eq!((erased.leads, erased.submissions, erased.suppressed), (1, 2, 0));
    assert!(erased.to_rebuild.is_empty());
    assert_eq!(world.lead(id).await, None);
    assert!(world.lead(other).await.is_some());
    let record = world.store.submission(world.organization, id.into()).await.unwrap().unwrap();
    assert!(record.erased_at.is_some() && record.submission.fields == Default::default());
    let again = world.post(&ann()).await;
    assert_eq!(again.outcome, Outcome::Created);
    let lead = world.lead(again.lead.unwrap()).await.unwrap();
    assert_eq!((lead.eligibility, lead.reasons.len()), (Eligibility::Eligible, 0));
    let missing = leads::delete(&world.store, world.organization, id, &world.context).await.unwrap_err();
    assert!(matches!(missing, OperationError::NotFound { .. }));
    assert_eq!(world.audited().await.iter().filter(|action| *action == "lead.deleted").count(), 1);
}
