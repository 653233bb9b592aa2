//! The command `leadgate event`.

use clap::Subcommand;
use leadgate_domain::{LeadId, Timestamp};
use leadgate_operations::exports;
use leadgate_store::EventFilter;

use super::arguments::moment;
use super::table_export::TableExportArguments;
use super::{Output, open_store_without_timeout, organization};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum EventCommand {
    /// Export events about leads as CSV or NDJSON, oldest first; only events that an endpoint wanted are stored
    Export {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Only about this lead
        #[arg(long, value_name = "ID")]
        lead: Option<LeadId>,
        /// From this time on: 2026-01-31T00:00:00Z, 2026-01-31, or 2d
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        #[command(flatten)]
        table: TableExportArguments,
    },
}

pub(crate) async fn run(command: EventCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let EventCommand::Export { organization: name, lead, since, table } = command;
    let store = open_store_without_timeout(config).await?;
    let owner = organization(&store, &name).await?;
    let filter = EventFilter { lead, since };
    let export = async |options, to| exports::events::write(&store, owner.id, filter, options, to).await;
    table.run("events", output, export).await
}
