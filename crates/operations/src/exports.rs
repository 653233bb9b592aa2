//! Exports: they are streamed page by page, without keeping them in memory.

pub mod consents;
pub mod deliveries;
pub mod events;
pub mod leads;
mod table;

use std::io::{self, Write};

pub use table::{ExportFormat, TableOptions, defuse};

/// The number of rows read at once.
const PAGE: u32 = 500;

/// The size of a block that is written to the sink, in bytes. A block may be larger by one row.
const BLOCK: usize = 64 * 1024;

/// A destination of an export.
pub trait ExportSink {
    fn write_block(&mut self, block: Vec<u8>) -> impl Future<Output = io::Result<()>> + Send;
}

/// A file, or the standard output of a command.
impl<W: Write + Send> ExportSink for W {
    async fn write_block(&mut self, block: Vec<u8>) -> io::Result<()> {
        self.write_all(&block)?;
        self.flush()
    }
}
