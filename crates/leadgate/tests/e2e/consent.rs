//! Evidence of consent, from the post of a lead to a signed export.

use serde_json::{Value, json};

use crate::world::{Shape, World, try_run, until};

async fn consent_is_exported_and_verified(shape: Shape) {
    let world = World::start(shape, "consent").await;
    let certificate = "https://cert.trustedform.com/1a2e71c22c16765fe114f8d7a99bc7a1b2583621";
    let body = json!({
        "phone": "+1 415 555 0132",
        "full_name": "Quentin Marlowe",
        "consent_timestamp": "2026-01-31T12:00:00Z",
        "consent_text_version": "v1",
        "source_url": "https://acme.example/quote?email=quentin@marlowe-works.example",
        "xxTrustedFormCertUrl_0": certificate,
    });
    let request = crate::world::http().post(format!("{}/v1/leads", world.base)).bearer_auth(&world.key);
    let response = request.header("user-agent", "Mozilla/5.0 (a browser)").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 202);
    let response_body: Value = response.json().await.unwrap();
    let id = response_body["id"].as_str().unwrap();
    until("the lead", || async {
        let (_, shown) = world.get(&format!("/v1/leads/{id}")).await;
        (shown["status"] != "queued").then_some(())
    })
    .await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("consent.ndjson");
    let file = file.to_str().unwrap();
    let export =
        world.cli(&["consent", "export", "--organization", "acme", "--submission", id, "--out", file]).await;
    assert_eq!(export["rows"], 1);
    let exported = std::fs::read_to_string(file).unwrap();
    let row: Value = serde_json::from_str(exported.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&row["lead"], &row["trustedform_certificate"]), (&json!(id), &json!(certificate)));
    assert_eq!(row["page_url"], "https://acme.example/quote");
    let person: Value = serde_json::from_str(row["person"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&person["client_address"], &person["user_agent"], &person["phone"]),
        (&json!("127.0.0.1"), &json!("Mozilla/5.0 (a browser)"), &json!("+14155550132"))
    );
    assert_eq!(person["consent"]["source_url"], body["source_url"]);

    let verified = world.cli(&["consent", "verify", file]).await;
    assert_eq!((&verified["verified"], &verified["people"]), (&json!(true), &json!(1)));
    std::fs::write(file, exported.replace("v1", "v2")).unwrap();
    let (ok, error) = try_run(world.environment(), &["consent", "verify", file]).await;
    assert!(!ok && error["error"].as_str().unwrap().contains("changed"), "{error}");
}

#[tokio::test]
async fn consent_is_exported_and_verified_embedded() {
    consent_is_exported_and_verified(Shape::Embedded).await;
}

#[tokio::test]
async fn consent_is_exported_and_verified_distributed() {
    consent_is_exported_and_verified(Shape::Distributed).await;
}
