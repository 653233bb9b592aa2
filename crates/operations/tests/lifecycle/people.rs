//! Erasure, suppression and evidence of consent.

use std::sync::Arc;

use leadgate_domain::secret::{MatchKey, RootSecret};
use leadgate_domain::suppression::SuppressionRequest;
use leadgate_domain::{Judge, Reason};
use leadgate_operations::OperationError;
use leadgate_operations::erasure::{self, ErasureRequest};
use leadgate_operations::exports::consents::{self as exports, ExportRequest};
use leadgate_operations::suppressions::{self, CsvColumns, ImportCounts, ImportDefaults, SuppressionImport};
use leadgate_store::AddOutcome;
use leadgate_testkit::SECRET;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, over_both};

over_both!(
    a_person_is_counted_and_then_erased,
    an_invalid_erasure_request_is_refused,
    entries_are_added_together_or_independently_and_removed,
    a_list_is_imported_row_by_row,
    an_export_is_signed_and_every_change_is_detected,
);

fn ann() -> Value {
    json!({ "phone": "+14155550132", "consent": { "consent_text_version": "v1" } })
}

async fn matching(world: &World) -> (MatchKey, Arc<dyn Judge>) {
    (world.store.match_key().await.unwrap(), world.context.pipeline.clone())
}

fn erasure(document: Value) -> ErasureRequest {
    serde_json::from_value(document).unwrap()
}

async fn a_person_is_counted_and_then_erased(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let lead = world.post(&ann()).await.lead.unwrap();
    let request = json!({ "phones": ["(415) 555-0132"], "phone_country": "US", "reason": " asked " });
    let request = erasure(request);
    let subject = erasure::subject(store, organization, &request, store).await.unwrap();
    let finding = erasure::preview(store, organization, &subject, |_| {}, store).await.unwrap();
    assert_eq!((finding.leads.len(), finding.submissions.len()), (1, 1));
    assert!(world.lead(lead).await.is_some(), "a preview erases nothing");
    let erased = erasure::erase(store, organization, &subject, &request, &world.context, |_| {}).await;
    let erased = erased.unwrap();
    assert_eq!((erased.leads, erased.submissions, erased.to_rebuild.len()), (1, 1, 0));
    assert_eq!(world.lead(lead).await, None);
    let audited = world.audited().await;
    assert_eq!(audited.iter().filter(|action| *action == "erase").count(), 2, "{audited:?}");
}

async fn an_invalid_erasure_request_is_refused(world: World) {
    let lead = world.post(&ann()).await.lead.unwrap();
    let other = world.store.ensure_organization("other").await.unwrap().id;
    for (organization, document, why) in [
        (world.organization, json!({}), "name the person"),
        (world.organization, json!({ "phones": ["+14155550132", "12"] }), "phone 2: "),
        (other, json!({ "leads": [lead] }), "none of these leads"),
        (
            world.organization,
            json!({ "leads": [lead], "reason": "x".repeat(501) }),
            "`reason` must have 1 to 500",
        ),
        (world.organization, json!({ "leads": [lead], "reason": "by\0mail" }), "`reason` must have 1 to 500"),
    ] {
        let refused =
            erasure::subject(&world.store, organization, &erasure(document), &world.store).await.unwrap_err();
        assert!(
            matches!(&refused, OperationError::Invalid(sentence) if sentence.contains(why)),
            "{why}: {refused}"
        );
    }
}

fn entries(document: Value) -> Vec<SuppressionRequest> {
    serde_json::from_value(document).unwrap()
}

async fn entries_are_added_together_or_independently_and_removed(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let (matching, judge) = matching(&world).await;
    let lead = world.post(&ann()).await.lead.unwrap();
    let half = entries(json!([{ "phone": "+14155550132" }, { "email": "none" }]));
    let refused =
        suppressions::add(store, organization, &half, &matching, &judge).await.map(drop).unwrap_err();
    assert!(matches!(&refused, OperationError::Invalid(why) if why.starts_with("value 2: ")), "{refused}");
    assert_eq!(suppressions::list(store, organization, store).await.unwrap(), []);
    let (each, _) = suppressions::add_entries(store, organization, &half, &matching, &judge).await.unwrap();
    assert!(matches!(&each[..], [Ok((AddOutcome::Added, _)), Err(_)]), "{each:?}");
    assert!(world.lead(lead).await.unwrap().reasons.contains(&Reason::SuppressedPhone));
    let domain = entries(json!([{ "domain": "example.com" }]));
    let (added, rescreen) = suppressions::add(store, organization, &domain, &matching, &judge).await.unwrap();
    assert_eq!(added, [AddOutcome::Added]);
    rescreen.run(|_| {}).await.unwrap();
    assert!(!store.has_pending(organization).await.unwrap());
    let address = entries(json!([{ "email": "ann@example.com" }]));
    let found = suppressions::find(store, organization, &address, &matching, store).await.unwrap();
    assert_eq!(found.len(), 1, "matched by its domain");
    let phone = entries(json!([{ "phone": "+14155550132" }]));
    let (ended, _) =
        suppressions::remove(store, organization, &phone, None, &matching, &judge).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert!(!world.lead(lead).await.unwrap().reasons.contains(&Reason::SuppressedPhone));
}

