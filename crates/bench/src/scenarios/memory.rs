//! The highest resident memory of a gateway under load, and of a worker with a full queue.

use crate::figures::Unit;
use crate::load::End;
use crate::page::{ResultPage, ResultRow};

use super::Bench;

const CONNECTIONS: usize = 256;

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let mut today = bench.distributed().await?;
    today.post(today.load(today.template(), CONNECTIONS, End::After(bench.arguments.seconds))).await?;
    let gateway = today.gateway_memory_mb()?;
    today.empty_queue().await?;
    let worker = today.process_backlog(today.template(), None, bench.arguments.leads, 1).await?.memory_mb;
    for (what, figure, limit) in [
        ("memory of a gateway, 256 connections", gateway, 60.0),
        ("memory of a worker with a full queue", worker, 150.0),
    ] {
        page.add(ResultRow::new(what, figure, Unit::Megabytes).at_most(limit, figure, Unit::Megabytes));
    }
    today.finish(&bench.servers, "memory", page).await
}
