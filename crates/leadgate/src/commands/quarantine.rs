//! The command `leadgate quarantine`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Subcommand;
use leadgate_domain::Organization;
use leadgate_operations::quarantine::{self, DiscardRequest};
use leadgate_queue::Role;
use leadgate_store::{QuarantineEntry, QuarantineState, Store};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::arguments::{count, id};
use super::{Output, UsageError, files, open_store, organization, with_hint};
use crate::config::Config;
use crate::ports;

/// How long `release` waits until the queue is ready.
const QUEUE_READY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List quarantined submissions
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// open, released, discarded or all
        #[arg(long, value_name = "STATE", default_value = "open", value_parser = state)]
        state: StateArgument,
        /// Maximum number of entries
        #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
        limit: u32,
        /// Next page: only entries older than this one
        #[arg(long, value_name = "ID", value_parser = id)]
        after: Option<Uuid>,
    },
    /// Print a quarantine entry with its submission
    Show {
        /// Id of the entry, as `quarantine list` prints it
        #[arg(value_parser = id)]
        id: Uuid,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Store a repaired body for the release of an entry; the received body is kept
    Repair {
        /// Id of the entry, as `quarantine list` prints it
        #[arg(value_parser = id)]
        id: Uuid,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// File with the repaired body, in the media type of the received body
        #[arg(long, value_name = "FILE")]
        body: PathBuf,
    },
    /// Release quarantined submissions to the queue; each entry can be released once
    Release {
        /// Ids of the entries, as `quarantine list` prints them
        #[arg(required = true, value_parser = id)]
        ids: Vec<Uuid>,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Discard quarantined submissions; they stay stored in the state `discarded`
    Discard {
        /// Ids of the entries, as `quarantine list` prints them
        #[arg(required = true, value_parser = id)]
        ids: Vec<Uuid>,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Reason, which is stored with the entries
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}

/// The state of the listed entries; `None` is all states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateArgument(Option<QuarantineState>);

fn state(text: &str) -> Result<StateArgument, String> {
    match text {
        "all" => Ok(StateArgument(None)),
        text => Ok(StateArgument(Some(text.parse()?))),
    }
}

pub(crate) async fn run(command: QuarantineCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        QuarantineCommand::List { organization: name, state: StateArgument(state), limit, after } => {
            let owner = organization(&store, &name).await?;
            let page = quarantine::page(&store, owner.id, state, after, limit, &store).await?;
            list(&page.data, output);
            if let Some(next) = page.next {
                output.note(&format!("there are more entries: --after {next}"));
            }
        }
        QuarantineCommand::Show { id, organization: name } => {
            let owner = organization(&store, &name).await?;
            let shown = quarantine::show(&store, owner.id, id, &store).await;
            let (entry, submission) = shown.map_err(with_hint(&owner))?;
            output.details(&json!({ "entry": entry, "submission": submission }));
        }
        QuarantineCommand::Repair { id, organization: name, body } => {
            let owner = organization(&store, &name).await?;
            let found = quarantine::find(&store, owner.id, id).await.map_err(with_hint(&owner))?;
            let (QuarantineEntry { state, .. }, media) = (&found.0, found.1.media.clone());
            ensure!(
                *state == QuarantineState::Open,
                UsageError::invalid_arguments(format!(
                    "the entry {id} has the state `{state}`; only an open entry can be repaired"
                ))
            );
            let body = files::bytes(&body, "the repaired body")?;
            let entry = quarantine::repair(&store, found, &body, media).await.map_err(with_hint(&owner))?;
            output.details(&entry);
            output.note("the entry is repaired; release it with `leadgate quarantine release`");
        }
        QuarantineCommand::Release { ids, organization: name } => {
            let owner = organization(&store, &name).await?;
            let released = release(&store, &owner, &ids, config).await?;
            output.print(&json!({ "released": released }), |line| line(&format!("{released} released")));
        }
        QuarantineCommand::Discard { ids, organization: name, note } => {
            let (owner, discard) = (organization(&store, &name).await?, DiscardRequest { note });
            let mut entries = Vec::with_capacity(ids.len());
            for id in ids {
                let discarded = quarantine::discard(&store, owner.id, id, &discard).await;
                entries.push(discarded.map_err(with_hint(&owner))?);
            }
            list(&entries, output);
        }
    }
    Ok(())
}

/// Releases entries and returns how many were published. An entry that was released or discarded before is
/// skipped.
async fn release(
    store: &Store,
    owner: &Organization,
    ids: &[Uuid],
    config: &Config,
) -> anyhow::Result<usize> {
    let queue = ports::queue(config, Role::Gateway).await?;
    queue.follow_shards(watch::channel(store.shards().await?).1);
    // The connection to a broker takes a moment. If it still fails after that, the first publish returns the
    // error.
    let _ = timeout(QUEUE_READY_TIMEOUT, queue.ready()).await;
    let publisher = queue.publisher();
    let mut released = 0;
    for id in ids {
        let release = match quarantine::find(store, owner.id, *id).await {
            Ok(found) => quarantine::release(store, found, &publisher, store).await,
            Err(error) => Err(error),
        };
        released += usize::from(release.map_err(with_hint(owner))?.is_published);
    }
    queue.shutdown().await;
    Ok(released)
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
