//! `leadgate suppression import`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use csv::StringRecord;
use leadgate_domain::{Region, SuppressionKind};
use leadgate_operations::suppressions::{self, Columns, ImportCounts, RowResult};
use leadgate_store::Store;
use serde::Serialize;

use super::{Judging, Terms, decoded, rescreen};
use crate::commands::{Output, UsageError, files, organization, progress};

/// In bytes. More of it is not looked at for what separates the columns.
const LONGEST_FIRST_LINE: u64 = 64 * 1024;

#[derive(Args)]
pub(crate) struct Import {
    /// A CSV file whose first row names its columns: any number with phones and emails, domain, phone_sha256,
    /// email_sha256, and if there are any, list, reason, expires_at. In UTF-8, windows-1252, or UTF-16 with a byte
    /// order mark
    file: PathBuf,
    #[arg(long, value_name = "NAME")]
    organization: String,
    #[command(flatten)]
    terms: Terms,
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
    import: Import,
    store: &Store,
    judging: &Judging,
    output: &Output,
) -> anyhow::Result<()> {
    let owner = organization(store, &import.organization).await?;
    let named = || import.file.display().to_string();
    let what = "a CSV file of phones, emails or domains";
    let (file, encoding) =
        decoded::open(&import.file).map_err(|error| files::unreadable(&import.file, what, &error))?;
    let bar = progress::of_bytes(file.metadata()?.len(), "suppressing");
    let mut text = BufReader::new(decoded::reader(bar.wrap_read(file), encoding));
    let mut first_line = Vec::new();
    (&mut text).take(LONGEST_FIRST_LINE).read_until(b'\n', &mut first_line).with_context(named)?;
    let separator = delimiter(&first_line);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .has_headers(import.kind.is_none())
        .from_reader(first_line.as_slice().chain(text));
    let columns = match import.kind {
        Some(kind) => Columns::only(kind, import.sha256)?,
        None => Columns::named(reader.headers().with_context(named)?)
            .map_err(|error| UsageError::wrong(format!("{error}; for a file without names say --kind")))?,
    };
    let left_out = columns.left_out().to_vec();
    let verdicts = import.verdicts.clone().unwrap_or_else(|| beside(&import.file));
    let file = File::create(&verdicts).with_context(|| format!("writing {}", verdicts.display()))?;
    let mut results = csv::Writer::from_writer(file);
    results.write_record(["row", "result", "kind", "detail"])?;

    let (defaults, Judging { matching, judge }) = (import.terms.defaults(import.region), judging);
    let mut rows = suppressions::Import::new(store, owner.id, matching, judge, columns, defaults);
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
    let report = Report { counts, encoding: encoding.name(), left_out, verdicts };
    report.print(output);
    match report.counts.refused {
        0 => Ok(()),
        refused => Err(UsageError::RowsRefused(refused).into()),
    }
}

fn write(to: &mut csv::Writer<File>, results: Vec<RowResult>) -> csv::Result<()> {
    results.into_iter().try_for_each(|RowResult { row, result, kind, detail }| {
        to.write_record([row.to_string().as_str(), result, kind, &detail])
    })
}

/// What stands between the columns of a file: what its first line has most of.
fn delimiter(first_line: &[u8]) -> u8 {
    let count = |delimiter: &u8| first_line.iter().filter(|byte| *byte == delimiter).count();
    // Of equals the last counts.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(".verdicts.csv");
    name.into()
}

/// What the command answers.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    counts: ImportCounts,
    encoding: &'static str,
    #[serde(rename = "columns_left_out")]
    left_out: Vec<String>,
    verdicts: PathBuf,
}

impl Report {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_there_is_most_of() {
        for (line, expected) in
            [("a,b", b','), ("a;b;c,d", b';'), ("a\tb", b'\t'), ("phone", b','), ("a|b", b'|')]
        {
            assert_eq!(delimiter(line.as_bytes()), expected, "{line}");
        }
    }
}
