//! `leadgate suppression import`.

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
    /// A CSV file whose first row names its columns: any number with phones and emails, domain, phone_sha256,
    /// email_sha256, and if there are any, list, reason, expires_at. In UTF-8, windows-1252, or UTF-16 with a byte
    /// order mark
    file: PathBuf,
    #[arg(long, value_name = "NAME")]
    organization: String,
    #[command(flatten)]
    terms: EntryArguments,
    /// The file has no header, and values of this kind in its first column: phone, email or domain
    #[arg(long, value_name = "KIND")]
    kind: Option<SuppressionKind>,
    /// The values are SHA-256 digests
    #[arg(long, requires = "kind")]
    sha256: bool,
    /// Region of phones without a country code, such as US [default: none]
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// File for the result of each row [default: FILE.verdicts.csv]
    #[arg(long, value_name = "FILE")]
    verdicts: Option<PathBuf>,
}

pub(super) async fn run(
    import: ImportArguments,
    store: &Store,
    judging: &RescreenContext,
    output: &Output,
) -> anyhow::Result<()> {
    let owner = organization(store, &import.organization).await?;
    let defaults = import.terms.defaults(import.region);
    defaults.check().map_err(|(_, sentence)| UsageError::invalid_arguments(sentence))?;
    let named = || import.file.display().to_string();
    let what = "a CSV file of phones, emails or domains";
    let (file, encoding) =
        open(&import.file).map_err(|error| files::unreadable(&import.file, what, &error))?;
    let bar = progress::of_bytes(file.metadata()?.len(), "suppressing");
    let mut reader =
        suppressions::csv_reader(bar.wrap_read(file), encoding, import.kind.is_none()).with_context(named)?;
    let columns = match import.kind {
        Some(kind) => CsvColumns::single_column(kind, import.sha256)?,
        None => CsvColumns::from_header(reader.headers().with_context(named)?).map_err(|error| {
            UsageError::invalid_arguments(format!("{error}; for a file without names say --kind"))
        })?,
    };
    let left_out = columns.left_out().to_vec();
    let verdicts = import.verdicts.clone().unwrap_or_else(|| default_results_path(&import.file));
    let file = File::create(&verdicts).with_context(|| format!("writing {}", verdicts.display()))?;
    let mut results = csv::Writer::from_writer(file);
    results.write_record(["row", "result", "kind", "detail"])?;

    let RescreenContext { matching, judge } = judging;
    let mut rows = suppressions::SuppressionImport::new(store, owner.id, matching, judge, columns, defaults);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).with_context(named)? {
        let line = record.position().map_or(0, csv::Position::line);
        write(&mut results, rows.add_row(line, |at| record.get(at)).await?)?;
    }
    let (last, counts, due) = rows.finish().await?;
    write(&mut results, last)?;
    results.flush()?;
    bar.finish_and_clear();
    rescreen(due).await?;
    let report = ImportReport { counts, encoding: encoding.name(), left_out, verdicts };
    report.print(output);
    match report.counts.refused {
        0 => Ok(()),
        refused => Err(UsageError::RowsRefused(refused).into()),
    }
}

/// A file, or a copy of what can be read only once, such as a pipe.
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
    name.push(".verdicts.csv");
    name.into()
}

/// What the command answers.
#[derive(Serialize)]
struct ImportReport {
    #[serde(flatten)]
    counts: ImportCounts,
    encoding: &'static str,
    #[serde(rename = "columns_left_out")]
    left_out: Vec<String>,
    verdicts: PathBuf,
}

impl ImportReport {
    fn print(&self, output: &Output) {
        let Self { counts: ImportCounts { rows, added, extended, kept, refused }, verdicts, .. } = self;
        output.print(self, |line| {
            line(&format!(
                "{rows} rows: {added} added, {extended} extended, {kept} there already, {refused} refused"
            ));
            line(&format!("the verdict on each is in {}", verdicts.display()));
        });
        if !self.left_out.is_empty() {
            let names: Vec<_> = self.left_out.iter().map(|name| name.escape_debug().to_string()).collect();
            let _ = writeln!(std::io::stderr(), "leadgate: columns left out: {}", names.join(", "));
        }
    }
}
