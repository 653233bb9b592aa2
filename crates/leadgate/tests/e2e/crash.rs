//! The process is killed directly after a 202.

use leadgate_testkit::oracle::{Oracle, RequestState};
use serde_json::json;

use crate::world::{World, until};

/// 50 rounds: a lead is accepted, the process is killed at once, and the lead is stored after the restart.
#[tokio::test]
async fn an_accepted_lead_survives_a_crash() {
    let mut world = World::embedded("kill-9").await;
    let oracle = Oracle::new();
    for round in 0..50 {
        let body = json!({ "phone": format!("+1415555{:04}", 1_000 + round), "full_name": "Survivor" });
        let response = world.client().post(&oracle, None, body.to_string().into_bytes()).await.unwrap();
        world.server.kill9().unwrap();
        let RequestState::Acked(id) = response.state else { panic!("round {round}: {response:?}") };
        world.start_server().await;
        until("the lead", || async {
            let (status, shown) = world.get(&format!("/v1/leads/{id}")).await;
            assert_eq!(status, 200, "round {round}");
            (shown["submission"]["outcome"] == "created").then_some(())
        })
        .await;
    }
    let submissions = world.wait_until_processed(&oracle).await;
    let report = oracle.check(&submissions);
    println!("{report:?}");
    report.assert_conserved();
    assert_eq!((report.acked, report.stored, report.quarantined), (50, 50, 0));
}
