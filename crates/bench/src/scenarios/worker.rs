//! Workers alone: from a full queue to committed.

use crate::baselines::CopyBaseline;
use crate::figures::{Unit, medians_in_turn};
use crate::load::{LeadTemplate, native_body};
use crate::page::{ResultPage, ResultRow};

use super::{Bench, WORKERS};

enum WorkerCase {
    Copy,
    New { workers: usize },
    Updates,
    Duplicates,
    Against,
}

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let (mut today, mut against) = (bench.distributed().await?, bench.distributed_against().await?);
    let leads = bench.arguments.leads;
    let (_, updating_key) = today.create_source(&["--name", "updates", "--policy", "update"]).await?;
    // The people whose leads are known.
    today.process_backlog(today.template(), Some(0), leads, WORKERS).await?;
    let copy = CopyBaseline::read(&bench.servers.postgres, &today).await?;

    use WorkerCase::{Against, Copy, Duplicates, New, Updates};
    let cases = [Copy, New { workers: WORKERS }, New { workers: 1 }, Updates, Duplicates, Against];
    let mut round = 0;
    let rates = medians_in_turn(bench.arguments.rounds, cases, async |case| {
        let template = today.template();
        let processed = match (case, &mut against) {
            (Copy, _) => return copy.round().await,
            (New { workers }, _) => today.process_backlog(template, None, leads, *workers).await,
            (Updates, _) => {
                round += 1;
                let changed = LeadTemplate::new(&updating_key, &native_body(&format!("Acme {round}")));
                today.process_backlog(changed, Some(0), leads, WORKERS).await
            }
            (Duplicates, _) => today.process_backlog(template, Some(0), leads, WORKERS).await,
            (Against, Some(other)) => other.process_backlog(other.template(), None, leads, WORKERS).await,
            (Against, None) => return Ok(f64::NAN),
        };
        Ok(processed?.rate)
    });
    let [copy, new, one, updates, duplicates, other] = rates.await?;
    let row = |what: &str, rate| ResultRow::new(what, rate, Unit::PerSecond);
    page.add(row("baseline `copy`", copy));
    let two = row("2 workers, new leads", new).at_least(0.3, new / copy, Unit::Times("copy"));
    let compared = Unit::Times("new leads");
    match against {
        None => page.add(two),
        Some(installation) => {
            page.add(two.at_least(2.0, new / other, Unit::Times("the other revision")));
            page.add(row(&format!("2 workers, new leads, {}", installation.programs.revision), other));
            installation.finish(&bench.servers, "worker", page).await?;
        }
    }
    page.add(row("1 worker, new leads", one));
    page.add(row("2 workers, updates", updates).at_least(0.7, updates / new, compared));
    page.add(row("2 workers, duplicates", duplicates).at_least(1.0, duplicates / new, compared));
    today.finish(&bench.servers, "worker", page).await
}
