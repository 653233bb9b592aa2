#![doc = include_str!("../README.md")]

mod arguments;
mod baselines;
mod figures;
mod installation;
mod ledger;
mod load;
mod machine;
mod page;
mod programs;
mod receiver;
mod scenarios;
mod servers;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser as _, ValueEnum as _};

use arguments::Arguments;
use page::ResultPage;
use scenarios::{Bench, Scenario};

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some((kind, listen)) = arguments.baseline.zip(arguments.listen) {
        return baselines::serve(kind, listen, &arguments.amqp_url).map(|()| ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let bench = Bench::start(arguments).await?;
    let description = description(&bench).await?;
    let scenarios = match bench.arguments.scenarios.as_slice() {
        [] => Scenario::value_variants(),
        some => some,
    };
    let mut page = ResultPage::default();
    for scenario in scenarios {
        writeln!(std::io::stderr(), "{scenario} …")?;
        if let Err(error) = scenario.run(&bench, &mut page).await {
            page.add_failure(format!("{scenario}: {error:#}"));
        }
    }
    let markdown = page.markdown(&description);
    std::io::stdout().write_all(markdown.as_bytes())?;
    if let Some(file) = &bench.arguments.write {
        std::fs::write(file, &markdown).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(if page.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the figures of this run depend on.
async fn description(bench: &Bench) -> anyhow::Result<Vec<(&'static str, String)>> {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let Arguments { rounds, seconds, leads, .. } = &bench.arguments;
    let mut description = vec![
        ("date", date),
        ("commit", bench.today.revision.clone()),
        ("cores", format!("{}, with everything on this machine", machine::cores())),
        ("fdatasync of 4 kB", format!("{:.2} ms", machine::sync_time()?.as_secs_f64() * 1_000.0)),
        ("servers", bench.servers.description().await?),
        ("rounds", format!("medians of {rounds} rounds in turn, of {seconds:?} or {leads} leads")),
    ];
    if let Some(against) = &bench.against {
        description.push(("compared with", against.revision.clone()));
    }
    Ok(description)
}
