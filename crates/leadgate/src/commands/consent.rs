//! The command `leadgate consent`.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use leadgate_domain::export_signature::{ExportSignature, PublicKey};
use leadgate_domain::{LeadId, SubmissionId, Timestamp};
use leadgate_operations::exports::ExportSink;
use leadgate_operations::exports::consents::{self as exports, ExportRequest, ExportVerification};
use serde_json::json;

use super::arguments::moment;
use super::{Output, UsageError, files, open_store, organization, with_hint};
use crate::config::Config;
use crate::secret;

#[derive(Subcommand)]
pub(crate) enum ConsentCommand {
    /// Write evidence of consent as signed JSON lines
    Export(ExportArguments),
    /// Verify that an export is complete, unchanged and signed by this installation
    Verify {
        /// File that `consent export` wrote
        file: PathBuf,
        /// Public key of the expected signature [default: that of this installation]
        #[arg(long, value_name = "BASE64")]
        public_key: Option<PublicKey>,
    },
    /// Print the public key with which others verify the exports of this installation
    PublicKey,
}

#[derive(Args)]
pub(crate) struct ExportArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Only the consent of this lead's submissions
    #[arg(long, value_name = "ID", conflicts_with_all = ["submission", "from", "to"])]
    lead: Option<LeadId>,
    /// Only the consent of this submission
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    submission: Option<SubmissionId>,
    /// Only consent from this time on: 2026-01-31T00:00:00Z, 2026-01-31, or 2d for two days ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Only consent before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Omit the persons, and the salts with which they could be guessed
    #[arg(long)]
    without_people: bool,
    /// File to write; it must not exist [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl From<&ExportArguments> for ExportRequest {
    fn from(arguments: &ExportArguments) -> Self {
        let ExportArguments { lead, submission, from, to, without_people, .. } = *arguments;
        Self { lead, submission, from, to, without_people }
    }
}

pub(crate) async fn run(command: ConsentCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    match command {
        ConsentCommand::Export(arguments) => export(&arguments, config, output).await,
        ConsentCommand::Verify { file, public_key: Some(key) } => verify(&file, &[key], output),
        ConsentCommand::Verify { file, public_key: None } => {
            ensure!(
                secret::exists(config),
                UsageError::invalid_arguments(format!(
                    "no installation was found in {}: give the public key of the export with --public-key, or the \
                     data folder with --data",
                    config.data.display()
                ))
            );
            verify(&file, &secret::load(config)?.export_signatures().public_keys(), output)
        }
        ConsentCommand::PublicKey => {
            let keys = secret::load(config)?.export_signatures().public_keys();
            let key = keys.first().context("the installation has no secret")?;
            output.print(&json!({ "public_key": key }), |line| line(&key.to_string()));
            Ok(())
        }
    }
}

async fn export(arguments: &ExportArguments, config: &Config, output: &Output) -> anyhow::Result<()> {
    let Some(file) = &arguments.out else {
        write(io::stdout(), arguments, config).await?;
        return Ok(());
    };
    let new = files::NewFile::create(file)?;
    let signature = write(new.as_file(), arguments, config).await?;
    new.persist()?;
    let ExportSignature { rows, sha256, public_key, .. } = signature;
    let document = json!({ "file": file, "rows": rows, "sha256": sha256, "public_key": public_key });
    output.print(&document, |line| {
        line(&format!("{rows} consents in {}, signed with the key {public_key}", file.display()));
    });
    Ok(())
}

async fn write(
    to: impl ExportSink,
    arguments: &ExportArguments,
    config: &Config,
) -> anyhow::Result<ExportSignature> {
    let store = open_store(config).await?;
    let owner = organization(&store, &arguments.organization).await?;
    let key = secret::load(config)?.export_signatures();
    let written = exports::write(&store, &owner, &arguments.into(), &key, to, &store).await;
    written.map_err(with_hint(&owner))
}

fn verify(file: &Path, trusted: &[PublicKey], output: &Output) -> anyhow::Result<()> {
    let lines = BufReader::new(files::open(file, "an export that `leadgate consent export` wrote")?);
    let verified = exports::verify(lines, trusted).with_context(|| file.display().to_string())?;
    let (ExportVerification { rows, people, problems, .. }, name) = (&verified, file.display());
    let (Some(header), Some(signature), []) = (&verified.header, &verified.signature, problems.as_slice())
    else {
        bail!("{name} could not be verified: {}", problems.join("; "));
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
        line(&format!("{name} is complete and unchanged"));
        line(&format!("{rows} consents of {}, {people} with a person, exported {made_at}", owner.name));
        line(&format!("signed with the key {key}"));
    });
    Ok(())
}
