//! Durable acks of single posts while no worker runs.

use crate::baselines::{BaselineKind, BaselineServer, ONE_MESSAGE_QUEUE};
use crate::figures::{Unit, medians_in_turn};
use crate::load::{End, LeadTemplate, MAPPING, large_body, mapped_body};
use crate::page::{ResultPage, ResultRow};

use super::Bench;

enum AckCase {
    Echo,
    OneMessage,
    Plain,
    Mapped,
    Large,
    Against,
}

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let (mut today, mut against) = (bench.distributed().await?, bench.distributed_against().await?);
    let vhost = bench.servers.rabbitmq.vhost().await?;
    let echo = BaselineServer::start(BaselineKind::Echo, "").await?;
    let one_message = BaselineServer::start(BaselineKind::OneMessage, &vhost.amqp_url).await?;
    let (source, mapped_key) = today.create_source(&["--name", "mapped"]).await?;
    today.set_mapping(&source, MAPPING).await?;

    for connections in [64, 256] {
        let end = End::After(bench.arguments.seconds);
        use AckCase::{Against, Echo, Large, Mapped, OneMessage, Plain};
        let cases = [Echo, OneMessage, Plain, Mapped, Large, Against];
        let rates = medians_in_turn(bench.arguments.rounds, cases, async |case| {
            let report = match (case, &mut against) {
                (Echo, _) => echo.post(connections, end).await,
                (OneMessage, _) => {
                    let report = one_message.post(connections, end).await;
                    vhost.purge(ONE_MESSAGE_QUEUE).await?;
                    report
                }
                (Plain, _) => today.post_and_dequeue(today.load(today.template(), connections, end)).await,
                (Mapped, _) => {
                    let template = LeadTemplate::new(&mapped_key, &mapped_body());
                    today.post_and_dequeue(today.load(template, connections, end)).await
                }
                (Large, _) => {
                    let template = LeadTemplate::new(&today.key, &large_body());
                    today.post_and_dequeue(today.load(template, connections, end)).await
                }
                (Against, Some(other)) => {
                    other.post_and_dequeue(other.load(other.template(), connections, end)).await
                }
                (Against, None) => return Ok(f64::NAN),
            };
            Ok(report?.rate())
        });
        let [echo, one_message, plain, mapped, large, other] = rates.await?;
        let row = |what: &str, rate| {
            ResultRow::new(format!("{what}, {connections} connections"), rate, Unit::PerSecond)
        };
        page.add(row("baseline `echo`", echo));
        page.add(row("baseline `one-message`", one_message));
        let acks = row("acks, no workers", plain);
        let acks = acks.at_least(1.3, plain / one_message, Unit::Times("one-message"));
        page.add(acks.at_least(0.3, plain / echo, Unit::Times("echo")));
        let unit = Unit::Times("plain acks");
        page.add(row("acks through a mapping", mapped).at_least(0.85, mapped / plain, unit));
        page.add(row("acks of 1 kB", large).at_least(0.85, large / plain, unit));
        if let Some(installation) = &against {
            page.add(row(&format!("acks, {}", installation.programs.revision), other));
        }
    }
    if let Some(installation) = against {
        installation.finish(&bench.servers, "acks", page).await?;
    }
    today.finish(&bench.servers, "acks", page).await
}
