//! The command `leadgate score`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};
use leadgate_domain::scoring::STANDARD;
use leadgate_domain::{ActiveScoring, Scoring, Temperature};
use leadgate_operations::ItemLimit;
use leadgate_operations::scoring::{self, RescoredLead, ScoreView, ScoringPreview};
use serde_json::json;

use super::arguments::version;
use super::{Output, Table, UsageError, files, open_store, organization, with_hint};
use crate::config::Config;
use crate::error_wording::plain_message;

#[derive(Args)]
pub(crate) struct ScoreArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Subcommand)]
pub(crate) enum ScoreCommand {
    /// Print the active scoring as a file for `score set`
    Show {
        #[command(flatten)]
        arguments: ScoreArguments,
        /// Version to print; 0 is the standard scoring [default: the active one]
        #[arg(long, value_name = "VERSION", value_parser = version)]
        version: Option<u32>,
    },
    /// Store a scoring as the next version and activate it
    Set {
        /// Rules in TOML, or in JSON in a file named .json
        file: PathBuf,
        #[command(flatten)]
        arguments: ScoreArguments,
    },
    /// Activate the standard scoring
    Reset {
        #[command(flatten)]
        arguments: ScoreArguments,
    },
    /// List all versions of the scoring
    History {
        #[command(flatten)]
        arguments: ScoreArguments,
    },
    /// Show how a scoring would score the newest leads; nothing is changed
    Preview {
        #[command(flatten)]
        arguments: ScoreArguments,
        /// Rules in TOML, or in JSON in a file named .json [default: the active scoring]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Number of recent leads, at most 100
        #[arg(long, value_name = "COUNT", default_value = "100")]
        last: ItemLimit,
    },
}

pub(crate) async fn run(command: ScoreCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        ScoreCommand::Show { arguments, version } => {
            let owner = organization(&store, &arguments.organization).await?;
            let active = match version {
                None => Arc::clone(&owner.scoring),
                Some(version) => {
                    scoring::version(&store, owner.id, version).await.map_err(with_hint(&owner))?
                }
            };
            output.print(&*active, |line| line(text(&active).trim_end()));
        }
        ScoreCommand::Set { file, arguments } => {
            let owner = organization(&store, &arguments.organization).await?;
            let stored = scoring::set(&store, owner.id, read(&file)?).await?;
            print_active(stored.version, output);
        }
        ScoreCommand::Reset { arguments } => {
            let owner = organization(&store, &arguments.organization).await?;
            scoring::reset(&store, owner.id).await?;
            print_active(0, output);
        }
        ScoreCommand::History { arguments } => {
            let owner = organization(&store, &arguments.organization).await?;
            let all = scoring::history(&store, owner.id).await?;
            let rows = all.iter().map(|record| {
                let state = if record.active { "active" } else { "" };
                let scoring = &record.scoring;
                let (rules, hot, warm) = (scoring.rules().len(), scoring.hot(), scoring.warm());
                let (version, created_at) = (record.version.to_string(), record.created_at.to_string());
                [version, created_at, rules.to_string(), hot.to_string(), warm.to_string(), state.to_owned()]
            });
            let headers = ["version", "created_at", "rules", "hot_from", "warm_from", "state"];
            output.list("scorings", &all, headers, rows);
            if !all.iter().any(|record| record.active) {
                output.note("the standard scoring is active");
            }
        }
        ScoreCommand::Preview { arguments, file, last } => {
            let owner = organization(&store, &arguments.organization).await?;
            let now = &owner.scoring.scoring;
            let then = file.as_deref().map(read).transpose()?;
            let preview = scoring::preview(&store, owner.id, now, then.as_ref().unwrap_or(now), last).await?;
            print(&preview, output);
        }
    }
    Ok(())
}

fn print_active(version: u32, output: &Output) {
    output.print(&json!({ "version": version }), |line| match version {
        0 => line("the standard scoring is active"),
        version => line(&format!("version {version} is active")),
    });
}

/// The scoring in TOML. Only the standard scoring has comments.
fn text(active: &ActiveScoring) -> String {
    match active.version {
        0 => STANDARD.to_owned(),
        _ => active.scoring.to_toml(),
    }
}

fn read(file: &Path) -> anyhow::Result<Scoring> {
    let text = files::text(file, "a scoring: rules in TOML, or in JSON in a file named .json")?;
    let parsed = match file.extension().is_some_and(|extension| extension == "json") {
        true => {
            let document = serde_json::from_str(&text).map_err(|error| {
                UsageError::invalid_arguments(format!(
                    "invalid scoring in {}: {}",
                    file.display(),
                    plain_message(&error.to_string())
                ))
            });
            Scoring::read(&document?)
        }
        false => Scoring::from_toml(&text),
    };
    match parsed {
        Ok(scoring) => Ok(scoring),
        Err(faults) => bail!(UsageError::invalid_arguments(format!(
            "invalid scoring in {}:\n  {}",
            file.display(),
            faults.sentences().join("\n  ")
        ))),
    }
}

/// Prints the current and the new score of each lead with the rules that differ, and the number of leads per
/// temperature.
fn print(preview: &ScoringPreview, output: &Output) {
    let ScoringPreview { leads, now, then } = preview;
    if leads.is_empty() {
        output.note("no leads");
    }
    output.print(preview, |line| {
        let mut table = Table::new(["LEAD", "NOW", "THEN", "DIFFERS BY"]);
        let view = |view: &ScoreView| format!("{} {}", view.score, view.temperature.as_str());
        for RescoredLead { id, now, then, differs_by } in leads {
            let differs = differs_by.iter().map(|(rule, points)| format!("{rule} {points:+}"));
            table.add([id.to_string(), view(now), view(then), differs.collect::<Vec<_>>().join(", ")]);
        }
        table.print(line);
        line("");
        let mut table = Table::new(["TEMPERATURE", "NOW", "THEN"]).with_numbers([1, 2]);
        for temperature in [Temperature::Hot, Temperature::Warm, Temperature::Cold].map(Temperature::as_str) {
            let count = |counts: &BTreeMap<&str, usize>| counts.get(temperature).copied().unwrap_or_default();
            table.add([temperature.to_owned(), count(now).to_string(), count(then).to_string()]);
        }
        table.print(line);
    });
}
