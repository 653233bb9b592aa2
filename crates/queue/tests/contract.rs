//! The contract suite: each test runs once for each adapter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use leadgate_queue::{ParkReason, ParkedSelection, PublishError, ReceiveResult, Role, SettleResult};
use support::{
    World, drain, numbers, organization, publish, receive, receive_one, settled_empty, submission,
};
use tokio::task::JoinSet;

async fn a_message_is_delivered_unchanged(world: World) {
    let queue = world.open().await;
    let text = r#"{"name":"Zoë \u0000 \"x\"","emoji":"🦀","number":1e400}"#;
    publish(&queue, text).await;
    let mut consumer = queue.consumer();
    let delivery = receive_one(&mut consumer).await;
    assert_eq!(delivery.payload(), &format!(r#"{{"v":1,"submissions":[{text}]}}"#));
    assert_eq!(delivery.delivery_count(), 0);
    let age = leadgate_domain::Timestamp::now().since(delivery.published_at().unwrap());
    assert!(age < Duration::from_secs(60), "{age:?}");
    assert_eq!(delivery.ack().await, SettleResult::Settled);
    settled_empty(&queue).await;
}

async fn an_acknowledged_message_is_not_delivered_again(world: World) {
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    assert_eq!(receive_one(&mut queue.consumer()).await.ack().await, SettleResult::Settled);
    queue.shutdown().await;
    let queue = world.open().await;
    publish(&queue, &submission(2)).await;
    let mut consumer = queue.consumer();
    let delivery = receive_one(&mut consumer).await;
    assert_eq!(numbers(delivery.payload()), [2]);
    assert_eq!(delivery.ack().await, SettleResult::Settled);
    settled_empty(&queue).await;
}

async fn an_unacknowledged_message_is_delivered_again(world: World) {
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    let mut consumer = queue.consumer();
    let unsettled = receive_one(&mut consumer).await;
    drop(consumer);
    let mut consumer = queue.consumer();
    let again = receive_one(&mut consumer).await;
    assert_eq!(numbers(again.payload()), [1]);
    assert_eq!(unsettled.ack().await, SettleResult::Lost, "the message was requeued");
    assert_eq!(again.ack().await, SettleResult::Settled);
    settled_empty(&queue).await;
}

async fn a_dropped_delivery_is_counted_and_delivered_again(world: World) {
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    let mut consumer = queue.consumer();
    for before in 0..4 {
        let delivery = receive_one(&mut consumer).await;
        assert_eq!(delivery.delivery_count(), before);
        if before == 3 {
            assert_eq!(delivery.ack().await, SettleResult::Settled);
        } else {
            delivery.requeue();
        }
    }
    settled_empty(&queue).await;
}

async fn deliveries_are_counted_over_restarts(world: World) {
    for before in 0..3 {
        let queue = world.open().await;
        if before == 0 {
            publish(&queue, &submission(1)).await;
        }
        let mut consumer = queue.consumer();
        let delivery = receive_one(&mut consumer).await;
        assert_eq!(delivery.delivery_count(), before);
        queue.shutdown().await;
    }
}

async fn requeue_all_requeues_and_receive_consumes_again(world: World) {
    let queue = world.open().await;
    for number in 0..3 {
        publish(&queue, &submission(number)).await;
    }
    let mut consumer = queue.consumer();
    let unsettled = receive_one(&mut consumer).await;
    consumer.requeue_all().await;
    support::await_ready(&queue, 3).await;
    assert_eq!(unsettled.ack().await, SettleResult::Lost);
    assert_eq!(drain(&mut consumer, 3).await.len(), 3);
    settled_empty(&queue).await;
}

async fn a_batch_contains_the_ready_messages(world: World) {
    let queue = world.open().await;
    for number in 0..20 {
        publish(&queue, &submission(number)).await;
    }
    let mut consumer = queue.consumer();
    let mut seen = BTreeSet::new();
    let mut batches = 0;
    while seen.len() < 20 {
        let batch = receive(&mut consumer, 8).await;
        assert!(batch.len() <= 8);
        batches += 1;
        for delivery in batch {
            seen.extend(numbers(delivery.payload()));
            assert_eq!(delivery.ack().await, SettleResult::Settled);
        }
    }
    assert!(batches < 20, "batches have more than one message");
    settled_empty(&queue).await;
}

async fn a_cancelled_receive_loses_nothing(world: World) {
    let queue = world.open().await;
    let mut consumer = queue.consumer();
    let (mut seen, mut published) = (BTreeSet::new(), 0);
    while seen.len() < 50 {
        if published < 50 {
            publish(&queue, &submission(published)).await;
            published += 1;
        }
        // Cancels after one poll, or receives something: both outcomes happen.
        tokio::select! {
            biased;
            received = consumer.receive(4) => {
                let ReceiveResult::Deliveries(deliveries) = received else { panic!("the queue stopped") };
                for delivery in deliveries {
                    seen.extend(numbers(delivery.payload()));
                    assert_eq!(delivery.ack().await, SettleResult::Settled);
                }
            }
            () = tokio::task::yield_now() => {}
        }
    }
    settled_empty(&queue).await;
}

async fn a_parked_message_can_be_replayed(world: World) {
    let queue = world.open().await;
    for number in 0..3 {
        publish(&queue, &submission(number)).await;
    }
    let mut consumer = queue.consumer();
    let mut parked = 0;
    while parked < 3 {
        for delivery in receive(&mut consumer, 3).await {
            assert_eq!(delivery.park(ParkReason::UnknownVersion).await, SettleResult::Settled);
            parked += 1;
        }
    }
    settled_empty(&queue).await;
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.parked, depth.newer), (0, 3));

    let list = queue.list_parked(10).await.unwrap();
    assert_eq!(queue.list_parked(10).await.unwrap(), list, "listing changes nothing");
    assert_eq!(queue.list_parked(2).await.unwrap().len(), 2);
    assert!(list.iter().all(|parked| parked.reason == "unknown_version" && parked.parked_at.is_some()));
    assert!(list.iter().all(|parked| parked.bytes == br#"{"v":1,"submissions":[{"number":1}]}"#.len()));

    let selection = ParkedSelection::Ids(vec![list[1].id.clone(), "no such message".to_owned()]);
    assert_eq!(queue.replay_parked(selection).await.unwrap(), 1);
    let left: Vec<_> = queue.list_parked(10).await.unwrap().into_iter().map(|parked| parked.id).collect();
    assert_eq!(BTreeSet::from_iter(&left), BTreeSet::from([&list[0].id, &list[2].id]));
    assert_eq!(drain(&mut consumer, 1).await.len(), 1);

    assert_eq!(queue.replay_parked(ParkedSelection::All).await.unwrap(), 2);
    assert_eq!(drain(&mut consumer, 2).await.len(), 2);
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.parked, depth.newer), (0, 0));
    settled_empty(&queue).await;
}

