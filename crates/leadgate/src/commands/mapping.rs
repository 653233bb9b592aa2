//! `leadgate mapping`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use leadgate_domain::SourceId;
use leadgate_domain::mapping::Mapping;
use leadgate_operations::{Last, mappings};
use serde_json::json;

use super::arguments::version;
use super::{Output, UsageError, details, files, open_store, organization, with_hint};
use crate::config::Config;
use crate::error_wording::plain_message;

#[derive(Args)]
pub(crate) struct MappingArguments {
    /// Source whose mapping it is
    #[arg(long, value_name = "ID")]
    source: SourceId,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Subcommand)]
pub(crate) enum MappingCommand {
    /// Store a mapping as the next version and use it
    Set {
        #[command(flatten)]
        of: MappingArguments,
        /// Rules in TOML, or in JSON in a file named .json
        file: PathBuf,
    },
    /// List all versions of a mapping
    List {
        #[command(flatten)]
        of: MappingArguments,
    },
    /// Use another version of a mapping
    Rollback {
        #[command(flatten)]
        of: MappingArguments,
        /// Version to use; 0 is no mapping
        #[arg(long, value_name = "VERSION", value_parser = version)]
        to: u32,
    },
    /// Show what a mapping would make of the last submissions, and change nothing
    Preview {
        #[command(flatten)]
        of: MappingArguments,
        /// Rules in TOML, or in JSON in a file named .json [default: the mapping in use]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// How many of the last submissions, 100 at most
        #[arg(long, value_name = "COUNT", default_value = "10")]
        last: Last,
    },
    /// Propose a mapping from the last bodies, as a file to review; it names no values
    Suggest {
        #[command(flatten)]
        of: MappingArguments,
        /// How many of the last bodies, 100 at most
        #[arg(long, value_name = "COUNT", default_value = "100")]
        last: Last,
    },
}

pub(crate) async fn run(command: MappingCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        MappingCommand::Set { of: MappingArguments { source, organization: name }, file } => {
            let (owner, mapping) = (organization(&store, &name).await?, read(&file)?);
            let version =
                mappings::set(&store, owner.id, source, &mapping).await.map_err(with_hint(&owner))?;
            let shown = json!({ "source": source, "version": version });
            output.print(&shown, |line| line(&format!("version {version} is in use")));
        }
        MappingCommand::List { of: MappingArguments { source, organization: name } } => {
            let owner = organization(&store, &name).await?;
            let all = mappings::list(&store, owner.id, source, &store).await.map_err(with_hint(&owner))?;
            let rows = all.iter().map(|one| {
                let state = if one.active { "in use" } else { "" };
                let rules = one.mapping.rules().len().to_string();
                [one.version.to_string(), one.created_at.to_string(), rules, state.to_owned()]
            });
            output.list("mappings", &all, ["version", "created_at", "rules", "state"], rows);
        }
        MappingCommand::Rollback { of: MappingArguments { source, organization: name }, to } => {
            let owner = organization(&store, &name).await?;
            mappings::activate(&store, owner.id, source, to).await.map_err(with_hint(&owner))?;
            let shown = json!({ "source": source, "version": (to > 0).then_some(to) });
            output.print(&shown, |line| line(&format!("version {to} is in use")));
        }
        MappingCommand::Preview { of: MappingArguments { source, organization: name }, file, last } => {
            let owner = organization(&store, &name).await?;
            let mapping = file.as_deref().map(read).transpose()?;
            let mapped = mappings::preview(&store, owner.id, source, mapping.as_ref(), last, &store).await;
            let all = mapped.map_err(with_hint(&owner))?;
            if all.is_empty() {
                output.note("no submissions");
            }
            output.print(&all, |line| {
                for (at, shown) in all.iter().enumerate() {
                    if at > 0 {
                        line("");
                    }
                    details(shown, line);
                }
            });
        }
        MappingCommand::Suggest { of: MappingArguments { source, organization: name }, last } => {
            let owner = organization(&store, &name).await?;
            let suggested = mappings::suggest(&store, owner.id, source, last, &store).await;
            let suggestion = suggested.map_err(with_hint(&owner))?;
            if suggestion.bodies() == 0 {
                bail!("no body that can be read came in by this source yet; post a lead to it first");
            }
            let file = suggestion.to_string();
            let shown = json!({ "source": source, "bodies": suggestion.bodies(), "mapping": file });
            output.print(&shown, |line| line(file.trim_end()));
        }
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Mapping> {
    let text = files::text(file, "a mapping: rules in TOML, or in JSON in a file named .json")?;
    let read = match file.extension().is_some_and(|extension| extension == "json") {
        true => serde_json::from_str(&text).map_err(|error| error.to_string()),
        false => toml::from_str(&text).map_err(|error| in_line(&text, &error)),
    };
    let wrong = |problem: String| {
        UsageError::invalid_arguments(format!(
            "the mapping in {}: {}",
            file.display(),
            plain_message(&problem)
        ))
    };
    Ok(read.map_err(wrong)?)
}

/// Without the line itself: the file may be another than was meant.
fn in_line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
    format!("{}{}", line.unwrap_or_default(), error.message())
}
