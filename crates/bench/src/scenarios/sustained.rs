//! Single posts through gateway and workers for minutes, while the queue does not grow.

use crate::figures::Unit;
use crate::load::End;
use crate::page::{ResultPage, ResultRow};

use super::{Bench, WORKERS};

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let minutes = bench.arguments.minutes;
    let mut rates = Vec::new();
    for installation in [bench.distributed_against().await?, Some(bench.distributed().await?)] {
        let Some(mut installation) = installation else { continue };
        installation.start_workers(WORKERS)?;
        installation.sustain(End::After(bench.arguments.seconds)).await?;
        let rate = installation.sustain(End::After(minutes)).await?;
        rates.push((format!("sustained for {minutes:?}, {}", installation.programs.revision), rate));
        installation.finish(&bench.servers, "sustained", page).await?;
    }
    let row = |(what, rate)| ResultRow::new(what, rate, Unit::PerSecond);
    let Some((what, today)) = rates.pop() else { return Ok(()) };
    let mut today_row = row((what, today)).at_least(8_000.0, today, Unit::PerSecond);
    if let Some((what, other)) = rates.pop() {
        today_row = today_row.at_least(1.6, today / other, Unit::Times("the other revision"));
        page.add(row((what, other)));
    }
    page.add(today_row);
    Ok(())
}
