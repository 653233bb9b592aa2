//! `leadgate quarantine`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use clap::Subcommand;
use leadgate_dialect::{self as dialect, NotRepairable, Undecodable};
use leadgate_domain::{AuditAction, Organization, Timestamp};
use leadgate_operations::sources;
use leadgate_queue::Role;
use leadgate_store::{QuarantineEntry, QuarantineState, Store};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::arguments::{count, id};
use super::{Output, UsageError, explain, files, open_store, organization, saw};
use crate::config::Config;
use crate::ports;

/// For how long the queue is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List quarantined submissions
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// open, released or discarded
        #[arg(long, value_name = "STATE", default_value = "open")]
        state: QuarantineState,
        /// How many at most
        #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
        limit: u32,
    },
    /// Print an entry with its submission
    Show {
        /// Id of the entry, as `quarantine list` prints it
        #[arg(value_parser = id)]
        id: Uuid,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Store a repaired body for the release of an entry; the body that came in is kept
    Repair {
        /// Id of the entry, as `quarantine list` prints it
        #[arg(value_parser = id)]
        id: Uuid,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// File with the repaired body, of the media type that came in
        #[arg(long, value_name = "FILE")]
        body: PathBuf,
    },
    /// Return submissions to the workers; each entry can be released once
    Release {
        /// Ids of the entries, as `quarantine list` prints them
        #[arg(required = true, value_parser = id)]
        ids: Vec<Uuid>,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Give up submissions; they stay stored as discarded
    Discard {
        /// Ids of the entries, as `quarantine list` prints them
        #[arg(required = true, value_parser = id)]
        ids: Vec<Uuid>,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::List { organization: name, state, limit } => {
            let owner = organization(&store, &name).await?;
            let page = store.quarantined(owner.id, Some(state), None, limit).await?;
            let entry = store.entry(owner.id, AuditAction::QuarantineListed);
            saw(&store, entry.with("count", page.data.len())).await?;
            list(&page.data, output);
        }
        Command::Show { id, organization: name } => {
            let owner = organization(&store, &name).await?;
            let found = store.quarantine_entry(owner.id, id).await?;
            let (entry, submission) = found.ok_or_else(|| missing(&owner, id))?;
            saw(&store, store.entry(owner.id, AuditAction::QuarantineRead).about(id)).await?;
            let shown = json!({ "entry": entry, "submission": submission });
            output.details(&shown);
        }
        Command::Repair { id, organization: name, body } => {
            let owner = organization(&store, &name).await?;
            let entry = repair(&store, &owner, id, &body).await?;
            output.details(&entry);
            output.note("the entry is repaired; `leadgate quarantine release` gives it back to the workers");
        }
        Command::Release { ids, organization: name } => {
            let owner = organization(&store, &name).await?;
            release(&store, &owner, &ids, config, output).await?;
        }
        Command::Discard { ids, organization: name, note } => {
            let owner = organization(&store, &name).await?;
            let by = store.actor().to_string();
            let mut entries = Vec::with_capacity(ids.len());
            for id in ids {
                let discarded = store.discard(owner.id, id, &by, note.as_deref()).await?;
                entries.push(discarded.ok_or_else(|| missing(&owner, id))?);
            }
            list(&entries, output);
        }
    }
    Ok(())
}

async fn repair(
    store: &Store,
    owner: &Organization,
    id: Uuid,
    file: &Path,
) -> anyhow::Result<QuarantineEntry> {
    let found = store.quarantine_entry(owner.id, id).await?;
    let (entry, submission) = found.ok_or_else(|| missing(owner, id))?;
    ensure!(
        entry.state == QuarantineState::Open,
        UsageError::wrong(format!("{id} is {}; only an open entry can be repaired", entry.state))
    );
    let body = files::bytes(file, "the repaired body")?;
    let source = sources::find(store, owner.id, submission.source).await.map_err(explain(owner))?;
    let key = match &submission.client.key {
        Some(key) => store.find_key(key).await?,
        None => None,
    };
    let media = submission.media.clone();
    let mended = dialect::repair(submission, &body, media, &source, key.as_ref());
    let mended = mended.map_err(|unmendable| {
        UsageError::wrong(format!(
            "no lead can be made of the body in {}: {}",
            file.display(),
            words(&unmendable)
        ))
    })?;
    let entry = store.repair(owner.id, id, &mended, "command line").await?;
    entry.ok_or_else(|| missing(owner, id).into())
}

/// Names and codes only.
fn words(unmendable: &NotRepairable) -> String {
    match unmendable {
        NotRepairable::Gone => "its body is gone".to_owned(),
        NotRepairable::Unreadable(fault) => fault.detail().into_owned(),
        NotRepairable::Undecodable(Undecodable::Mapping(fault)) => {
            format!("the mapping does not fit: {fault}")
        }
        NotRepairable::Undecodable(Undecodable::Empty) => "it says nothing".to_owned(),
        NotRepairable::Undecodable(Undecodable::Faulty(faults)) => {
            let named = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail));
            named.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Publishes submissions once more; what was let go or given up before stays as it is.
async fn release(
    store: &Store,
    owner: &Organization,
    ids: &[Uuid],
    config: &Config,
    output: &Output,
) -> anyhow::Result<()> {
    let queue = ports::queue(config, Role::Gateway).await?;
    queue.follow_shards(watch::channel(store.shards().await?).1);
    // A broker takes a moment to connect to; what is wrong after that, the first publish says.
    let _ = timeout(PATIENCE, queue.ready()).await;
    let publisher = queue.publisher();
    let mut released = 0;
    for id in ids {
        let found = store.quarantine_entry(owner.id, *id).await?;
        let (entry, submission) = found.ok_or_else(|| missing(owner, *id))?;
        if entry.state == QuarantineState::Open {
            // Before it can have an effect.
            saw(store, store.entry(owner.id, AuditAction::QuarantineReleased).about(entry.id)).await?;
            let submission = submission.released(entry.id, entry.reason, Timestamp::now());
            publisher.publish(owner.id, serde_json::to_vec(&submission)?.into()).await?;
            released += 1;
        }
    }
    queue.shutdown().await;
    output.print(&json!({ "released": released }), |line| line(&format!("{released} given back")));
    Ok(())
}

fn missing(owner: &Organization, id: Uuid) -> UsageError {
    let name = &owner.name;
    UsageError::wrong(format!(
        "`{name}` has no entry {id} in quarantine; `leadgate quarantine list --organization {name}` prints them"
    ))
}

fn list(entries: &[QuarantineEntry], output: &Output) {
    let rows = entries.iter().map(|entry| {
        let QuarantineEntry { id, state, reason, quarantined_at, submission, .. } = entry;
        let submission = submission.to_string();
        [id.to_string(), quarantined_at.to_string(), state.to_string(), reason.to_string(), submission]
    });
    let headers = ["id", "quarantined_at", "state", "reason", "submission"];
    output.list("entries", &entries, headers, rows);
}
