//! Workers with many stored leads, against an almost empty store; and the disk that each stored lead takes.

use crate::figures::{Unit, float, medians_in_turn};
use crate::load::End;
use crate::page::{ResultPage, ResultRow};

use super::{Bench, WORKERS};

/// What a lead may take of the database's disk, in bytes.
const MAX_DISK_OF_LEAD: f64 = 4_000.0;

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let (mut full, mut empty) = (bench.distributed().await?, bench.distributed().await?);
    let stored = bench.arguments.stored;
    full.start_workers(WORKERS)?;
    full.sustain(End::Requests(stored)).await?;
    full.stop_workers().await?;
    let sizes = full.disk_sizes(&bench.servers).await?;
    // Counted in kB, because `float` takes counts below 2³². Sizes are whole pages, so nothing is lost.
    let of_lead = |bytes: u64| float(bytes / 1_024) / float(stored) * 1_024.0;
    let total = of_lead(sizes.iter().map(|(_, bytes)| bytes).sum());
    let row = ResultRow::new(format!("disk of each of {stored} leads"), total, Unit::Bytes);
    page.add(row.at_most(MAX_DISK_OF_LEAD, total, Unit::Bytes));
    for (name, bytes) in sizes {
        let of_lead = of_lead(bytes);
        if of_lead >= 1.0 {
            page.add_size(&name, of_lead);
        }
    }
    let [many, few] = medians_in_turn(bench.arguments.rounds, [true, false], async |is_full| {
        let installation = if *is_full { &mut full } else { &mut empty };
        let template = installation.template();
        Ok(installation.process_backlog(template, None, bench.arguments.leads, WORKERS).await?.rate)
    })
    .await?;
    let row = ResultRow::new(format!("2 workers, {stored} leads stored"), many, Unit::PerSecond);
    page.add(row.at_least(0.8, many / few, Unit::Times("an empty store")));
    full.finish(&bench.servers, "many-stored", page).await?;
    empty.finish(&bench.servers, "many-stored, empty store", page).await
}
