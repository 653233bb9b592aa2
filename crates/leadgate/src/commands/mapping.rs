//! `leadgate mapping`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use leadgate_dialect::{Suggestion, Undecodable, protocol};
use leadgate_domain::mapping::Mapping;
use leadgate_domain::{AuditAction, Source, SourceId, Submission};
use leadgate_operations::sources;
use leadgate_store::Store;
use serde_json::{Value, json};

use super::arguments::{count, version};
use super::{Output, UsageError, details, explain, files, open_store, organization, saw};
use crate::config::Config;
use crate::plain::plain;

#[derive(Args)]
pub(crate) struct Of {
    /// Source whose mapping it is
    #[arg(long, value_name = "ID")]
    source: SourceId,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Store a mapping as the next version and use it
    Set {
        #[command(flatten)]
        of: Of,
        /// Rules in TOML, or in JSON in a file named .json
        file: PathBuf,
    },
    /// List all versions of a mapping
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Use another version of a mapping
    Rollback {
        #[command(flatten)]
        of: Of,
        /// Version to use; 0 is no mapping
        #[arg(long, value_name = "VERSION", value_parser = version)]
        to: u32,
    },
    /// Show what a mapping would make of the last submissions, and change nothing
    Preview {
        #[command(flatten)]
        of: Of,
        /// Rules in TOML, or in JSON in a file named .json [default: the mapping in use]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// How many of the last submissions
        #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = count)]
        last: u32,
    },
    /// Propose a mapping from the last bodies, as a file to review; it names no values
    Suggest {
        #[command(flatten)]
        of: Of,
        /// How many of the last bodies
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        last: u32,
    },
}

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::Set { of, file } => {
            let source = named(&store, &of).await?;
            let version = store.add_mapping(source.organization, source.id, &read(&file)?).await?;
            let version = version.context("the source is gone")?;
            let shown = json!({ "source": source.id, "version": version });
            output.print(&shown, |line| line(&format!("version {version} is in use")));
        }
        Command::List { of } => {
            let source = named(&store, &of).await?;
            let all = store.mappings(source.organization, source.id).await?;
            let entry = store.entry(source.organization, AuditAction::MappingsListed).about(source.id);
            saw(&store, entry.with("count", all.len())).await?;
            let rows = all.iter().map(|one| {
                let state = if one.active { "in use" } else { "" };
                let rules = one.mapping.rules().len().to_string();
                [one.version.to_string(), one.created_at.to_string(), rules, state.to_owned()]
            });
            output.list("mappings", &all, ["version", "created_at", "rules", "state"], rows);
        }
        Command::Rollback { of, to } => {
            let source = named(&store, &of).await?;
            let version = (to > 0).then_some(to);
            if !store.activate_mapping(source.organization, source.id, version).await? {
                bail!(UsageError::wrong(format!(
                    "the source has no mapping of version {to}; `leadgate mapping list` prints its versions"
                )));
            }
            let shown = json!({ "source": source.id, "version": version });
            output.print(&shown, |line| line(&format!("version {to} is in use")));
        }
        Command::Preview { of, file, last } => {
            let source = named(&store, &of).await?;
            let mapping = match file {
                Some(file) => Some(read(&file)?),
                None => source.mapping.as_ref().map(|active| active.mapping.clone()),
            };
            let bodies = store.recent_submissions(source.organization, source.id, last).await?;
            let entry = store.entry(source.organization, AuditAction::MappingPreviewed).about(source.id);
            saw(&store, entry.with("count", bodies.len())).await?;
            let all: Vec<_> = bodies.iter().map(|body| preview(body, &source, mapping.as_ref())).collect();
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
        Command::Suggest { of, last } => {
            let source = named(&store, &of).await?;
            let bodies = store.recent_submissions(source.organization, source.id, last).await?;
            let entry = store.entry(source.organization, AuditAction::MappingSuggested).about(source.id);
            saw(&store, entry.with("count", bodies.len())).await?;
            let suggestion = suggest(&bodies, &source);
            if suggestion.bodies() == 0 {
                bail!("no body that can be read came in by this source yet; post a lead to it first");
            }
            let file = suggestion.to_string();
            let shown = json!({ "source": source.id, "bodies": suggestion.bodies(), "mapping": file });
            output.print(&shown, |line| line(file.trim_end()));
        }
    }
    Ok(())
}

/// Bodies that cannot be read, or were erased, are passed over.
fn suggest(submissions: &[Submission], source: &Source) -> Suggestion {
    let read = |submission: &Submission| {
        let body = submission.raw.bytes()?;
        protocol(source.dialect).document(&submission.media, &body, submission.query.as_deref()).ok()
    };
    let documents: Vec<_> = submissions.iter().filter_map(read).collect();
    let members: Vec<_> = documents.iter().map(|document| &document.members).collect();
    Suggestion::of(&members, source.default_region)
}

async fn named(store: &Store, of: &Of) -> anyhow::Result<Source> {
    let owner = organization(store, &of.organization).await?;
    sources::find(store, owner.id, of.source).await.map_err(explain(&owner))
}

fn read(file: &Path) -> anyhow::Result<Mapping> {
    let text = files::text(file, "a mapping: rules in TOML, or in JSON in a file named .json")?;
    let read = match file.extension().is_some_and(|extension| extension == "json") {
        true => serde_json::from_str(&text).map_err(|error| error.to_string()),
        false => toml::from_str(&text).map_err(|error| in_line(&text, &error)),
    };
    let wrong = |problem: String| {
        UsageError::wrong(format!("the mapping in {}: {}", file.display(), plain(&problem)))
    };
    Ok(read.map_err(wrong)?)
}

/// Without the line itself: the file may be another than was meant.
fn in_line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
    format!("{}{}", line.unwrap_or_default(), error.message())
}

/// What becomes of one body: its fields, or what is wrong with it.
fn preview(submission: &Submission, source: &Source, mapping: Option<&Mapping>) -> Value {
    let body = submission.raw.bytes().unwrap_or_default();
    let query = submission.query.as_deref();
    let read = match protocol(source.dialect).document(&submission.media, &body, query) {
        Ok(document) => protocol(source.dialect).decode(&document, mapping),
        Err(fault) => return json!({ "submission": submission.id, "fault": fault.code() }),
    };
    match read {
        Ok(fields) => json!({ "submission": submission.id, "fields": fields }),
        Err(Undecodable::Mapping(fault)) => {
            json!({ "submission": submission.id, "fault": fault.to_string() })
        }
        Err(Undecodable::Empty) => json!({ "submission": submission.id, "fault": "nothing_said" }),
        Err(Undecodable::Faulty(faults)) => {
            let faults: Vec<_> =
                faults.iter().map(|fault| json!({ "pointer": fault.pointer, "code": fault.code })).collect();
            json!({ "submission": submission.id, "faults": faults })
        }
    }
}
