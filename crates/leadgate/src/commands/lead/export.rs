//! The command `leadgate lead export`.

use clap::Args;
use leadgate_domain::Source;
use leadgate_operations::exports;
use leadgate_store::Store;

use super::list::LeadFilterArguments;
use crate::commands::table_export::TableExportArguments;
use crate::commands::{Output, organization};

#[derive(Args)]
pub(crate) struct LeadExportArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    #[command(flatten)]
    filter: LeadFilterArguments,
    #[command(flatten)]
    table: TableExportArguments,
}

pub(super) async fn export(
    arguments: &LeadExportArguments,
    store: &Store,
    output: &Output,
) -> anyhow::Result<()> {
    let owner = organization(store, &arguments.organization).await?;
    let filter = arguments.filter.filter(store, &owner).await?;
    // Leads of deleted sources keep the name of their source.
    let all = store.sources(owner.id).await?;
    let title = |id| all.iter().find(|source| source.id == id).map(Source::display_name);
    let export =
        async |options, to| exports::leads::write(store, owner.id, &filter, options, title, to).await;
    arguments.table.run("leads", output, export).await
}
