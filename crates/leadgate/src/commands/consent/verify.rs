//! Reading an export back: is it whole, unchanged, and whose?

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use leadgate_domain::ConsentEvidence;
use leadgate_domain::export_signature::{ExportSignature, PublicKey};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::{Output, files};
use super::export::{FORMAT, Header, VERSION};

/// No line of ours is as long: bodies end at a fraction of it.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// As many rows are named at once.
const MOST_NAMED: usize = 10;

/// What an export holds, as far as it could be read.
#[derive(Default)]
struct Read {
    sha256: Sha256,
    header: Option<Header>,
    rows: u64,
    /// Rows whose person is there and is the one of the digest.
    people: u64,
    problems: Vec<String>,
}

pub(super) fn run(file: &Path, trusted: &[PublicKey], output: &Output) -> anyhow::Result<()> {
    let lines = BufReader::new(files::open(file, "an export that `leadgate consent export` wrote")?);
    let (read, signature) = read(lines).with_context(|| format!("{}", file.display()))?;
    let Read { header, rows, people, .. } = &read;
    let problems = judge(&read, &signature, trusted);
    let (Some(header), []) = (header, problems.as_slice()) else {
        bail!("{} is not to be trusted: {}", file.display(), problems.join("; "));
    };
    let (owner, made_at, key) = (&header.organization, header.made_at, signature.public_key);
    let document = json!({
        "verified": true,
        "organization": owner,
        "made_at": made_at,
        "rows": rows,
        "people": people,
        "public_key": key,
    });
    output.print(&document, |line| {
        let name = &owner.name;
        line(&format!("{} is whole and unchanged", file.display()));
        line(&format!("{rows} consents of {name}, {people} with a person, exported {made_at}"));
        line(&format!("signed with the key {key}"));
    });
    Ok(())
}

/// Reads line by line; the last one is the signature.
fn read(mut lines: impl BufRead) -> anyhow::Result<(Read, ExportSignature)> {
    let mut read = Read::default();
    let mut held: Option<Vec<u8>> = None;
    for number in 0_u64.. {
        let mut line = Vec::new();
        lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        if let Some(before) = held.replace(line) {
            read.take(number, &before);
        }
    }
    let last = held.unwrap_or_default();
    let Ok(signature) = serde_json::from_slice::<ExportSignature>(&last) else {
        bail!("it was cut off, or its end was changed: the last line is no signature");
    };
    let mut written = serde_json::to_vec(&signature)?;
    written.push(b'\n');
    ensure!(
        written == last,
        "it was cut off, or its end was changed: the signature is not as it was written"
    );
    Ok((read, signature))
}

impl Read {
    fn take(&mut self, number: u64, line: &[u8]) {
        self.sha256.update(line);
        if number == 1 {
            self.header = serde_json::from_slice(line).ok().filter(|header: &Header| header.format == FORMAT);
            match &self.header {
                None => self.problems.push("line 1 is no header of an export".to_owned()),
                Some(Header { version: VERSION, .. }) => {}
                Some(Header { version, .. }) => {
                    self.problems.push(format!("this build does not read exports of version {version}"));
                }
            }
            return;
        }
        self.rows += 1;
        let agrees = serde_json::from_slice(line).map(|consent: ConsentEvidence| consent.agrees());
        let problem = match agrees {
            Ok(Some(true)) => {
                self.people += 1;
                return;
            }
            Ok(None) => return,
            Ok(Some(false)) => "the person is not the one of the digest",
            Err(_) => "it is no consent",
        };
        if self.problems.len() < MOST_NAMED {
            self.problems.push(format!("line {number}: {problem}"));
        }
    }
}

/// Everything that is wrong.
fn judge(read: &Read, signature: &ExportSignature, trusted: &[PublicKey]) -> Vec<String> {
    let mut problems = Vec::new();
    let sha256 = <[u8; 32]>::from(read.sha256.clone().finalize()).into();
    if !signature.is_genuine() {
        problems
            .push("it was changed: the signature does not fit the hash and the number of rows".to_owned());
    }
    if !trusted.contains(&signature.public_key) {
        problems
            .push(format!("it was signed by another installation, with the key {}", signature.public_key));
    }
    if signature.rows != read.rows {
        problems
            .push(format!("it was changed: {} rows were signed and {} are there", signature.rows, read.rows));
    }
    if signature.sha256 != sha256 {
        problems.push("it was changed: these are not the bytes that were signed".to_owned());
    }
    problems.extend(read.problems.iter().cloned());
    problems
}
