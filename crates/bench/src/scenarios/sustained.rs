//! Single posts through gateway and workers for minutes, while the queue does not grow.

use crate::figures::Unit;
use crate::load::End;
use crate::page::{ResultPage, ResultRow};

use super::{Bench, WORKERS};

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let mut other = None;
    for installation in [bench.distributed_against().await?, Some(bench.distributed().await?)] {
        let Some(mut installation) = installation else { continue };
        let minutes = bench.arguments.minutes;
        installation.start_workers(WORKERS)?;
        installation.sustain(End::After(bench.arguments.seconds)).await?;
        let rate = installation.sustain(End::After(minutes)).await?;
        let what = format!("sustained for {minutes:?}, {}", installation.programs.revision);
        let row = ResultRow::new(what, rate, Unit::PerSecond).at_least(8_000.0, rate, Unit::PerSecond);
        page.add(match other.replace(rate) {
            Some(other) => row.at_least(1.6, rate / other, Unit::Times("the other revision")),
            None => row,
        });
        installation.finish(&bench.servers, "sustained", page).await?;
    }
    Ok(())
}
