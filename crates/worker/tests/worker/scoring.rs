//! A scoring that changes while the worker is running.

use leadgate_domain::{Scoring, Temperature};
use serde_json::{Value, json};

use crate::world::World;

async fn scored(world: &mut World, external_id: &str) -> (u8, Temperature, Value) {
    let submission = world.submission(external_id);
    world.publish(&submission).await;
    world.drain().await;
    let record = world.store.submission(submission.organization, submission.id).await.unwrap().unwrap();
    let trace = json!(record.outcome().unwrap().trace)["score"].clone();
    let lead = world.store.lead(submission.organization, submission.id.into()).await.unwrap().unwrap();
    assert_eq!(trace["score"], lead.score);
    (lead.score, lead.temperature, trace["scoring_version"].clone())
}

#[tokio::test]
async fn a_changed_scoring_is_used_for_later_submissions() {
    let mut world = World::new().await;
    let organization = world.source.organization;
    let before = scored(&mut world, "a").await;
    assert_eq!(before.2, 0, "the standard scoring");
    let text = "hot = 90\nwarm = 50\n[[rules]]\nname = \"known\"\npoints = 90\nwhen = { field = \"external_id\", submitted = true }";
    let scoring = Scoring::from_toml(text).unwrap();
    world.store.add_scoring(organization, &scoring).await.unwrap();
    // A running worker does this every two seconds.
    world.directory.refresh().await.unwrap();
    assert_eq!(scored(&mut world, "b").await, (90, Temperature::Hot, 1.into()));
    world.store.activate_scoring(organization, None).await.unwrap();
    world.directory.refresh().await.unwrap();
    assert_eq!(scored(&mut world, "c").await, before);
}
