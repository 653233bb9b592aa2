//! What commands share that export a table.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use leadgate_operations::OperationError;
use leadgate_operations::exports::{ExportFormat, TableOptions};
use serde_json::{Map, json};

use super::{Output, files};

/// How a table is exported, and where to.
#[derive(Args)]
pub(crate) struct TableExportArguments {
    /// csv or ndjson
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: ExportFormat,
    /// Begin with a byte order mark, by which Excel recognizes UTF-8
    #[arg(long)]
    bom: bool,
    /// File to write; it must not exist [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The file or the standard output.
pub(crate) type TableSink = Box<dyn Write + Send>;

impl TableExportArguments {
    /// Runs an export. `rows` is the name of what it exports, in the plural.
    pub(crate) async fn run(
        &self,
        rows: &str,
        output: &Output,
        export: impl AsyncFnOnce(TableOptions, TableSink) -> Result<u64, OperationError>,
    ) -> anyhow::Result<()> {
        let options = TableOptions { format: self.format, byte_order_mark: self.bom };
        let Some(file) = &self.out else {
            export(options, Box::new(io::stdout())).await?;
            return Ok(());
        };
        let new = files::NewFile::create(file)?;
        let count = export(options, Box::new(new.as_file().try_clone()?)).await?;
        new.persist()?;
        let mut document = Map::new();
        document.insert("file".to_owned(), json!(file));
        document.insert(rows.to_owned(), json!(count));
        output.print(&document, |line| line(&format!("{count} {rows} in {}", file.display())));
        Ok(())
    }
}
