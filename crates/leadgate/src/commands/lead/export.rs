//! The command `leadgate lead export`.

use std::io;
use std::path::PathBuf;

use clap::Args;
use leadgate_domain::{Organization, Source};
use leadgate_operations::exports::ExportSink;
use leadgate_operations::lead_exports::{self, LeadExportFormat, LeadExportRequest};
use leadgate_store::Store;
use serde_json::json;

use super::list::LeadFilterArguments;
use crate::commands::{Output, files, organization};

#[derive(Args)]
pub(crate) struct LeadExportArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    #[command(flatten)]
    filter: LeadFilterArguments,
    /// csv or ndjson
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: LeadExportFormat,
    /// Begin with a byte order mark, by which Excel recognizes UTF-8
    #[arg(long)]
    bom: bool,
    /// File to write; it must not exist [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn export(
    arguments: &LeadExportArguments,
    store: &Store,
    output: &Output,
) -> anyhow::Result<()> {
    let owner = organization(store, &arguments.organization).await?;
    let request = LeadExportRequest {
        filter: arguments.filter.filter(store, &owner).await?,
        format: arguments.format,
        byte_order_mark: arguments.bom,
    };
    let Some(file) = &arguments.out else {
        write(io::stdout(), store, &owner, &request).await?;
        return Ok(());
    };
    let new = files::NewFile::create(file)?;
    let count = write(new.as_file(), store, &owner, &request).await?;
    new.persist()?;
    output.print(&json!({ "file": file, "leads": count }), |line| {
        line(&format!("{count} leads in {}", file.display()));
    });
    Ok(())
}

async fn write(
    to: impl ExportSink,
    store: &Store,
    owner: &Organization,
    request: &LeadExportRequest,
) -> anyhow::Result<u64> {
    // Leads of deleted sources keep the name of their source.
    let all = store.sources(owner.id).await?;
    let title = |id| all.iter().find(|source| source.id == id).map(Source::display_name);
    Ok(lead_exports::write(store, owner.id, request, title, to).await?)
}