async fn a_message_of_a_newer_version_waits_for_a_newer_build(world: World) {
    let older = world.open().await;
    let mut consumer = older.consumer();
    for (number, reason) in [ParkReason::UnknownVersion, ParkReason::Unreadable].into_iter().enumerate() {
        publish(&older, &submission(number)).await;
        assert_eq!(receive_one(&mut consumer).await.park(reason).await, SettleResult::Settled);
    }
    settled_empty(&older).await;
    let depth = older.depth().await.unwrap();
    assert_eq!((depth.parked, depth.newer), (1, 1));
    assert_eq!(older.list_parked(10).await.unwrap().len(), 2, "both are listed");
    older.shutdown().await;

    let newer = world.open_with_version(2).await;
    let mut consumer = newer.consumer();
    let delivery = receive_one(&mut consumer).await;
    assert_eq!(numbers(delivery.payload()), [0]);
    assert_eq!(delivery.ack().await, SettleResult::Settled);
    settled_empty(&newer).await;
    let depth = newer.depth().await.unwrap();
    assert_eq!((depth.parked, depth.newer), (1, 0));
    let reasons: Vec<_> =
        newer.list_parked(10).await.unwrap().into_iter().map(|message| message.reason).collect();
    assert_eq!(reasons, ["unreadable"]);
}

