//! Latency of acks at half of the highest rate, while no worker runs.

use crate::figures::{Unit, in_turn, median, medians_in_turn};
use crate::load::{End, Load, Pace};
use crate::page::{ResultPage, ResultRow};

use super::Bench;

/// With more connections than the closed loop, because a late response must not delay the next posts.
const CONNECTIONS: usize = 256;

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let mut today = bench.distributed().await?;
    let end = End::After(bench.arguments.seconds);
    let [highest] = medians_in_turn(1, [()], async |()| {
        Ok(today.post_and_dequeue(today.load(today.template(), 64, end)).await?.rate())
    })
    .await?;
    let rate: u32 = format!("{:.0}", (highest / 2.0).max(1.0)).parse()?;
    let [rounds] = in_turn(bench.arguments.rounds, [()], async |()| {
        let load = today.load(today.template(), CONNECTIONS, end);
        today.post_and_dequeue(Load { pace: Pace::Rate(rate), ..load }).await
    })
    .await?;
    for (what, quantile, limit) in [("p50", 0.5, None), ("p99", 0.99, Some(10.0)), ("p99.9", 0.999, None)] {
        let latency = median(&rounds, |report| report.latency_ms(quantile));
        let row = ResultRow::new(format!("ack at {rate}/s, {what}"), latency, Unit::Milliseconds);
        page.add(match limit {
            Some(limit) => row.at_most(limit, latency, Unit::Milliseconds),
            None => row,
        });
    }
    today.finish(&bench.servers, "ack-latency", page).await
}
