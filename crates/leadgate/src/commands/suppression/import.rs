//! The command `leadgate suppression import`.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use csv::StringRecord;
use encoding_rs::Encoding;
use leadgate_domain::{Region, SuppressionKind};
use leadgate_operations::suppressions::{self, CsvColumns, ImportCounts, ImportRowResult};
use leadgate_store::Store;
use serde::Serialize;

use super::{EntryArguments, RescreenContext, rescreen};
use crate::commands::{Output, UsageError, files, organization, progress};

#[derive(Args)]
pub(crate) struct ImportArguments {
    /// CSV file with a header row: any number of phone and email columns, domain, phone_sha256, email_sha256,
    /// and optionally list, reason, expires_at. Encoded in UTF-8, windows-1252, or UTF-16 with a byte order
    /// mark
    file: PathBuf,
    #[arg(long, value_name = "NAME")]
    organization: String,
    #[command(flatten)]
    terms: EntryArguments,
    /// The file has no header row; its first column has values of this kind: phone, email or domain
    #[arg(long, value_name = "KIND")]
    kind: Option<SuppressionKind>,
    /// The values in the first column are SHA-256 digests
    #[arg(long, requires = "kind")]
    sha256: bool,
    /// Region of phones without a country code, such as US [default: none]
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// File to write with the result of each row [default: FILE.results.csv]
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

pub(super) async fn run(
    import: ImportArguments,
    store: &Store,
    context: &RescreenContext,
    output: &Output,
) -> anyhow::Result<()> {
    let owner = organization(store, &import.organization).await?;
    let defaults = import.terms.defaults(import.region);
    defaults.check().map_err(|(_, message)| UsageError::invalid_arguments(message))?;
    let file_name = || import.file.display().to_string();
    let expected = "a CSV file of phones, emails or domains";
    let (file, encoding) =
        open(&import.file).map_err(|error| files::unreadable(&import.file, expected, &error))?;
    let bar = progress::of_bytes(file.metadata()?.len(), "importing");
    let mut reader = suppressions::csv_reader(bar.wrap_read(file), encoding, import.kind.is_none())
        .with_context(file_name)?;
    let columns = match import.kind {
        Some(kind) => CsvColumns::single_column(kind, import.sha256)?,
        None => CsvColumns::from_header(reader.headers().with_context(file_name)?).map_err(|error| {
            UsageError::invalid_arguments(format!("{error}; for a file without a header row use --kind"))
        })?,
    };
    let ignored = columns.ignored().to_vec();
    let results_path = import.results.clone().unwrap_or_else(|| default_results_path(&import.file));
    let results_file =
        File::create(&results_path).with_context(|| format!("writing {}", results_path.display()))?;
    let mut results = csv::Writer::from_writer(results_file);
    results.write_record(["row", "result", "kind", "detail"])?;

    let RescreenContext { matching, judge } = context;
    let mut rows = suppressions::SuppressionImport::new(store, owner.id, matching, judge, columns, defaults);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).with_context(file_name)? {
        let line = record.position().map_or(0, csv::Position::line);
        write(&mut results, rows.add_row(line, |at| record.get(at)).await?)?;
    }
    let (last, counts, pending) = rows.finish().await?;
    write(&mut results, last)?;
    results.flush()?;
    bar.finish_and_clear();
    rescreen(pending).await?;
    let report = ImportReport { counts, encoding: encoding.name(), ignored, results: results_path };
    report.print(output);
    match report.counts.refused {
        0 => Ok(()),
        refused => Err(UsageError::RowsRefused(refused).into()),
    }
}

/// Opens the file and detects its encoding. An input that can be read only once, such as a pipe, is copied
/// first.
fn open(path: &Path) -> io::Result<(File, &'static Encoding)> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        let mut copy = tempfile::tempfile()?;
        io::copy(&mut file, &mut copy)?;
        copy.rewind()?;
        file = copy;
    }
    let encoding = suppressions::encoding_of(&mut file)?;
    Ok((file, encoding))
}

fn write(to: &mut csv::Writer<File>, results: Vec<ImportRowResult>) -> csv::Result<()> {
    results.into_iter().try_for_each(|ImportRowResult { row, result, kind, detail }| {
        to.write_record([row.to_string().as_str(), result, kind, &detail])
    })
}

fn default_results_path(file: &Path) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(".results.csv");
    name.into()
}

/// The output of the command.
#[derive(Serialize)]
struct ImportReport {
    #[serde(flatten)]
    counts: ImportCounts,
    encoding: &'static str,
    #[serde(rename = "ignored_columns")]
    ignored: Vec<String>,
    results: PathBuf,
}

impl ImportReport {
    fn print(&self, output: &Output) {
        let Self { counts: ImportCounts { rows, added, extended, already_listed, refused }, results, .. } =
            self;
        output.print(self, |line| {
            line(&format!(
                "{rows} rows: {added} added, {extended} extended, {already_listed} already listed, {refused} refused"
            ));
            line(&format!("the result of each row is in {}", results.display()));
        });
        if !self.ignored.is_empty() {
            let names: Vec<_> = self.ignored.iter().map(|name| name.escape_debug().to_string()).collect();
            let _ = writeln!(std::io::stderr(), "leadgate: columns left out: {}", names.join(", "));
        }
    }
}
