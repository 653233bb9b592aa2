//! The command `leadgate mapping`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use leadgate_domain::SourceId;
use leadgate_domain::mapping::Mapping;
use leadgate_operations::{ItemLimit, mappings};
use serde_json::json;

use super::arguments::version;
use super::{Output, details, files, open_store, organization, with_hint};
use crate::config::Config;

#[derive(Args)]
pub(crate) struct MappingArguments {
    /// Source of the mapping
    #[arg(long, value_name = "ID")]
    source: SourceId,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Subcommand)]
pub(crate) enum MappingCommand {
    /// Store a mapping as the next version and activate it
    Set {
        #[command(flatten)]
        target: MappingArguments,
        /// Rules in TOML, or in JSON in a file named .json
        file: PathBuf,
    },
    /// List all versions of a mapping
    List {
        #[command(flatten)]
        target: MappingArguments,
    },
    /// Activate another version of a mapping
    Rollback {
        #[command(flatten)]
        target: MappingArguments,
        /// Version to activate; 0 is no mapping
        #[arg(long, value_name = "VERSION", value_parser = version)]
        to: u32,
    },
    /// Show the fields that a mapping reads from recent submissions; nothing is changed
    Preview {
        #[command(flatten)]
        target: MappingArguments,
        /// Rules in TOML, or in JSON in a file named .json [default: the active mapping]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Number of recent submissions, at most 100
        #[arg(long, value_name = "COUNT", default_value = "10")]
        last: ItemLimit,
    },
    /// Suggest a mapping from recent bodies, as a file to review; the file contains no values of leads
    Suggest {
        #[command(flatten)]
        target: MappingArguments,
        /// Number of recent bodies, at most 100
        #[arg(long, value_name = "COUNT", default_value = "100")]
        last: ItemLimit,
    },
}

pub(crate) async fn run(command: MappingCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        MappingCommand::Set { target: MappingArguments { source, organization: name }, file } => {
            let (owner, mapping) = (organization(&store, &name).await?, read(&file)?);
            let version =
                mappings::set(&store, owner.id, source, &mapping).await.map_err(with_hint(&owner))?;
            let shown = json!({ "source": source, "version": version });
            output.print(&shown, |line| line(&format!("version {version} is active")));
        }
        MappingCommand::List { target: MappingArguments { source, organization: name } } => {
            let owner = organization(&store, &name).await?;
            let all = mappings::list(&store, owner.id, source, &store).await.map_err(with_hint(&owner))?;
            let rows = all.iter().map(|version| {
                let state = if version.active { "active" } else { "" };
                let rules = version.mapping.rules().len().to_string();
                [version.version.to_string(), version.created_at.to_string(), rules, state.to_owned()]
            });
            output.list("mappings", &all, ["version", "created_at", "rules", "state"], rows);
        }
        MappingCommand::Rollback { target: MappingArguments { source, organization: name }, to } => {
            let owner = organization(&store, &name).await?;
            mappings::activate(&store, owner.id, source, to).await.map_err(with_hint(&owner))?;
            let shown = json!({ "source": source, "version": (to > 0).then_some(to) });
            output.print(&shown, |line| line(&format!("version {to} is active")));
        }
        MappingCommand::Preview { target: MappingArguments { source, organization: name }, file, last } => {
            let owner = organization(&store, &name).await?;
            let mapping = file.as_deref().map(read).transpose()?;
            let mapped = mappings::preview(&store, owner.id, source, mapping.as_ref(), last, &store).await;
            let all = mapped.map_err(with_hint(&owner))?;
            if all.is_empty() {
                output.note("no submissions");
            }
            output.print(&all, |line| {
                for (index, preview) in all.iter().enumerate() {
                    if index > 0 {
                        line("");
                    }
                    details(preview, line);
                }
            });
        }
        MappingCommand::Suggest { target: MappingArguments { source, organization: name }, last } => {
            let owner = organization(&store, &name).await?;
            let suggested = mappings::suggest(&store, owner.id, source, last, &store).await;
            let suggestion = suggested.map_err(with_hint(&owner))?;
            if suggestion.body_count() == 0 {
                bail!("the source has no readable body yet; post a lead to it first");
            }
            let file = suggestion.to_string();
            let shown = json!({ "source": source, "bodies": suggestion.body_count(), "mapping": file });
            output.print(&shown, |line| line(file.trim_end()));
        }
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Mapping> {
    files::document(file, "mapping", "a mapping: rules in TOML, or in JSON in a file named .json")
}
