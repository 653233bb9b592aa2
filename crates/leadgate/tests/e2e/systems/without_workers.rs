//! What each system's clients are told while no worker runs, and that nothing of it is lost.

use leadgate_testkit::oracle::ObservedOutcome;
use serde_json::json;

use super::{Way, post, send};
use crate::world::{Servers, World, http, until};

#[tokio::test]
async fn every_system_is_answered_and_everything_is_stored_when_workers_return() {
    let mut world = World::production("without-workers", &Servers::shared().await, 0).await;
    let abc_sales = Way::into(&world, "abc_sales").await;
    let lead2inbound = Way::into(&world, "lead2inbound").await;
    let five_hundred = Way::into(&world, "500_leads").await;
    let kickofflabs = Way::into(&world, "kickofflabs").await;
    let askad = Way::into(&world, "askad").await;
    let body = |n: u32| {
        json!({ "name": "Ann Lee", "phone": format!("+1415555015{n}"), "email": format!("p{n}@example.com") })
            .to_string()
    };
    let by_url = async |url: &str, n: u32| {
        send(http().post(url).header("content-type", "application/json").body(body(n))).await
    };
    let native = world.key.clone();
    let started = std::time::Instant::now();
    let answers = [
        (post(&world, "/v1/leads", &native, &body(0)).await, 202, true),
        (post(&world, "/v1/webhooks/leads", &abc_sales.key, &body(1)).await, 202, true),
        (post(&world, "/v1/leads", &lead2inbound.key, &body(2)).await, 202, true),
        (by_url(&five_hundred.url, 3).await, 200, false),
        (by_url(&kickofflabs.url, 4).await, 201, false),
        (post(&world, "/api/v1/leads/inbound", &askad.key, &body(5)).await, 202, true),
    ];
    assert!(started.elapsed().as_secs() < 10, "two of them waited two seconds each");
    for (got, status, queued) in &answers {
        assert_eq!((got.status, got.body["status"] == "queued"), (*status, *queued), "{}", got.text);
        assert!(got.status == 200 || got.body["id"].is_string(), "{}", got.text);
    }
    assert_eq!(world.observed().await.len(), 0);
    world.start_worker().await;
    let all = || async {
        let held = world.observed().await;
        (held.len() == answers.len()).then_some(held)
    };
    let held = until("all of them", all).await;
    assert!(held.iter().all(|one| one.outcome == ObservedOutcome::Created));
}
