//! A gateway that waits gets one reply with the outcome of the submission.

use std::time::Duration;

use leadgate_domain::reply::Reply;
use leadgate_domain::{Outcome, QuarantineReason, SourceId, Submission, TextField};
use leadgate_queue::ExpectedReply;
use leadgate_testkit::servers::shared;

use crate::world::{POISON, World};

const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait for a reply that must not come. The worker has already settled the submission.
const NO_REPLY_WAIT: Duration = Duration::from_millis(50);

impl World {
    /// A submission with a reply address.
    fn awaited(&self, external_id: &str) -> (Submission, ExpectedReply) {
        let mut submission = self.submission(external_id);
        let expected = self.queue.reply_receiver().register(submission.id).unwrap();
        submission.reply_to = Some(expected.address().clone());
        (submission, expected)
    }

    async fn publish_awaited(&self, external_id: &str) -> ExpectedReply {
        let (submission, expected) = self.awaited(external_id);
        self.publish(&submission).await;
        expected
    }
}

async fn receive(expected: ExpectedReply) -> Reply {
    expected.wait(REPLY_TIMEOUT).await.expect("a reply")
}

#[tokio::test]
async fn a_reply_contains_the_created_or_matched_lead() {
    let mut world = World::new().await;
    let first = world.publish_awaited("a").await;
    let second = world.publish_awaited("a").await;
    world.publish_all(&["b"]).await;
    world.drain().await;
    let (created, matched) = (receive(first).await, receive(second).await);
    assert_eq!((created.outcome, created.quarantine), (Outcome::Created, None));
    assert_eq!((matched.outcome, matched.quarantine), (Outcome::Duplicate, None));
    let lead = created.lead.unwrap();
    assert_eq!(lead.text(TextField::ExternalId), Some("a"));
    assert_eq!(lead.id, created.submission.into());
    assert_eq!(matched.lead.unwrap(), lead);
    assert_eq!(world.queue.reply_receiver().waiting(), 0);
}

#[tokio::test]
async fn a_reply_contains_the_reason_of_a_quarantine() {
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
    assert_eq!(receive(created).await.outcome, Outcome::Created);
    for (expected, reason) in [
        (refused, QuarantineReason::RowRefused),
        (orphaned, QuarantineReason::SourceGone),
        (crashed, QuarantineReason::Crashed),
    ] {
        let reply = receive(expected).await;
        assert_eq!((reply.outcome, reply.quarantine), (Outcome::Quarantined, Some(reason)));
        assert_eq!(reply.lead, None);
    }
}

#[tokio::test]
async fn a_redelivery_gets_no_second_reply() {
    let mut world = World::new().await;
    let (submission, expected) = world.awaited("a");
    world.publish(&submission).await;
    world.drain().await;
    assert_eq!(receive(expected).await.outcome, Outcome::Created);
    let again = world.queue.reply_receiver().register(submission.id).unwrap();
    world.publish(&submission).await;
    world.drain().await;
    assert_eq!(again.wait(NO_REPLY_WAIT).await, None);
}

/// The delivery is still settled.
#[tokio::test]
async fn no_reply_is_sent_without_its_lead() {
    let mut world = World::new().await;
    let expected = world.publish_awaited("a").await;
    let delete_trigger = "create function forget() returns trigger language plpgsql as
                  'begin delete from leads where id = new.id; return null; end';
                create constraint trigger forget after insert on leads deferrable initially deferred
                  for each row execute function forget()";
    shared().postgres().await.unwrap().sql(&world.url, delete_trigger).await.unwrap();
    world.drain().await;
    assert_eq!(expected.wait(NO_REPLY_WAIT).await, None);
}
