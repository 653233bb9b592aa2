//! Clients of each system get a response while no worker runs, and no lead is lost.

use leadgate_testkit::oracle::ObservedOutcome;
use serde_json::json;

use super::{TestSource, post, send};
use crate::world::{Servers, World, http, until};

#[tokio::test]
async fn leads_are_accepted_without_workers_and_stored_when_a_worker_starts() {
    let settings = [("LEADGATE_GATEWAY_REPLY_TIMEOUT", "2s")];
    let servers = Servers::shared().await;
    let mut world = World::distributed_with("without-workers", &servers, 0, &settings).await;
    let abc_sales = TestSource::create(&world, "abc_sales").await;
    let lead2inbound = TestSource::create(&world, "lead2inbound").await;
    let five_hundred_leads = TestSource::create(&world, "500_leads").await;
    let kickofflabs = TestSource::create(&world, "kickofflabs").await;
    let askad = TestSource::create(&world, "askad").await;
    let body = |n: u32| {
        json!({ "name": "Ann Lee", "phone": format!("+1415555015{n}"), "email": format!("p{n}@example.com") })
            .to_string()
    };
    let post_to_url = async |url: &str, n: u32| {
        send(http().post(url).header("content-type", "application/json").body(body(n))).await
    };
    let native = world.key.clone();
    let started = std::time::Instant::now();
    let responses = [
        (post(&world, "/v1/leads", &native, &body(0)).await, 202, true),
        (post(&world, "/v1/webhooks/leads", &abc_sales.key, &body(1)).await, 202, true),
        (post(&world, "/v1/leads", &lead2inbound.key, &body(2)).await, 202, true),
        (post_to_url(&five_hundred_leads.url, 3).await, 200, false),
        (post_to_url(&kickofflabs.url, 4).await, 201, false),
        (post(&world, "/api/v1/leads/inbound", &askad.key, &body(5)).await, 202, true),
    ];
    assert!(started.elapsed().as_secs() < 30, "two responses waited for two seconds each");
    for (response, status, queued) in &responses {
        assert_eq!(
            (response.status, response.body["status"] == "queued"),
            (*status, *queued),
            "{}",
            response.text
        );
        assert!(response.status == 200 || response.body["id"].is_string(), "{}", response.text);
    }
    assert_eq!(world.observed_submissions().await.len(), 0);
    world.start_worker().await;
    let all_stored = || async {
        let submissions = world.observed_submissions().await;
        (submissions.len() == responses.len()).then_some(submissions)
    };
    let submissions = until("all of them", all_stored).await;
    assert!(submissions.iter().all(|submission| submission.outcome == ObservedOutcome::Created));
}
