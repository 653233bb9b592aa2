//! Stored leads with members and codes that only a newer build knows. This build keeps them, and holds the
//! lead.

use leadgate_domain::{Eligibility, Fields, Lead, Outcome, Patch, Reason, SuppressionKind, TextField};
use serde_json::{Value, json};

use crate::world::{World, over_both};

over_both!(a_lead_of_a_newer_build_keeps_unknown_members_when_it_changes);

const PHONE: &str = "+14155550132";

/// A lead as a newer build might write it: an additional member at every level, an unknown code in every
/// enum.
fn by_newer_build(lead: &Lead) -> Value {
    let mut document = serde_json::to_value(lead).unwrap();
    document["registry"] = json!({ "checked_at": "2030-01-01T00:00:00Z" });
    document["reasons"] = json!(["registry_listed"]);
    document["eligibility"] = json!("reviewed");
    document["temperature"] = json!("boiling");
    document["texts"]["city"] = json!("Łódź");
    document["phone"]["kind"] = json!("satellite");
    document["phone"]["carrier"] = json!("x");
    document["email"]["kind"] = json!("relay");
    document["consent"]["proof"] = json!("y");
    document["field_versions"]["base"][0] = json!("notarized");
    document["inferred"]["mood"] = json!({ "value": 1, "basis": "guess" });
    document
}

async fn a_lead_of_a_newer_build_keeps_unknown_members_when_it_changes(world: World) {
    let source = world.updating_source().await;
    let commit = async |submission| {
        let batch = vec![world.normalize_by(&source, submission)];
        world.store.commit(batch, world.judge()).await.unwrap().settled[0].clone()
    };
    let first = world.eligible(PHONE, "ann@example.com");
    commit(first.clone()).await;
    let (organization, id) = (world.organization.id, first.id.into());
    let lead = async || world.store.lead(organization, id).await.unwrap().unwrap();
    let before = lead().await;
    assert_eq!(before.eligibility, Eligibility::Eligible);
    let document = by_newer_build(&before).to_string().replace('\'', "''");
    let stored = world.id_literal(first.id.as_uuid());
    world.sql(&format!("UPDATE leads SET document = '{document}' WHERE id = {stored}")).await;

    let fields = Fields {
        phone: Patch::Value(PHONE.to_owned()),
        texts: [(TextField::Company, Some("Acme".to_owned()))].into(),
        ..Fields::default()
    };
    let settled = commit(world.submission(fields)).await;
    assert_eq!((settled.outcome, settled.lead), (Outcome::Updated, Some(id)));
    assert_held_and_complete(&lead().await);

    let entry = crate::races::suppression(&world, SuppressionKind::Phone, PHONE).await;
    let key = entry.key;
    world.store.suppress(organization, vec![entry], world.judge()).await.unwrap();
    assert!(lead().await.reasons.contains(&Reason::SuppressedPhone));
    world.store.unsuppress(organization, vec![key], None, world.judge()).await.unwrap();
    assert_held_and_complete(&lead().await);
}

fn assert_held_and_complete(lead: &Lead) {
    assert_eq!(lead.eligibility, Eligibility::Held);
    assert_eq!(lead.reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>(), ["registry_listed"]);
    assert_eq!(lead.text(TextField::Company), Some("Acme"));
    let document = serde_json::to_value(lead).unwrap();
    assert_eq!(document["registry"], json!({ "checked_at": "2030-01-01T00:00:00Z" }));
    assert_eq!((&document["texts"]["city"], &document["consent"]["proof"]), (&json!("Łódź"), &json!("y")));
}
