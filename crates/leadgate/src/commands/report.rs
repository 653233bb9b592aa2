//! The command `leadgate report`.

use std::collections::BTreeMap;

use clap::Subcommand;
use leadgate_domain::{Day, SourceId, Timestamp, Zone};
use leadgate_operations::reports;
use leadgate_store::{IntakeCounts, IntakeReport};

use super::{Output, Table, UsageError, open_store_without_timeout, organization, with_hint};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum ReportCommand {
    /// Count the submissions of a day by their outcome
    Intake {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Only submissions to this source
        #[arg(long, value_name = "ID")]
        source: Option<SourceId>,
        /// Day, such as 2026-11-21 [default: today in the time zone]
        #[arg(long, value_name = "DATE")]
        day: Option<String>,
        /// Time zone in which the day begins, such as America/New_York
        #[arg(long, value_name = "ZONE", default_value = "UTC")]
        timezone: Zone,
    },
}

pub(crate) async fn run(command: ReportCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store_without_timeout(config).await?;
    let ReportCommand::Intake { organization: name, source, day, timezone } = command;
    let owner = organization(&store, &name).await?;
    let day = match day {
        Some(text) => Day::read(&text, timezone)
            .map_err(|error| UsageError::invalid_arguments(format!("--day: `{text}` is {error}")))?,
        None => Day::from_timestamp(Timestamp::now(), timezone),
    };
    let report = reports::intake(&store, owner.id, source, &day, &store).await;
    let report = report.map_err(with_hint(&owner))?;
    let sources = store.sources(owner.id).await?;
    let names = sources.iter().map(|source| (source.id, source.name.as_deref().unwrap_or("(default)")));
    let names: BTreeMap<_, _> = names.collect();
    output.print(&report, |line| print(&report, &owner.name, &names, line));
    Ok(())
}

/// Prints a column for all sources, or for the selected one, then a column for each source.
fn print(report: &IntakeReport, owner: &str, names: &BTreeMap<SourceId, &str>, line: &mut dyn FnMut(&str)) {
    let IntakeReport { day, timezone, from, until, whole: total, .. } = report;
    line(&format!("{owner} on {day} in {timezone}, {from} to {until}"));
    let name = |id: SourceId| names.get(&id).map_or_else(|| id.to_string(), |name| (*name).to_owned());
    let header = report.source.map_or_else(|| "all".to_owned(), name);
    let mut columns = vec![(header, counts(total, total))];
    columns.extend(report.sources.iter().map(|part| (name(part.source), counts(&part.intake, total))));
    let headers = columns.iter().map(|(header, _)| header.as_str());
    let mut table = Table::new(std::iter::once("COUNT").chain(headers)).with_numbers(1..=columns.len());
    for (row, (title, _)) in counts(total, total).into_iter().enumerate() {
        let count = |counts: &[(String, u64)]| counts.get(row).map_or(0, |(_, count)| *count).to_string();
        table.add(std::iter::once(title).chain(columns.iter().map(|(_, counts)| count(counts))));
    }
    table.print(line);
}

/// The rows of a column. Each reason that occurs in `total` has a row.
fn counts(part: &IntakeCounts, total: &IntakeCounts) -> Vec<(String, u64)> {
    let row = |(title, count): (&str, u64)| (title.to_owned(), count);
    let reason_rows = |total: &BTreeMap<String, u64>, part: &BTreeMap<String, u64>| {
        let count = |reason: &String| (format!("    {reason}"), part.get(reason).copied().unwrap_or(0));
        total.keys().map(count).collect::<Vec<_>>()
    };
    let outcomes = [
        ("accepted", part.accepted),
        ("  created", part.created),
        ("  updated", part.updated),
        ("  linked", part.linked),
        ("  duplicate", part.duplicate),
        ("  quarantined", part.quarantined),
    ];
    let leads = [("leads", part.leads), ("  eligible", part.eligible), ("  held", part.held)];
    let mut rows: Vec<_> = outcomes.map(row).into();
    rows.extend(reason_rows(&total.quarantined_by_reason, &part.quarantined_by_reason));
    rows.extend(leads.map(row));
    rows.extend(reason_rows(&total.held_by_reason, &part.held_by_reason));
    rows
}
