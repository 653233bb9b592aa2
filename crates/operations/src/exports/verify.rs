//! Reads an export back: whether it is whole and unchanged, and whose it is.

use std::io::{self, BufRead, Read as _};

use leadgate_domain::ConsentEvidence;
use leadgate_domain::export_signature::{ExportSignature, PublicKey};
use sha2::{Digest as _, Sha256};

use super::{ExportHeader, FORMAT, VERSION};

/// In bytes. Bodies of submissions are far smaller, so no line of an export is as long.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// As many rows are named at once.
const MOST_NAMED: usize = 10;

/// What an export holds, as far as it can be read.
#[derive(Default)]
pub struct ExportVerification {
    pub header: Option<ExportHeader>,
    pub signature: Option<ExportSignature>,
    pub rows: u64,
    /// Rows whose person is there and is the one of the digest.
    pub people: u64,
    /// Everything that is wrong; an export without problems is to be trusted.
    pub problems: Vec<String>,
}

/// Reads an export line by line. It must be signed with one of the trusted keys.
///
/// # Errors
/// Of the reader.
pub fn verify(mut lines: impl BufRead, trusted: &[PublicKey]) -> io::Result<ExportVerification> {
    let mut read = ExportVerification::default();
    let mut sha256 = Sha256::new();
    let mut last: Option<Vec<u8>> = None;
    for number in 0_u64.. {
        let mut line = Vec::new();
        lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        // The last line is the signature, which the hash does not cover.
        if let Some(before) = last.replace(line) {
            sha256.update(&before);
            read.check_line(number, &before);
        }
    }
    let signature = match signature(&last.unwrap_or_default()) {
        Ok(signature) => signature,
        Err(problem) => {
            let problems = vec![format!("it was cut off, or its end was changed: {problem}")];
            return Ok(ExportVerification { problems, ..read });
        }
    };
    let sha256 = <[u8; 32]>::from(sha256.finalize()).into();
    let mut problems = Vec::new();
    if !signature.verifies() {
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
    problems.append(&mut read.problems);
    Ok(ExportVerification { problems, signature: Some(signature), ..read })
}

fn signature(line: &[u8]) -> Result<ExportSignature, &'static str> {
    let signature: ExportSignature =
        serde_json::from_slice(line).map_err(|_| "the last line is no signature")?;
    let written = serde_json::to_vec(&signature).is_ok_and(|written| [&written, &b"\n"[..]].concat() == line);
    if written { Ok(signature) } else { Err("the signature is not as it was written") }
}

impl ExportVerification {
    fn check_line(&mut self, number: u64, line: &[u8]) {
        if number == 1 {
            let header = serde_json::from_slice(line).ok();
            self.header = header.filter(|header: &ExportHeader| header.format == FORMAT);
            match &self.header {
                None => self.problems.push("line 1 is no header of an export".to_owned()),
                Some(ExportHeader { version: VERSION, .. }) => {}
                Some(ExportHeader { version, .. }) => {
                    self.problems.push(format!("this build does not read exports of version {version}"));
                }
            }
            return;
        }
        self.rows += 1;
        let agrees =
            serde_json::from_slice(line).map(|consent: ConsentEvidence| consent.person_matches_digest());
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