async fn a_thousand_concurrent_publishes_are_grouped_and_delivered_once(world: World) {
    let queue = world.open().await;
    publish(&queue, &submission(1_000)).await;
    let mut publishing = JoinSet::new();
    for number in 0..1_000 {
        let publisher = queue.publisher();
        publishing.spawn(async move {
            publisher.publish(organization(number), Bytes::from(submission(number))).await
        });
    }
    let outcomes = publishing.join_all().await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(queue.depth().await.unwrap().ready < 500, "a message contains many submissions");
    let seen = drain(&mut queue.consumer(), 1_001).await;
    assert!(seen.values().all(|times| *times == 1));
    settled_empty(&queue).await;
}

async fn a_message_has_a_maximum_size(world: World) {
    let config = leadgate_queue::QueueConfig { max_group_bytes: 1_000, ..world.config() };
    let queue = support::open(config, Role::AllInOne).await;
    publish(&queue, &submission(1_000)).await;
    let mut publishing = JoinSet::new();
    for number in 0..100 {
        let publisher = queue.publisher();
        let filler = "x".repeat(if number == 50 { 2_000 } else { 200 });
        let body = format!(r#"{{"number":{number},"filler":"{filler}"}}"#);
        publishing.spawn(async move { publisher.publish(organization(number), Bytes::from(body)).await });
    }
    assert!(publishing.join_all().await.iter().all(Result::is_ok));
    let mut consumer = queue.consumer();
    let mut seen = 0;
    while seen < 101 {
        for delivery in receive(&mut consumer, 8).await {
            let numbers = numbers(delivery.payload());
            assert!(delivery.payload().len() < 1_100 || numbers == [50], "{numbers:?}");
            seen += numbers.len();
            assert_eq!(delivery.ack().await, SettleResult::Settled);
        }
    }
}

async fn publishes_over_the_memory_limit_are_refused(world: World) {
    let config = leadgate_queue::QueueConfig { max_waiting: 10, ..world.config() };
    let queue = support::open(config, Role::AllInOne).await;
    publish(&queue, &submission(1_000)).await;
    // All publishes start before the first one can be answered.
    let publisher = queue.publisher();
    let publishing =
        (0..500).map(|number| publisher.publish(organization(number), Bytes::from(submission(number))));
    let outcomes = futures_util::future::join_all(publishing).await;
    let busy = outcomes.iter().filter(|outcome| **outcome == Err(PublishError::Busy)).count();
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(busy + accepted, 500, "{outcomes:?}");
    assert!(busy > 0 && accepted >= 10, "{busy} refused, {accepted} accepted");
    assert_eq!(drain(&mut queue.consumer(), accepted + 1).await.len(), accepted + 1);
    publish(&queue, &submission(2_000)).await;
}

async fn publishes_after_shutdown_are_refused(world: World) {
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    let (publisher, mut consumer) = (queue.publisher(), queue.consumer());
    let delivery = receive_one(&mut consumer).await;
    queue.stop_receiving();
    assert!(matches!(consumer.receive(1).await, ReceiveResult::Stopped));
    assert_eq!(delivery.ack().await, SettleResult::Settled, "a received message can still be settled");
    drop(consumer);
    queue.shutdown().await;
    let refused = publisher.publish(organization(2), Bytes::from(submission(2))).await.unwrap_err();
    assert_eq!(refused, PublishError::Unavailable(leadgate_queue::QueueFailure::Closed));
    assert!(!queue.status().is_ready());
    let queue = world.open().await;
    publish(&queue, &submission(3)).await;
    assert_eq!(drain(&mut queue.consumer(), 1).await.into_keys().collect::<Vec<_>>(), [3]);
}

async fn shutdown_finishes_the_publishes_in_flight(world: World) {
    let queue = world.open().await;
    publish(&queue, &submission(1_000)).await;
    let mut publishing = JoinSet::new();
    for number in 0..300 {
        let publisher = queue.publisher();
        publishing.spawn(async move {
            (number, publisher.publish(organization(number), Bytes::from(submission(number))).await)
        });
    }
    let first = publishing.join_next().await.unwrap().unwrap();
    queue.shutdown().await;
    let mut outcomes = publishing.join_all().await;
    outcomes.push(first);
    let accepted: BTreeSet<usize> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(number, _)| *number).collect();
    let queue = world.open().await;
    let seen = drain(&mut queue.consumer(), accepted.len() + 1).await;
    assert!(accepted.iter().all(|number| seen.contains_key(number)), "accepted submissions are in the queue");
}

