//! Shows that a single confirm of lapin cannot be trusted, and that the results of the publisher can.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod support;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use leadgate_queue::{QueueConfig, Role, declare_topology};
use leadgate_testkit::servers::shared;
use support::load::{Load, receive_all};
use support::{World, open};

/// Shows the misattribution in lapin alone: 50 mandatory messages in flight, some of them unroutable.
///
/// If this test fails because lapin no longer misattributes returns, `amqp/pending_confirms.rs` can be
/// simplified.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lapin_acknowledges_unroutable_messages() {
    let vhost = shared().rabbitmq().await.unwrap().vhost().await.unwrap();
    let connection = Connection::connect(&vhost.amqp_url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("there".into(), durable, FieldTable::default()).await.unwrap();

    // This is a race. Usually one of the first rounds shows it.
    let (mut rounds, mut false_acks, mut false_returns) = (0, 0, 0);
    while false_acks == 0 && rounds < 1_000 {
        rounds += 1;
        let mut confirms = Vec::new();
        for number in 0..50 {
            let routable = number % 10 != 0;
            let key = if routable { "there" } else { "nowhere" };
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let properties = BasicProperties::default().with_delivery_mode(2);
            let publish = channel.basic_publish("".into(), key.into(), options, b"lead", properties);
            confirms.push((routable, publish.await.unwrap()));
        }
        for (routable, confirm) in confirms {
            let confirmation = confirm.await.unwrap();
            match (routable, confirmation) {
                (false, Confirmation::Ack(None)) => false_acks += 1,
                (true, Confirmation::Ack(Some(_))) => false_returns += 1,
                _ => {}
            }
        }
    }
    println!(
        "{rounds} rounds: {false_acks} unroutable messages look acknowledged, {false_returns} routed ones returned"
    );
    assert!(false_acks > 0, "lapin no longer misattributes returns");
}

/// The same situation with the publisher of this crate: unroutable messages are refused, and so are all
/// messages that were in flight with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_publisher_never_accepts_unroutable_messages() {
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(10)).await.unwrap();
    // One submission per message, so that many confirms are outstanding.
    let config = QueueConfig { shards: 10, max_group_size: 1, max_groups_in_flight: 8, ..world.config() };
    let queue = open(config.clone(), Role::Gateway).await;
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    // From here on, every tenth message is routed neither to its shard nor to `unrouted`. A missing binding,
    // unlike a missing queue, is not detected by the verification.
    vhost.unbind("leadgate.leads", "leads.7").await.unwrap();
    vhost.unbind("leadgate.unrouted", "unrouted").await.unwrap();
    load.wait_for_unroutable(500).await;
    let answers = load.stop().await;
    receive_all(config, &answers).await;
}
