//! `leadgate consent`.

mod export;
mod verify;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use leadgate_domain::export_signature::PublicKey;
use leadgate_domain::{LeadId, SubmissionId, Timestamp};
use serde_json::json;

use super::arguments::moment;
use super::{Output, UsageError};
use crate::config::Config;
use crate::secret;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write evidence of consent as signed JSON lines
    Export(Export),
    /// Check that an export is whole, unchanged and signed by this installation
    Verify {
        /// File that `consent export` wrote
        file: PathBuf,
        /// The key that it must be signed with [default: this installation's]
        #[arg(long, value_name = "BASE64")]
        public_key: Option<PublicKey>,
    },
    /// Print the public key by which others check this installation's exports
    PublicKey,
}

#[derive(Args)]
pub(crate) struct Export {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Only consent that came with this lead's submissions
    #[arg(long, value_name = "ID", conflicts_with_all = ["submission", "from", "to"])]
    lead: Option<LeadId>,
    /// Only consent that came with this submission
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    submission: Option<SubmissionId>,
    /// Only from this time on: 2026-01-31T00:00:00Z, 2026-01-31, or 2d for two days ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Leave out the persons, and the salts by which they could be guessed
    #[arg(long)]
    without_people: bool,
    /// File to write; it must not exist [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    match command {
        Command::Export(arguments) => export::run(&arguments, config, output).await,
        Command::Verify { file, public_key: Some(key) } => verify::run(&file, &[key], output),
        Command::Verify { file, public_key: None } => {
            ensure!(
                secret::is_there(config),
                UsageError::wrong(format!(
                    "there is no installation in {}: say with --public-key whose export it should be",
                    config.data.display()
                ))
            );
            verify::run(&file, &secret::load(config)?.export_signatures().public_keys(), output)
        }
        Command::PublicKey => {
            let keys = secret::load(config)?.export_signatures().public_keys();
            let key = keys.first().context("there is no secret")?;
            output.print(&json!({ "public_key": key }), |line| line(&key.to_string()));
            Ok(())
        }
    }
}
