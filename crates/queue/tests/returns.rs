//! Why a confirm of lapin is not believed alone, and that ours can be.
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
use support::load::{Load, find_all};
use support::{World, open};

/// lapin's misattribution, bare: mandatory messages, some of which no queue takes, 50 on their way.
///
/// If this test fails because nothing was misattributed any more, lapin was mended, and `amqp/pending_confirms.rs`
/// may become simpler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lapin_acknowledges_what_no_queue_took() {
    let vhost = shared().rabbitmq().await.unwrap().vhost().await.unwrap();
    let connection = Connection::connect(&vhost.amqp_url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("there".into(), durable, FieldTable::default()).await.unwrap();

    // It is a race: usually the first rounds show it.
    let (mut rounds, mut false_acks, mut false_returns) = (0, 0, 0);
    while false_acks == 0 && rounds < 1_000 {
        rounds += 1;
        let mut confirms = Vec::new();
        for number in 0..50 {
            let taken = number % 10 != 0;
            let key = if taken { "there" } else { "nowhere" };
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let properties = BasicProperties::default().with_delivery_mode(2);
            let publish = channel.basic_publish("".into(), key.into(), options, b"lead", properties);
            confirms.push((taken, publish.await.unwrap()));
        }
        for (taken, confirm) in confirms {
            let confirmation = confirm.await.unwrap();
            match (taken, confirmation) {
                (false, Confirmation::Ack(None)) => false_acks += 1,
                (true, Confirmation::Ack(Some(_))) => false_returns += 1,
                _ => {}
            }
        }
    }
    println!(
        "{rounds} rounds: {false_acks} that no queue took look acknowledged, {false_returns} good ones returned"
    );
    assert!(false_acks > 0, "lapin no longer misattributes returns");
}

/// The same situation with our publisher: whatever no queue took is refused, and so is what was on its way with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_publisher_never_does() {
    let world = World::amqp().await;
    let World::Amqp(vhost) = &world else { panic!("not a broker") };
    declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(10)).await.unwrap();
    // One submission per message, so that many confirms are on their way.
    let config = QueueConfig { shards: 10, group_max: 1, groups_in_flight: 8, ..world.config() };
    let queue = open(config.clone(), Role::Gateway).await;
    let mut load = Load::start(&queue);
    load.accepts(500).await;
    // From now on every tenth message finds neither a queue of its own nor the one that catches strays. A
    // missing binding, unlike a missing queue, is not seen on connecting.
    vhost.unbind("leadgate.leads", "leads.7").await.unwrap();
    vhost.unbind("leadgate.unrouted", "unrouted").await.unwrap();
    load.meets_unroutable(500).await;
    let answers = load.stop().await;
    find_all(config, &answers).await;
}