async fn a_list_is_imported_row_by_row(world: World) {
    let (store, organization) = (&world.store, world.organization);
    let (matching, judge) = matching(&world).await;
    let columns = CsvColumns::from_header(["Mobile Phone", "Name", "E-Mail"]).unwrap();
    assert_eq!(columns.ignored(), ["Name"]);
    let defaults = ImportDefaults {
        list: Some("partners".into()),
        phone_country: Some("US".parse().unwrap()),
        ..ImportDefaults::default()
    };
    let mut import = SuppressionImport::new(store, organization, &matching, &judge, columns, defaults);
    let mut results = Vec::new();
    for (row, cells) in
        (2..).zip([["415 555 0132", "Ann", "ann@example.com"], ["12", "", ""], ["", "Bob", ""]])
    {
        results.extend(import.add_row(row, |at| cells.get(at).copied()).await.unwrap());
    }
    assert_eq!(results, [], "a chunk is written when it is full");
    let (results, counts, _) = import.finish().await.unwrap();
    let results: Vec<_> = results.iter().map(|one| (one.row, one.result, one.kind)).collect();
    let expected = [(2, "added", "phone"), (2, "added", "email"), (3, "refused", ""), (4, "refused", "")];
    assert_eq!(results, expected);
    assert_eq!(counts, ImportCounts { rows: 3, added: 2, refused: 2, ..ImportCounts::default() });
    let listed = suppressions::list(store, organization, store).await.unwrap();
    assert!(listed.len() == 2 && listed.iter().all(|entry| entry.list == "partners"), "{listed:?}");
    let page = store.audit(organization, Default::default(), None, 2).await.unwrap();
    assert_eq!(
        (page.data[1].action.as_str(), &page.data[1].detail["count"]),
        ("suppression.added", &json!(2))
    );
}

async fn an_export_is_signed_and_every_change_is_detected(world: World) {
    let store = &world.store;
    let lead = world.post(&ann()).await.lead.unwrap();
    world.post(&json!({ "phone": "+14155550133", "consent": { "consent_text_version": "v1" } })).await;
    let owner = store.organization_named("acme").await.unwrap().unwrap();
    let key = RootSecret::new(SECRET, None).unwrap().export_signatures();
    let export = async |document: Value| {
        let request: ExportRequest = serde_json::from_value(document).unwrap();
        let mut bytes = Vec::new();
        let signature = exports::write(store, &owner, &request, &key, &mut bytes, store).await?;
        Ok::<_, OperationError>((signature, bytes))
    };
    let verify = |bytes: &[u8]| exports::verify(bytes, &key.public_keys()).unwrap();
    let (signature, bytes) = export(json!({})).await.unwrap();
    let verified = verify(&bytes);
    assert_eq!((signature.rows, verified.rows, verified.people, &verified.problems[..]), (2, 2, 2, &[][..]));
    assert_eq!(verified.header.unwrap().organization.name, "acme");
    assert_eq!(export(json!({ "lead": lead })).await.unwrap().0.rows, 1);
    let (_, without) = export(json!({ "without_people": true })).await.unwrap();
    assert!(!String::from_utf8_lossy(&without).contains("415555"));
    assert_eq!(verify(&without).people, 0);
    assert!(!verify(&bytes[..bytes.len() - 1]).problems.is_empty());
    assert!(!verify(&String::from_utf8(bytes).unwrap().replace("v1", "v2").into_bytes()).problems.is_empty());
    let refused = export(json!({ "lead": lead, "from": "2026-01-01T00:00:00Z" })).await.unwrap_err();
    assert!(matches!(refused, OperationError::Invalid(_)), "{refused}");
    assert_eq!(world.audited().await.last().unwrap(), "consent.exported");
    let without_consent = world.post(&json!({ "phone": "+14155550134" })).await;
    assert_eq!(export(json!({ "lead": without_consent.lead })).await.unwrap().0.rows, 0);
    for document in [json!({ "lead": Uuid::now_v7() }), json!({ "submission": Uuid::now_v7() })] {
        let refused = export(document.clone()).await.unwrap_err();
        assert!(matches!(refused, OperationError::NotFound { .. }), "{document}: {refused}");
        let last = store.audit(world.organization, Default::default(), None, 1).await.unwrap().data.remove(0);
        let id = document.as_object().unwrap().values().next().unwrap().as_str();
        assert_eq!((last.target.as_deref(), &last.detail["answer"]), (id, &json!("not_found")));
    }
}
