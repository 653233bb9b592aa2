//! A backup of a running server, restored into another folder.

use std::sync::Arc;

use leadgate_store::{Directory, Store};
use leadgate_testkit::leads::LeadGenerator;
use leadgate_testkit::oracle::Oracle;

use crate::world::{World, run, try_run};

#[tokio::test]
async fn a_backup_contains_all_leads_that_were_accepted_before() {
    let world = World::embedded("backup").await;
    let oracle = Arc::new(Oracle::new());
    let mut generator = LeadGenerator::new(21);
    let bodies: Vec<_> = (0..200).map(|_| generator.lead().bytes()).collect();
    world.client().connections(8).closed_loop(&oracle, bodies).await.unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("leadgate.tar");
    let file = file.to_str().unwrap();
    world.cli(&["backup", file]).await;
    let (ok, again) = try_run(world.environment(), &["backup", file]).await;
    assert!(!ok && again["error"].as_str().unwrap().contains("exists"), "{again}");

    let data = elsewhere.path().join("data");
    let environment = vec![("LEADGATE_DATA".to_owned(), data.display().to_string())];
    run(&environment, &["restore", file]).await;
    let (ok, over) = try_run(&environment, &["restore", file]).await;
    assert!(!ok && over["error"].as_str().unwrap().contains("exists"), "{over}");

    let restored = World::with_data_folder(elsewhere, environment, world.key.clone()).await;
    let epochs = (epoch(&world.store).await, epoch(&restored.store).await);
    assert_ne!(epochs.0, epochs.1, "a restore invalidates the idempotency markers of gateways");
    let submissions = restored.wait_until_processed(&oracle).await;
    oracle.check(&submissions).assert_conserved();
}

async fn epoch(store: &Store) -> Option<uuid::Uuid> {
    let directory = Directory::new(store.clone());
    directory.refresh().await.unwrap();
    directory.epoch()
}
