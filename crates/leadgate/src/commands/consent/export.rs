//! Writing evidence of consent: a header, a line for each, and a signature of all of it.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use leadgate_domain::export_signature::{ExportSignature, ExportSigningKey};
use leadgate_domain::{AuditAction, LeadId, OrganizationId, SubmissionId, Timestamp};
use leadgate_store::{ConsentsOf, Store};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::{Output, files, open_store, organization, saw};
use super::Export;
use crate::config::Config;
use crate::secret;

pub(super) const FORMAT: &str = "leadgate consent export";
pub(super) const VERSION: u32 = 1;

/// Rows read at once.
const PAGE: u32 = 500;

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) organization: Owner,
    pub(super) made_at: Timestamp,
    asked_for: AskedFor,
    /// Whether persons that were not forgotten are in it.
    people: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Owner {
    id: OrganizationId,
    pub(super) name: String,
}

/// Nothing for everything.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AskedFor {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lead: Option<LeadId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    submission: Option<SubmissionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Timestamp>,
}

pub(super) async fn run(arguments: &Export, config: &Config, output: &Output) -> anyhow::Result<()> {
    let Some(file) = &arguments.out else {
        write(io::stdout(), arguments, config).await?;
        return Ok(());
    };
    files::is_new(file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by its owner only, and never there in part.
    let whole = tempfile::NamedTempFile::new_in(folder)?;
    let signature = write(whole.as_file(), arguments, config).await?;
    whole.as_file().sync_all()?;
    whole.persist_noclobber(file)?;
    secret::sync_folder(folder)?;
    let ExportSignature { rows, sha256, public_key, .. } = signature;
    let document = json!({ "file": file, "rows": rows, "sha256": sha256, "public_key": public_key });
    output.print(&document, |line| {
        line(&format!("{rows} consents in {}, signed with the key {public_key}", file.display()));
    });
    Ok(())
}

async fn write(to: impl Write, arguments: &Export, config: &Config) -> anyhow::Result<ExportSignature> {
    let store = open_store(config).await?;
    let owner = organization(&store, &arguments.organization).await?;
    saw(&store, store.entry(owner.id, AuditAction::ConsentExported)).await?;
    let Export { lead, submission, from, to: before, without_people, .. } = *arguments;
    let of = match (lead, submission) {
        (Some(lead), _) => ConsentsOf::Lead(lead),
        (None, Some(submission)) => ConsentsOf::Submission(submission),
        (None, None) => ConsentsOf::Received { from, to: before },
    };
    let mut lines = Lines { to: BufWriter::new(to), sha256: Sha256::new(), rows: 0 };
    lines.write(&Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        organization: Owner { id: owner.id, name: owner.name },
        made_at: Timestamp::now(),
        asked_for: AskedFor { lead, submission, from, to: before },
        people: !without_people,
    })?;
    rows(&mut lines, &store, owner.id, of, without_people).await?;
    lines.sign(&secret::load(config)?.export_signatures())
}

/// Page by page: an export is never held in memory.
async fn rows(
    lines: &mut Lines<impl Write>,
    store: &Store,
    owner: OrganizationId,
    of: ConsentsOf,
    without_people: bool,
) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = store.consents(owner, of, after, PAGE).await?;
        for mut consent in page.data {
            if without_people {
                // With the salt, whoever has a list of phones could try them all.
                (consent.person, consent.salt) = (None, None);
            }
            lines.write(&consent)?;
            lines.rows += 1;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

struct Lines<W: Write> {
    to: BufWriter<W>,
    sha256: Sha256,
    rows: u64,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        self.sha256.update(&line);
        Ok(self.to.write_all(&line)?)
    }

    fn sign(mut self, key: &ExportSigningKey) -> anyhow::Result<ExportSignature> {
        let sha256 = <[u8; 32]>::from(self.sha256.clone().finalize()).into();
        let signature = key.sign(sha256, self.rows).context("there is no secret")?;
        self.write(&signature)?;
        self.to.flush()?;
        Ok(signature)
    }
}
