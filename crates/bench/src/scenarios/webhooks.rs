//! What events cost, and how fast they reach a receiver on this machine.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use leadgate_testkit::free_port;
use leadgate_testkit::logs::TestProcess;

use crate::figures::{Unit, float, medians_in_turn};
use crate::installation::{BenchInstallation, ORGANIZATION};
use crate::load::{End, Load, Pace};
use crate::page::{ResultPage, ResultRow};
use crate::receiver::CountingReceiver;

use super::{Bench, WORKERS};

const PROCESS_TIMEOUT: Duration = Duration::from_secs(60);

/// Posts per second while the latency is measured.
const RATE: u32 = 100;

enum WebhookCase {
    WithoutEndpoint,
    WithEndpoint,
    Against,
}

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let (mut without, mut against) = (bench.distributed().await?, bench.distributed_against().await?);
    let (mut with, receiver) = (bench.distributed().await?, CountingReceiver::start().await?);
    let url = receiver.url();
    let create =
        ["endpoint", "create", "--organization", ORGANIZATION, "--url", &url, "--concurrency", "100"];
    with.cli(&[&create[..], &["--events", "lead.created"]].concat()).await?;

    use WebhookCase::{Against, WithEndpoint, WithoutEndpoint};
    let leads = bench.arguments.leads;
    let cases = [WithoutEndpoint, WithEndpoint, Against];
    let rates = medians_in_turn(bench.arguments.rounds, cases, async |case| {
        let installation = match case {
            WithoutEndpoint => &mut without,
            WithEndpoint => &mut with,
            Against => match &mut against {
                Some(other) => other,
                None => return Ok(f64::NAN),
            },
        };
        Ok(installation.process_backlog(installation.template(), None, leads, WORKERS).await?.rate)
    });
    let [without_rate, with_rate, other] = rates.await?;
    let row = |what: &str, rate| ResultRow::new(what, rate, Unit::PerSecond);
    let plain = row("2 workers, no endpoint", without_rate);
    match against {
        None => page.add(plain),
        Some(installation) => {
            page.add(plain.at_least(0.99, without_rate / other, Unit::Times("the other revision")));
            installation.finish(&bench.servers, "webhooks", page).await?;
        }
    }
    let compared = Unit::Times("no endpoint");
    page.add(row("2 workers, an endpoint for all", with_rate).at_least(
        0.85,
        with_rate / without_rate,
        compared,
    ));
    without.finish(&bench.servers, "webhooks", page).await?;

    let _dispatcher = start_dispatcher(&with).await?;
    page.add(row("deliveries to one endpoint", deliver_backlog(&receiver, with.accepted()).await?));
    with.start_workers(WORKERS)?;
    receiver.reset_latencies();
    let load = with.load(with.template(), 8, End::After(bench.arguments.seconds));
    with.post(Load { pace: Pace::Rate(RATE), ..load }).await?;
    with.await_all_committed().await?;
    receiver.await_requests(with.accepted()).await?;
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let latency = receiver.latency_ms(quantile);
        page.add(ResultRow::new(
            format!("event to receiver at {RATE}/s, {name}"),
            latency,
            Unit::Milliseconds,
        ));
    }
    with.finish(&bench.servers, "webhooks", page).await
}

async fn start_dispatcher(installation: &BenchInstallation) -> anyhow::Result<TestProcess> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = installation.programs.command("leadgate-dispatcher", &[], &installation.environment);
    command.env("LEADGATE_DISPATCHER_LISTEN", &address);
    command.env("LEADGATE_DISPATCHER_ALLOWED_NETWORKS", r#"["127.0.0.0/8"]"#);
    let process = TestProcess::spawn("bench-dispatcher", &command)?;
    process.await_ready(&format!("http://{address}"), PROCESS_TIMEOUT).await?;
    Ok(process)
}

/// Waits until all waiting events are delivered. Returns the rate from the first one on.
async fn deliver_backlog(receiver: &CountingReceiver, waiting: usize) -> anyhow::Result<f64> {
    receiver.await_requests(1).await?;
    let started = Instant::now();
    receiver.await_requests(waiting).await?;
    Ok(float(u64::try_from(waiting).context("too many events")?) / started.elapsed().as_secs_f64())
}
