//! Varied leads through all programs, checked by the conservation oracle, while workers start, stop and are
//! killed.

use std::sync::Arc;

use leadgate_testkit::leads::LeadGenerator;
use leadgate_testkit::logs;
use leadgate_testkit::oracle::{ObservedOutcome, Oracle};

use crate::world::{Servers, Shape, TIMEOUT, World};

/// The number of leads of the long tests. CI runs the short form, `just soak` the long one.
fn leads() -> usize {
    std::env::var("LEADGATE_TEST_LEADS").ok().map_or(4_000, |text| text.parse().unwrap())
}

/// `count` varied leads. A fifth of them repeat an earlier person.
fn bodies(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut generator = LeadGenerator::new(seed).repeats(20);
    let leads: Vec<_> = (0..count).map(|_| generator.lead()).collect();
    let personal =
        leads.iter().take(500).flat_map(|lead| leadgate_testkit::leads::personal_data_of(&lead.body));
    logs::expect_absent(&personal.collect::<Vec<_>>()).unwrap();
    leads.iter().map(|lead| lead.bytes()).collect()
}

async fn varied_leads_are_all_accounted_for(shape: Shape) {
    let world = World::start(shape, "varied").await;
    logs::expect_absent(std::slice::from_ref(&world.key)).unwrap();
    let oracle = Arc::new(Oracle::new());
    world.client().connections(16).closed_loop(&oracle, bodies(11, 1_200)).await.unwrap();
    let submissions = world.wait_until_processed(&oracle).await;
    let report = oracle.check(&submissions);
    println!("{shape:?}: {report:?}");
    report.assert_conserved();
    assert_eq!((report.acked, report.quarantined, report.recovered), (1_200, 0, 0));
    assert!(report.duplicate > 100, "a fifth of them repeat a person");
}

#[tokio::test]
async fn varied_leads_are_all_accounted_for_embedded() {
    varied_leads_are_all_accounted_for(Shape::Embedded).await;
}

#[tokio::test]
async fn varied_leads_are_all_accounted_for_distributed() {
    varied_leads_are_all_accounted_for(Shape::Distributed).await;
}

/// One worker is killed, another one is stopped, and two are started under load: no lead is lost or
/// duplicated.
#[tokio::test]
async fn workers_come_and_go_under_load() {
    let mut world = World::distributed("come-and-go", &Servers::shared().await, 2).await;
    let oracle = Arc::new(Oracle::new());
    let total = leads();
    let posting = {
        let (client, oracle) = (world.client().connections(32), Arc::clone(&oracle));
        let bodies = bodies(12, total);
        tokio::spawn(async move { client.closed_loop(&oracle, bodies).await })
    };
    let wait_for_share = async |share: usize| {
        while oracle.acked() < total * share / 100 {
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    wait_for_share(25).await;
    world.workers[0].kill9().unwrap();
    wait_for_share(40).await;
    world.start_worker().await;
    wait_for_share(55).await;
    let status = world.workers[1].terminate(TIMEOUT).await.unwrap();
    assert!(status.success(), "a worker stops on SIGTERM with success: {status}");
    world.start_worker().await;
    posting.await.unwrap().unwrap();

    let submissions = world.wait_until_processed(&oracle).await;
    let report = oracle.check(&submissions);
    println!("{report:?}");
    report.assert_conserved();
    assert_eq!((report.acked, report.quarantined), (total, 0));
    let creators =
        submissions.iter().filter(|submission| submission.outcome == ObservedOutcome::Created).count();
    assert!(creators > total / 2);
    for (position, worker) in world.workers.iter().enumerate().skip(2) {
        let status = worker.terminate(TIMEOUT).await.unwrap();
        assert!(status.success(), "worker {position} ran until it was stopped: {status}");
    }
}
