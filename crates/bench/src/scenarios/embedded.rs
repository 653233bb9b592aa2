//! The embedded shape: gateway and worker in one process, with two SQLite files.

use crate::baselines::{BaselineKind, BaselineServer};
use crate::figures::{Unit, medians_in_turn};
use crate::installation::BenchInstallation;
use crate::load::End;
use crate::page::{ResultPage, ResultRow};

use super::Bench;

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let mut today = BenchInstallation::embedded(&bench.today).await?;
    let echo = BaselineServer::start(BaselineKind::Echo, "").await?;
    let end = End::After(bench.arguments.seconds);
    let rates = medians_in_turn(bench.arguments.rounds, [true, false], async |is_echo| {
        if *is_echo {
            return Ok(echo.post(64, end).await?.rate());
        }
        let report = today.post(today.load(today.template(), 64, end)).await?;
        today.await_all_committed().await?;
        Ok(report.rate())
    });
    let [echo, acks] = rates.await?;
    page.add(ResultRow::new("baseline `echo`, 64 connections", echo, Unit::PerSecond));
    let row = ResultRow::new("embedded, acks, 64 connections", acks, Unit::PerSecond);
    page.add(row.at_least(0.3, acks / echo, Unit::Times("echo")));

    let minutes = bench.arguments.minutes;
    let rate = today.sustain(End::After(minutes)).await?;
    let row = ResultRow::new(format!("embedded, sustained for {minutes:?}"), rate, Unit::PerSecond);
    page.add(row.at_least(7_000.0, rate, Unit::PerSecond));
    today.finish(&bench.servers, "embedded", page).await
}
