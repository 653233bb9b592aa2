//! From a post to the visible lead, at a moderate rate.

use crate::figures::{Unit, in_turn, median};
use crate::installation::BenchInstallation;
use crate::load::{End, Load, LoadReport, Pace};
use crate::page::{ResultPage, ResultRow};

use super::{Bench, WORKERS};

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let (mut today, mut against) = (bench.distributed().await?, bench.distributed_against().await?);
    today.start_workers(WORKERS)?;
    against.as_mut().map_or(Ok(()), |installation| installation.start_workers(WORKERS))?;
    let [rounds, other_rounds] = in_turn(bench.arguments.rounds, [true, false], async |is_today| {
        let installation = if *is_today { Some(&mut today) } else { against.as_mut() };
        let Some(installation) = installation else { return Ok(None) };
        let load = installation.load(installation.template(), 64, End::After(bench.arguments.seconds));
        let (pace, read_every) = (Pace::Rate(bench.arguments.rate), bench.read_every());
        installation.post(Load { pace, read_every, ..load }).await.map(Some)
    })
    .await?;
    for (installation, rounds) in [(Some(today), rounds), (against, other_rounds)] {
        let Some(installation) = installation else { continue };
        let rounds: Vec<LoadReport> = rounds.into_iter().flatten().collect();
        add_rows(bench, &installation, &rounds, page);
        installation.finish(&bench.servers, "end-to-end", page).await?;
    }
    Ok(())
}

fn add_rows(bench: &Bench, installation: &BenchInstallation, rounds: &[LoadReport], page: &mut ResultPage) {
    for (name, quantile, limit) in [("p50", 0.5, 10.0), ("p99", 0.99, 50.0)] {
        let latency = median(rounds, |report| report.visible_ms(quantile));
        let (rate, revision) = (bench.arguments.rate, &installation.programs.revision);
        let what = format!("post to visible lead at {rate}/s, {revision}, {name}");
        let row = ResultRow::new(what, latency, Unit::Milliseconds);
        let is_today = *revision == bench.today.revision;
        page.add(if is_today { row.at_most(limit, latency, Unit::Milliseconds) } else { row });
    }
}
