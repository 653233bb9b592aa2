//! Stored leads are re-screened after an opt-out, even while another re-screening of their organization is
//! running.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    DuplicatePolicy, Patch, Sha256Digest, Source, SourceId, Submission, SuppressedValue, Suppression,
    SuppressionKind, Timestamp,
};
use tokio::time::timeout;

use crate::world::World;

/// More leads than one transaction re-screens for a contact.
const LEADS_OF_CONTACT: usize = 101;

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
    let make_submission = |world: &World, name: &str, email: &str| {
        let mut submission = Submission { source: source.id, ..world.submission(name) };
        submission.fields.email = Patch::Value(email.into());
        submission
    };
    for n in 0..LEADS_OF_CONTACT {
        world.publish(&make_submission(&world, &format!("lead {n}"), "many@example.com")).await;
    }
    world.publish(&make_submission(&world, "ann", "ann@example.com")).await;
    world.drain().await;

    // An entry with a digest is compared with all leads. So is an opt-out that concerns this many leads.
    let match_key = world.store.match_key().await.unwrap();
    let digest = Sha256Digest::compute(b"bob@example.com").to_string();
    let digest = SuppressedValue::digest(SuppressionKind::Email, &digest).unwrap();
    let organization = world.source.organization;
    let digest = Suppression::new(&match_key, organization, &digest, Timestamp::now());
    world.store.suppress(organization, vec![digest], world.judge.clone()).await.unwrap();
    let pass = Arc::clone(&world.pass_lock).lock_owned().await;
    opt_out(&mut world, make_submission, "many", "many@example.com").await;
    wait_for_reassessed(&mut world, "many@example.com", 1).await;

    // Once in the commit, and once in the run that follows.
    opt_out(&mut world, make_submission, "ann again", "ann@example.com").await;
    wait_for_reassessed(&mut world, "ann@example.com", 2).await;
    drop(pass);
}

async fn opt_out(
    world: &mut World,
    make_submission: impl Fn(&World, &str, &str) -> Submission,
    name: &str,
    email: &str,
) {
    let mut submission = make_submission(world, name, email);
    submission.fields.opt_out = true;
    world.publish(&submission).await;
    world.drain().await;
}

/// Waits until leads with the email have been re-screened `times` times.
async fn wait_for_reassessed(world: &mut World, email: &str, times: usize) {
    let has_email = |emails: &Vec<String>| emails.iter().any(|listed| listed == email);
    let enough = |pages: &Vec<Vec<String>>| pages.iter().filter(|emails| has_email(emails)).count() >= times;
    timeout(Duration::from_secs(30), world.reassessed.wait_for(enough))
        .await
        .expect("the leads are re-screened")
        .unwrap();
}
