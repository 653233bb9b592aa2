//! Measures durable publishes per second, for several limits of the groups in flight.
//!
//! `cargo run --release -p leadgate-queue --example groups_in_flight [ROUNDS [SECONDS]]` starts its own
//! RabbitMQ and queues in temporary folders, publishes leads of 1 kB, and prints the median of the rounds.
//! Each round runs all cases, so that other load on the machine affects all cases equally. The messages are
//! not consumed.
#![allow(clippy::print_stdout, clippy::as_conversions)]

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use leadgate_domain::OrganizationId;
use leadgate_queue::{Queue, QueueConfig, Role, declare_topology};
use leadgate_testkit::servers::RabbitMqServer;
use tokio::task::JoinSet;

#[derive(Clone, Copy)]
struct Case {
    /// Shards, and the maximum of groups in flight. `None`: the embedded queue.
    rabbitmq: Option<(u16, usize)>,
    publishers: usize,
}

struct Measured {
    per_second: f64,
    median: Duration,
    slow: Duration,
}

fn cases() -> Vec<(Case, Vec<Measured>)> {
    let on_rabbitmq = [(1, 1), (1, 2), (1, 4), (1, 8), (1, 16), (2, 4)];
    let adapters = on_rabbitmq.into_iter().map(Some).chain([None]);
    let cases = adapters.flat_map(|rabbitmq| [8, 64, 512].map(|publishers| Case { rabbitmq, publishers }));
    cases.map(|case| (case, Vec::new())).collect()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let rounds = arguments.next().unwrap_or(Ok(5))?;
    let window = Duration::from_secs(arguments.next().unwrap_or(Ok(1))?);
    println!("one fsync here takes {:?}", fsync()?);
    let broker = RabbitMqServer::start().await?;
    let mut cases = cases();
    for _ in 0..rounds {
        for (case, measured) in &mut cases {
            measured.push(measure(&broker, *case, window).await?);
        }
    }
    println!("adapter   shards  in flight  publishers  durable/s      p50      p99");
    for (case, mut measured) in cases {
        measured.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let middle = measured.get(measured.len() / 2).context("no round")?;
        let adapter = match case.rabbitmq {
            Some((shards, in_flight)) => format!("rabbitmq {shards:7} {in_flight:10}"),
            None => "sqlite         -          -".to_owned(),
        };
        let Measured { per_second, median, slow } = middle;
        println!("{adapter} {:11} {per_second:10.0} {median:8.1?} {slow:8.1?}", case.publishers);
    }
    Ok(())
}

async fn measure(broker: &RabbitMqServer, case: Case, window: Duration) -> anyhow::Result<Measured> {
    match case.rabbitmq {
        Some((shards, max_groups_in_flight)) => {
            let vhost = broker.vhost().await?;
            declare_topology(&QueueConfig::new(&vhost.amqp_url).with_shards(shards)).await?;
            let config = QueueConfig { shards, max_groups_in_flight, ..QueueConfig::new(&vhost.amqp_url) };
            let measured = publish(config, case.publishers, window).await?;
            vhost.remove().await?;
            Ok(measured)
        }
        None => {
            let folder = tempfile::tempdir()?;
            let config = QueueConfig::new(format!("sqlite:{}", folder.path().join("queue.db").display()));
            publish(config, case.publishers, window).await
        }
    }
}

async fn publish(config: QueueConfig, publishers: usize, window: Duration) -> anyhow::Result<Measured> {
    let queue = Queue::open(config, Role::Gateway).await?;
    queue.ready().await;
    let lead = Bytes::from(format!(r#"{{"filler":"{}"}}"#, "x".repeat(1_000)));
    let started = Instant::now();
    let mut publishing = JoinSet::new();
    for _ in 0..publishers {
        let (publisher, lead, organization) = (queue.publisher(), lead.clone(), OrganizationId::generate());
        publishing.spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < window {
                let publish_started = Instant::now();
                publisher.publish(organization, lead.clone()).await?;
                times.push(publish_started.elapsed());
            }
            Ok::<_, leadgate_queue::PublishError>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(result) = publishing.join_next().await {
        times.extend(result??);
    }
    let per_second = times.len() as f64 / started.elapsed().as_secs_f64();
    queue.shutdown().await;
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(Measured { per_second, median: at(0.5), slow: at(0.99) })
}

fn fsync() -> anyhow::Result<Duration> {
    let mut file = tempfile::tempfile()?;
    let mut fastest = Duration::MAX;
    for _ in 0..50 {
        std::io::Write::write_all(&mut file, &[0; 4096])?;
        let started = Instant::now();
        file.sync_all()?;
        fastest = fastest.min(started.elapsed());
    }
    Some(fastest).context("nothing measured")
}