async fn consumers_share_the_messages(world: World) {
    let queue = world.open().await;
    let mut consumers: Vec<_> = (0..3).map(|_| queue.consumer()).collect();
    for number in 0..60 {
        publish(&queue, &submission(number)).await;
    }
    let mut tasks = JoinSet::new();
    let done = tokio_util::sync::CancellationToken::new();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    for mut consumer in consumers.drain(..) {
        let (done, sender) = (done.clone(), sender.clone());
        tasks.spawn(async move {
            loop {
                let received = tokio::select! {
                    received = consumer.receive(1) => received,
                    () = done.cancelled() => return,
                };
                let ReceiveResult::Deliveries(deliveries) = received else { return };
                for delivery in deliveries {
                    sender.send(numbers(delivery.payload())).unwrap();
                    assert_eq!(delivery.ack().await, SettleResult::Settled);
                }
            }
        });
    }
    let mut seen = Vec::new();
    while seen.len() < 60 {
        seen.extend(tokio::time::timeout(support::TEST_TIMEOUT, receiver.recv()).await.unwrap().unwrap());
    }
    done.cancel();
    tasks.join_all().await;
    assert_eq!(BTreeSet::from_iter(&seen).len(), 60, "each message was delivered to one consumer");
    settled_empty(&queue).await;
}

async fn depth_counts_messages_and_consumers(world: World) {
    let queue = world.open().await;
    let empty = queue.depth().await.unwrap();
    assert_eq!((empty.ready, empty.in_flight, empty.parked, empty.oldest_age), (0, 0, 0, None));
    assert!(!empty.unconsumed.is_empty(), "the queue has no consumer");
    for number in 0..3 {
        publish(&queue, &submission(number)).await;
    }
    assert_eq!(queue.depth().await.unwrap().ready, 3);
    let mut consumer = queue.consumer();
    let unsettled = receive_one(&mut consumer).await;
    let depth = queue.depth().await.unwrap();
    assert_eq!(depth.unconsumed, Vec::<String>::new());
    assert!(depth.in_flight >= 1 && depth.ready + depth.in_flight == 3, "{depth:?}");
    assert!(depth.oldest_age.unwrap() < Duration::from_secs(60));
    assert_eq!(unsettled.ack().await, SettleResult::Settled);
    drain(&mut consumer, 2).await;
    settled_empty(&queue).await;
}

/// Runs each test above once for each adapter.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::World::embedded()).await;
            })*
        }
        mod amqp {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::World::amqp().await).await;
            })*
        }
    };
}

contract! {
    a_message_is_delivered_unchanged,
    an_acknowledged_message_is_not_delivered_again,
    an_unacknowledged_message_is_delivered_again,
    a_dropped_delivery_is_counted_and_delivered_again,
    deliveries_are_counted_over_restarts,
    requeue_all_requeues_and_receive_consumes_again,
    a_batch_contains_the_ready_messages,
    a_cancelled_receive_loses_nothing,
    a_parked_message_can_be_replayed,
    a_message_of_a_newer_version_waits_for_a_newer_build,
    a_thousand_concurrent_publishes_are_grouped_and_delivered_once,
    a_message_has_a_maximum_size,
    publishes_over_the_memory_limit_are_refused,
    publishes_after_shutdown_are_refused,
    shutdown_finishes_the_publishes_in_flight,
    consumers_share_the_messages,
    depth_counts_messages_and_consumers,
}
