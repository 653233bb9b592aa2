//! Verifies an export: that it is complete and unchanged, and which installation signed it.

use std::io::{self, BufRead, Read as _};

use leadgate_domain::ConsentEvidence;
use leadgate_domain::export_signature::{ExportSignature, PublicKey};
use sha2::{Digest as _, Sha256};

use super::{ExportHeader, FORMAT, VERSION};

/// In bytes. Bodies of submissions are far smaller, so no valid line is that long.
const MAX_LINE_LENGTH: u64 = 16 * 1024 * 1024;

/// The maximum number of problems with rows that are listed.
const MAX_ROW_PROBLEMS: usize = 10;

/// The result of a verification.
#[derive(Default)]
pub struct ExportVerification {
    pub header: Option<ExportHeader>,
    pub signature: Option<ExportSignature>,
    pub rows: u64,
    /// Rows that contain a person who matches the digest.
    pub people: u64,
    /// All problems. An export without problems can be trusted.
    pub problems: Vec<String>,
}

/// Reads an export line by line. It must be signed with one of the trusted keys.
///
/// # Errors
/// Errors of the reader.
pub fn verify(mut lines: impl BufRead, trusted: &[PublicKey]) -> io::Result<ExportVerification> {
    let mut read = ExportVerification::default();
    let mut sha256 = Sha256::new();
    let mut last_line: Option<Vec<u8>> = None;
    for number in 0_u64.. {
        let mut line = Vec::new();
        lines.by_ref().take(MAX_LINE_LENGTH).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        // The last line is the signature, which the hash does not cover.
        if let Some(previous) = last_line.replace(line) {
            sha256.update(&previous);
            read.check_line(number, &previous);
        }
    }
    let signature = match signature(&last_line.unwrap_or_default()) {
        Ok(signature) => signature,
        Err(problem) => {
            let problems = vec![format!("the export was cut off, or its end was changed: {problem}")];
            return Ok(ExportVerification { problems, ..read });
        }
    };
    let sha256 = <[u8; 32]>::from(sha256.finalize()).into();
    let mut problems = Vec::new();
    if !signature.verifies() {
        problems.push(
            "the export was changed: the signature does not match the hash and the number of rows".to_owned(),
        );
    }
    if !trusted.contains(&signature.public_key) {
        problems.push(format!(
            "the export was signed by another installation, with the key {}",
            signature.public_key
        ));
    }
    if signature.rows != read.rows {
        problems.push(format!(
            "the export was changed: {} rows were signed and {} are there",
            signature.rows, read.rows
        ));
    }
    if signature.sha256 != sha256 {
        problems.push("the export was changed: its content does not match the signed hash".to_owned());
    }
    problems.append(&mut read.problems);
    Ok(ExportVerification { problems, signature: Some(signature), ..read })
}

fn signature(line: &[u8]) -> Result<ExportSignature, &'static str> {
    let signature: ExportSignature =
        serde_json::from_slice(line).map_err(|_| "the last line is not a signature")?;
    let is_canonical =
        serde_json::to_vec(&signature).is_ok_and(|serialized| [&serialized, &b"\n"[..]].concat() == line);
    if is_canonical { Ok(signature) } else { Err("the signature line was reformatted") }
}

impl ExportVerification {
    fn check_line(&mut self, number: u64, line: &[u8]) {
        if number == 1 {
            let header = serde_json::from_slice(line).ok();
            self.header = header.filter(|header: &ExportHeader| header.format == FORMAT);
            match &self.header {
                None => self.problems.push("line 1 is not the header of an export".to_owned()),
                Some(ExportHeader { version: VERSION, .. }) => {}
                Some(ExportHeader { version, .. }) => {
                    self.problems
                        .push(format!("exports of version {version} are not supported; use a newer build"));
                }
            }
            return;
        }
        self.rows += 1;
        let matches_digest =
            serde_json::from_slice(line).map(|consent: ConsentEvidence| consent.person_matches_digest());
        let problem = match matches_digest {
            Ok(Some(true)) => {
                self.people += 1;
                return;
            }
            Ok(None) => return,
            Ok(Some(false)) => "the person does not match the digest",
            Err(_) => "the line is not evidence of consent",
        };
        if self.problems.len() < MAX_ROW_PROBLEMS {
            self.problems.push(format!("line {number}: {problem}"));
        }
    }
}
