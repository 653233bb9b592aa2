//! The command `leadgate queue`.

use anyhow::ensure;
use clap::Subcommand;
use serde_json::json;

use super::arguments::shards;
use super::{Output, UsageError, open_store};
use crate::config::Config;
use crate::ports;

#[derive(Subcommand)]
pub(crate) enum QueueCommand {
    /// Print or increase the number of RabbitMQ queues for leads
    ///
    /// Running gateways and workers use added queues within seconds. The number cannot be decreased, because
    /// a queue may still contain leads.
    Shards {
        /// New number of queues [default: print the number]
        #[arg(value_parser = shards)]
        count: Option<u16>,
    },
}

pub(crate) async fn run(command: QueueCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let QueueCommand::Shards { count } = command;
    ensure!(
        config.queue_url().starts_with("amqp"),
        UsageError::invalid_arguments(
            "the queue is a file, and only RabbitMQ has shards: set queue.url (LEADGATE_QUEUE_URL) to amqp://…"
        )
    );
    let store = open_store(config).await?;
    if let Some(count) = count {
        let installed = store.shards().await?;
        ensure!(
            count >= installed,
            UsageError::invalid_arguments(format!(
                "the installation has {installed} shards already, and the number cannot be decreased; give at least \
                 {installed}"
            ))
        );
        ports::add_shards(config, &store, count).await?;
    }
    let shards = store.shards().await?;
    output.print(&json!({ "shards": shards }), |line| line(&format!("{shards}")));
    Ok(())
}
