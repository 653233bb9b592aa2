//! `leadgate quarantine`.

use anyhow::Context as _;
use clap::Subcommand;
use leadgate_domain::{AuditAction, Organization, Timestamp};
use leadgate_queue::Role;
use leadgate_store::{QuarantineEntry, QuarantineState, Store};
use serde_json::json;
use uuid::Uuid;

use super::{Output, open_store, organization, saw};
use crate::config::Config;
use crate::ports;

#[derive(Subcommand)]
pub enum Command {
    /// List what is kept aside
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// open, released or discarded [default: open]
        #[arg(long, default_value = "open")]
        state: QuarantineState,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Print an entry with its submission
    Show {
        id: Uuid,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Give submissions back to the workers; each is let go once
    Release {
        #[arg(required = true)]
        ids: Vec<Uuid>,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Give submissions up; they stay where they are
    Discard {
        #[arg(required = true)]
        ids: Vec<Uuid>,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Why, for whoever asks later
        #[arg(long)]
        note: Option<String>,
    },
}

pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::List { organization: name, state, limit } => {
            let owner = organization(&store, &name).await?;
            let page = store.quarantined(owner.id, Some(state), None, limit).await?;
            let entry = store.entry(owner.id, AuditAction::QuarantineListed);
            saw(&store, entry.with("count", page.data.len())).await?;
            output.print(&page.data, |line| page.data.iter().for_each(|entry| line(&one_line(entry))));
        }
        Command::Show { id, organization: name } => {
            let owner = organization(&store, &name).await?;
            let found = store.quarantine_entry(owner.id, id).await?;
            let (entry, submission) = found.with_context(|| missing(&owner, id))?;
            saw(&store, store.entry(owner.id, AuditAction::QuarantineRead).about(id)).await?;
            let shown = json!({ "entry": entry, "submission": submission });
            output.print(&shown, |line| {
                line(&one_line(&entry));
                line(&serde_json::to_string_pretty(&submission).unwrap_or_default());
            });
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
                entries.push(discarded.with_context(|| missing(&owner, id))?);
            }
            output.print(&entries, |line| entries.iter().for_each(|entry| line(&one_line(entry))));
        }
    }
    Ok(())
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
    let publisher = queue.publisher();
    let mut released = 0;
    for id in ids {
        let found = store.quarantine_entry(owner.id, *id).await?;
        let (entry, submission) = found.with_context(|| missing(owner, *id))?;
        if entry.state == QuarantineState::Open {
            // Before it can have an effect.
            saw(store, store.entry(owner.id, AuditAction::QuarantineReleased).about(entry.id)).await?;
            let submission = submission.released(entry.id, entry.reason, Timestamp::now());
            publisher.publish(serde_json::to_vec(&submission)?.into()).await?;
            released += 1;
        }
    }
    queue.shutdown().await;
    output.print(&json!({ "released": released }), |line| line(&format!("{released} given back")));
    Ok(())
}

fn missing(owner: &Organization, id: Uuid) -> String {
    format!("`{}` has nothing kept aside under {id}", owner.name)
}

fn one_line(entry: &QuarantineEntry) -> String {
    let QuarantineEntry { id, state, reason, quarantined_at, submission, .. } = entry;
    format!("{id}  {quarantined_at}  {state}  {reason}  submission {submission}")
}
