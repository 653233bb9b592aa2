//! `leadgate suppression import`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backon::{ExponentialBuilder, Retryable as _};
use clap::Args;
use csv::StringRecord;
use leadgate_domain::{Organization, Region, Suppression, SuppressionKind, Timestamp};
use leadgate_store::{Listed, StoreError};
use serde::Serialize;

use super::decoded;
use super::rows::{Columns, delimiter};
use super::{Desk, Terms};
use crate::commands::{Output, UsageError, files, organization, progress};

/// Rows that are written together.
const CHUNK: usize = 1_000;

/// In bytes. More of it is not looked at for what separates the columns.
const LONGEST_FIRST_LINE: u64 = 64 * 1024;

/// A chunk that meets a lock or an outage is tried again, for about four minutes in all.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(10);
const RETRIES: usize = 30;

const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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

pub(super) async fn run(desk: &Desk, import: Import, output: &Output) -> anyhow::Result<()> {
    let owner = organization(&desk.store, &import.organization).await?;
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
        None => Columns::named(reader.headers().with_context(named)?)?,
    };
    let verdicts = import.verdicts.clone().unwrap_or_else(|| beside(&import.file));
    let file = File::create(&verdicts).with_context(|| format!("writing {}", verdicts.display()))?;
    let mut importer =
        Importer { desk, owner, counts: Counts::default(), verdicts: csv::Writer::from_writer(file) };
    importer.verdicts.write_record(["row", "result", "kind", "detail"])?;

    let (mut record, mut items) = (StringRecord::new(), Vec::with_capacity(CHUNK));
    while reader.read_record(&mut record).with_context(named)? {
        importer.counts.rows += 1;
        items.extend(importer.read(&columns, &record, &import));
        if items.len() >= CHUNK {
            importer.write(std::mem::take(&mut items)).await?;
        }
    }
    importer.write(items).await?;
    importer.verdicts.flush()?;
    bar.finish_and_clear();
    desk.rescreen(&importer.owner).await?;
    let report =
        Report { counts: importer.counts, encoding: encoding.name(), left_out: columns.left_out, verdicts };
    report.print(output);
    match report.counts.refused {
        0 => Ok(()),
        refused => Err(UsageError::RowsRefused(refused).into()),
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(".verdicts.csv");
    name.into()
}

/// How many values ended how.
#[derive(Default, Serialize)]
struct Counts {
    rows: u64,
    added: u64,
    extended: u64,
    kept: u64,
    refused: u64,
}

/// A value of a row, or why it cannot be read.
struct Item {
    row: u64,
    read: Result<Suppression, String>,
}

struct Importer<'d> {
    desk: &'d Desk,
    owner: Organization,
    counts: Counts,
    verdicts: csv::Writer<File>,
}

impl Importer<'_> {
    fn read(&self, columns: &Columns, record: &StringRecord, import: &Import) -> Vec<Item> {
        let row = record.position().map_or(self.counts.rows, csv::Position::line);
        let now = Timestamp::now();
        let requests = match columns.read(record, import.region) {
            Ok(requests) if requests.is_empty() => {
                Err("it has neither phone nor email nor domain".to_owned())
            }
            Ok(requests) => Ok(requests),
            Err(error) => Err(error.to_string()),
        };
        match requests {
            Err(detail) => vec![Item { row, read: Err(detail) }],
            Ok(requests) => requests
                .into_iter()
                .map(|request| import.terms.of(request).entry(&self.desk.matching, self.owner.id, now))
                .map(|read| Item { row, read })
                .collect(),
        }
    }

    async fn write(&mut self, items: Vec<Item>) -> anyhow::Result<()> {
        let good: Vec<_> = items.iter().filter_map(|item| item.read.as_ref().ok()).cloned().collect();
        let mut listed = self.suppress(good).await?.into_iter();
        for Item { row, read } in &items {
            let (result, kind, detail) = match read {
                Ok(entry) => {
                    let listed = listed.next().context("a verdict is missing")?;
                    (self.counts.note(listed), entry.key.kind.as_str(), "")
                }
                Err(detail) => {
                    self.counts.refused += 1;
                    ("refused", "", detail.as_str())
                }
            };
            self.verdicts.write_record([row.to_string().as_str(), result, kind, detail])?;
        }
        Ok(())
    }
}

impl Importer<'_> {
    /// Entries that are in already cost no lock. After those that are not, commits of the organization get as much
    /// time as the chunk took.
    async fn suppress(&self, entries: Vec<Suppression>) -> anyhow::Result<Vec<Listed>> {
        let begun = Instant::now();
        let suppress =
            || self.desk.store.suppress(self.owner.id, entries.clone(), Arc::clone(&self.desk.judge));
        let wait = ExponentialBuilder::default()
            .with_min_delay(RETRY_FIRST)
            .with_max_delay(RETRY_LAST)
            .with_max_times(RETRIES)
            .with_jitter();
        let listed = suppress.retry(wait).when(StoreError::is_transient).await?;
        if listed.iter().any(|listed| *listed != Listed::Kept) {
            tokio::time::sleep(begun.elapsed().min(LONGEST_PAUSE)).await;
        }
        Ok(listed)
    }
}

impl Counts {
    fn note(&mut self, listed: Listed) -> &'static str {
        *match listed {
            Listed::Added => &mut self.added,
            Listed::Extended => &mut self.extended,
            Listed::Kept => &mut self.kept,
        } += 1;
        listed.as_str()
    }
}

/// What the command answers.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    counts: Counts,
    encoding: &'static str,
    #[serde(rename = "columns_left_out")]
    left_out: Vec<String>,
    verdicts: PathBuf,
}

impl Report {
    fn print(&self, output: &Output) {
        let Self { counts: Counts { rows, added, extended, kept, refused }, verdicts, .. } = self;
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
