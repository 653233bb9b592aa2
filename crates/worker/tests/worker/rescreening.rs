//! Stored leads learn of an opt-out, whatever else their organization is screened for.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    DuplicatePolicy, Patch, Sha256Digest, Source, SourceId, Submission, SuppressedValue, Suppression,
    SuppressionKind, Timestamp,
};
use tokio::time::timeout;

use crate::world::World;

/// More leads than one transaction rescreens for a contact.
const MANY: usize = 101;

#[tokio::test]
async fn an_opt_out_does_not_wait_for_a_pass_over_all_leads() {
    let mut world = World::new().await;
    let source = Source {
        id: SourceId::generate(),
        name: Some("all".into()),
        policy: DuplicatePolicy::Create,
        ..world.source.clone()
    };
    world.store.create_source(&source).await.unwrap();
    let of = |world: &World, name: &str, email: &str| {
        let mut submission = Submission { source: source.id, ..world.submission(name) };
        submission.fields.email = Patch::Value(email.into());
        submission
    };
    for n in 0..MANY {
        world.publish(&of(&world, &format!("lead {n}"), "many@example.com")).await;
    }
    world.publish(&of(&world, "ann", "ann@example.com")).await;
    world.drain().await;

    // A digest is compared with all leads; the run that an opt-out of very many leads needs does that, too.
    let matching = world.store.match_key().await.unwrap();
    let digest = Sha256Digest::of(b"bob@example.com").to_string();
    let digest = SuppressedValue::digest(SuppressionKind::Email, &digest).unwrap();
    let organization = world.source.organization;
    let digest = Suppression::new(&matching, organization, &digest, Timestamp::now());
    world.store.suppress(organization, vec![digest], world.judge.clone()).await.unwrap();
    let pass = Arc::clone(&world.pass).lock_owned().await;
    opt_out(&mut world, of, "many", "many@example.com").await;
    reassessed(&mut world, "many@example.com", 1).await;

    // Once by its commit, for the leads that it sees, and once by the run that follows.
    opt_out(&mut world, of, "ann again", "ann@example.com").await;
    reassessed(&mut world, "ann@example.com", 2).await;
    drop(pass);
}

async fn opt_out(world: &mut World, of: impl Fn(&World, &str, &str) -> Submission, name: &str, email: &str) {
    let mut submission = of(world, name, email);
    submission.fields.opt_out = true;
    world.publish(&submission).await;
    world.drain().await;
}

/// Waits until leads with the email were decided anew so many times.
async fn reassessed(world: &mut World, email: &str, times: usize) {
    let with = |emails: &Vec<String>| emails.iter().any(|one| one == email);
    let enough = |seen: &Vec<Vec<String>>| seen.iter().filter(|emails| with(emails)).count() >= times;
    timeout(Duration::from_secs(30), world.reassessed.wait_for(enough)).await.expect("they wait").unwrap();
}
