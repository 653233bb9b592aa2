//! The command `leadgate parked`.

use anyhow::ensure;
use clap::{Args, Subcommand};
use leadgate_queue::{ParkedMessage, ParkedSelection, Role};
use serde_json::{Value, json};

use super::arguments::count;
use super::{Output, UsageError, cell, require_installation};
use crate::config::Config;
use crate::ports;

#[derive(Subcommand)]
pub(crate) enum ParkedCommand {
    /// List parked messages
    List {
        /// Maximum number of messages
        #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
        limit: u32,
    },
    /// Return parked messages to the queue
    Replay(ReplayArguments),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ReplayArguments {
    /// Ids of messages, as `parked list` prints them
    ids: Vec<String>,
    /// All parked messages
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(command: ParkedCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    require_installation(config)?;
    let queue = ports::queue(config, Role::Admin).await?;
    match command {
        ParkedCommand::List { limit } => {
            let parked = queue.list_parked(usize::try_from(limit)?).await?;
            let all: Vec<_> = parked.iter().map(describe).collect();
            let rows = parked.iter().map(|message| {
                let (id, bytes) = (message.id.to_string(), message.bytes.to_string());
                [id, cell(message.parked_at), bytes, message.reason.to_string()]
            });
            output.list("parked messages", &all, ["id", "parked_at", "bytes", "reason"], rows);
        }
        ParkedCommand::Replay(replay) => {
            let requested = replay.ids.len();
            let selection = if replay.all { ParkedSelection::All } else { ParkedSelection::Ids(replay.ids) };
            let count = queue.replay_parked(selection).await?;
            ensure!(
                count > 0 || requested == 0,
                UsageError::invalid_arguments(
                    "none of these messages is parked; `leadgate parked list` prints the ids of parked messages"
                )
            );
            output.print(&json!({ "replayed": count }), |line| {
                line(&format!("{count} messages returned to the queue"))
            });
        }
    }
    Ok(())
}

fn describe(message: &ParkedMessage) -> Value {
    json!({
        "id": message.id,
        "reason": message.reason,
        "parked_at": message.parked_at,
        "bytes": message.bytes,
    })
}
