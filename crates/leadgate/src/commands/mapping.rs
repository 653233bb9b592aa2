//! `leadgate mapping`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use leadgate_dialect::{self as dialect, Document, Suggestion, Undecodable};
use leadgate_domain::mapping::Mapping;
use leadgate_domain::{AuditAction, Source, SourceId, Submission};
use leadgate_store::Store;
use serde_json::{Value, json};

use super::{Output, open_store, organization, saw, source_of};
use crate::config::Config;

#[derive(Args)]
pub(crate) struct Of {
    /// The source whose mapping it is
    #[arg(long, value_name = "ID")]
    source: SourceId,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Store a mapping as the next version, and use it
    Set {
        #[command(flatten)]
        of: Of,
        /// Rules, as TOML or JSON
        file: PathBuf,
    },
    /// List all versions
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Use another version
    Rollback {
        #[command(flatten)]
        of: Of,
        /// The version to use; 0 is none
        #[arg(long)]
        to: u32,
    },
    /// Show what a mapping would make of the last bodies, and change nothing
    Preview {
        #[command(flatten)]
        of: Of,
        /// Rules, as TOML or JSON [default: the mapping in use]
        #[arg(long)]
        file: Option<PathBuf>,
        /// How many of the last bodies
        #[arg(long, default_value_t = 10)]
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
            output.print(&all, |line| {
                for one in &all {
                    let state = if one.active { "in use" } else { "" };
                    let rules = one.mapping.rules().len();
                    line(&format!("{}  {}  {rules} rules  {state}", one.version, one.created_at));
                }
            });
        }
        Command::Rollback { of, to } => {
            let source = named(&store, &of).await?;
            let version = (to > 0).then_some(to);
            if !store.activate_mapping(source.organization, source.id, version).await? {
                bail!("the source has no mapping of version {to}");
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
            output.print(&all, |line| {
                for shown in &all {
                    line(&serde_json::to_string_pretty(shown).unwrap_or_default());
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
        Document::read(source.dialect, &submission.media, &body, submission.query.as_deref()).ok()
    };
    let documents: Vec<_> = submissions.iter().filter_map(read).collect();
    let members: Vec<_> = documents.iter().map(|document| &document.members).collect();
    Suggestion::of(&members, source.default_region)
}

async fn named(store: &Store, of: &Of) -> anyhow::Result<Source> {
    let owner = organization(store, &of.organization).await?;
    source_of(store, &owner, of.source).await
}

fn read(file: &Path) -> anyhow::Result<Mapping> {
    let text = fs::read_to_string(file).with_context(|| format!("the mapping in {}", file.display()))?;
    let read = match file.extension().is_some_and(|extension| extension == "json") {
        true => serde_json::from_str(&text).map_err(anyhow::Error::from),
        false => toml::from_str(&text).map_err(anyhow::Error::from),
    };
    read.with_context(|| format!("the mapping in {}", file.display()))
}

/// What becomes of one body: its fields, or what is wrong with it.
fn preview(submission: &Submission, source: &Source, mapping: Option<&Mapping>) -> Value {
    let body = submission.raw.bytes().unwrap_or_default();
    let query = submission.query.as_deref();
    let read = match Document::read(source.dialect, &submission.media, &body, query) {
        Ok(document) => dialect::decode(source.dialect, &document, mapping),
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
