//! From the start of a process to its first answer.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::process::Command;

use crate::figures::{Unit, medians_in_turn};
use crate::installation::BenchInstallation;
use crate::load::{LoadConnection, get_request};
use crate::page::{ResultPage, ResultRow};

use super::Bench;

const POLL_INTERVAL: Duration = Duration::from_millis(1);
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let (mut embedded, mut gateway) =
        (BenchInstallation::embedded(&bench.today).await?, bench.distributed().await?);
    embedded.stop_server().await?;
    gateway.stop_server().await?;
    let mut post = Vec::new();
    embedded.template().write(0, &mut post);
    let cases = [(&embedded, post, 202), (&gateway, get_request("/readyz"), 200)];
    let times = medians_in_turn(bench.arguments.rounds, cases, async |(installation, request, status)| {
        start_to_answer(installation, request, *status).await
    });
    let [first_ack, ready] = times.await?;
    for (what, time, limit) in [
        ("cold start to the first ack, embedded", first_ack, 100.0),
        ("cold start of a gateway until it is ready", ready, 1_000.0),
    ] {
        page.add(ResultRow::new(what, time, Unit::Milliseconds).at_most(limit, time, Unit::Milliseconds));
    }
    Ok(())
}

/// Starts the server, repeats the request until it has this status, and kills the server. Returns milliseconds.
async fn start_to_answer(
    installation: &BenchInstallation,
    request: &[u8],
    expected: u16,
) -> anyhow::Result<f64> {
    let mut command = Command::from(installation.server_command());
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let started = Instant::now();
    let mut server = command.spawn()?;
    loop {
        if let Ok(mut connection) = LoadConnection::open(&installation.address).await
            && matches!(connection.call(request).await, Ok((status, _)) if status == expected)
        {
            break;
        }
        ensure!(started.elapsed() < TIMEOUT, "no answer with status {expected} after the start");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let took = started.elapsed();
    server.kill().await?;
    Ok(took.as_secs_f64() * 1_000.0)
}
