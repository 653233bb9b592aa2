//! Whoever waits is told what became of their submission, once.

use std::time::Duration;

use leadgate_domain::reply::Reply;
use leadgate_domain::{Outcome, QuarantineReason, SourceId, Submission, TextField};
use leadgate_queue::ExpectedReply;
use leadgate_testkit::servers::shared;

use crate::world::{POISON, World};

const LONG: Duration = Duration::from_secs(30);
/// For what never comes: the worker is done by then.
const SHORT: Duration = Duration::from_millis(50);

impl World {
    /// A submission that somebody waits for.
    fn awaited(&self, external_id: &str) -> (Submission, ExpectedReply) {
        let mut submission = self.submission(external_id);
        let expected = self.queue.replies().expect(submission.id).unwrap();
        submission.reply_to = Some(expected.address().clone());
        (submission, expected)
    }

    async fn publish_awaited(&self, external_id: &str) -> ExpectedReply {
        let (submission, expected) = self.awaited(external_id);
        self.publish(&submission).await;
        expected
    }
}

async fn told(expected: ExpectedReply) -> Reply {
    expected.wait(LONG).await.expect("it was told")
}

#[tokio::test]
async fn the_lead_that_a_submission_made_or_met_is_told() {
    let mut world = World::new().await;
    let made = world.publish_awaited("a").await;
    let met = world.publish_awaited("a").await;
    world.publish_all(&["b"]).await;
    world.drain().await;
    let (made, met) = (told(made).await, told(met).await);
    assert_eq!((made.outcome, made.quarantine), (Outcome::Created, None));
    assert_eq!((met.outcome, met.quarantine), (Outcome::Duplicate, None));
    let lead = made.lead.unwrap();
    assert_eq!(lead.text(TextField::ExternalId), Some("a"));
    assert_eq!(lead.id, made.submission.into());
    assert_eq!(met.lead.unwrap(), lead);
    assert_eq!(world.queue.replies().waiting(), 0);
}

#[tokio::test]
async fn why_a_submission_is_in_quarantine_is_told() {
    let mut world = World::new().await;
    let check = format!("alter table leads add constraint poisoned check (external_id <> '{POISON}')");
    shared().postgres().await.unwrap().sql(&world.url, &check).await.unwrap();
    let created = world.publish_awaited("a").await;
    let refused = world.publish_awaited(POISON).await;
    let (mut orphan, orphaned) = world.awaited("b");
    orphan.source = SourceId::generate();
    world.publish(&orphan).await;
    let (mut crashing, crashed) = world.awaited(POISON);
    crashing.fields.is_test = true;
    world.publish(&crashing).await;
    world.drain().await;
    assert_eq!(told(created).await.outcome, Outcome::Created);
    for (expected, reason) in [
        (refused, QuarantineReason::RowRefused),
        (orphaned, QuarantineReason::SourceGone),
        (crashed, QuarantineReason::Crashed),
    ] {
        let reply = told(expected).await;
        assert_eq!((reply.outcome, reply.quarantine), (Outcome::Quarantined, Some(reason)));
        assert_eq!(reply.lead, None);
    }
}

#[tokio::test]
async fn a_redelivery_is_not_told_again() {
    let mut world = World::new().await;
    let (submission, expected) = world.awaited("a");
    world.publish(&submission).await;
    world.drain().await;
    assert_eq!(told(expected).await.outcome, Outcome::Created);
    let again = world.queue.replies().expect(submission.id).unwrap();
    world.publish(&submission).await;
    world.drain().await;
    assert_eq!(again.wait(SHORT).await, None);
}

/// Nothing is held up for it, and nothing is told by halves.
#[tokio::test]
async fn a_lead_that_cannot_be_read_is_not_told() {
    let mut world = World::new().await;
    let expected = world.publish_awaited("a").await;
    let gone = "create function forget() returns trigger language plpgsql as
                  'begin delete from leads where id = new.id; return null; end';
                create constraint trigger forget after insert on leads deferrable initially deferred
                  for each row execute function forget()";
    shared().postgres().await.unwrap().sql(&world.url, gone).await.unwrap();
    world.drain().await;
    assert_eq!(expected.wait(SHORT).await, None);
}
