//! `kill -9` right after a 202.

use leadgate_testkit::oracle::{Oracle, RequestState};
use serde_json::json;

use crate::world::{World, until};

/// Fifty times: a lead is acked, the process is killed at once, and after the restart the lead is there.
#[tokio::test]
async fn a_lead_survives_the_death_of_the_process() {
    let mut world = World::embedded("kill-9").await;
    let oracle = Oracle::new();
    for round in 0..50 {
        let body = json!({ "phone": format!("+1415555{:04}", 1_000 + round), "full_name": "Survivor" });
        let answer = world.client().post(&oracle, None, body.to_string().into_bytes()).await.unwrap();
        world.front.kill9().unwrap();
        let RequestState::Acked(id) = answer.state else { panic!("round {round}: {answer:?}") };
        world.start_front().await;
        until("the lead", || async {
            let (status, shown) = world.get(&format!("/v1/leads/{id}")).await;
            assert_eq!(status, 200, "round {round}");
            (shown["submission"]["outcome"] == "created").then_some(())
        })
        .await;
    }
    let held = world.drained(&oracle).await;
    let report = oracle.check(&held);
    println!("{report:?}");
    report.assert_conserved();
    assert_eq!((report.acked, report.stored, report.quarantined), (50, 50, 0));
}
