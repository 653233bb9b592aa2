//! One file per subcommand.

pub(crate) mod arguments;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod consent;
pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod erase;
pub(crate) mod event;
mod files;
pub(crate) mod key;
pub(crate) mod lead;
pub(crate) mod mapping;
pub(crate) mod organization;
mod output;
pub(crate) mod parked;
mod progress;
pub(crate) mod quarantine;
pub(crate) mod queue;
pub(crate) mod report;
pub(crate) mod reprocess;
pub(crate) mod retention;
pub(crate) mod score;
pub(crate) mod source;
pub(crate) mod suppression;
mod table_export;
pub(crate) mod tag;
mod value_reader;

pub(crate) use crate::usage_error::UsageError;
pub(crate) use organization::{OwnerArguments, organization};
pub(crate) use output::{Output, Table, cell, details};

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use leadgate_domain::{Actor, Organization, Patch};
use leadgate_operations::{JudgeContext, OperationError, ResourceKind};
use leadgate_pipeline::Pipeline;
use leadgate_store::{Directory, Store};
use serde_json::json;

use crate::config::Config;
use crate::ports::{self, PolicyUpload};
use crate::run;
use crate::secret;

/// Migrates the database schema, and declares RabbitMQ's exchanges, queues and policies.
pub(crate) async fn migrate(config: &Config, restored: bool, output: &Output) -> anyhow::Result<()> {
    ports::prepare(config)?;
    let (policies, to_be_run) = match ports::migrate(config).await? {
        PolicyUpload::NotNeeded => ("not_needed", Vec::new()),
        PolicyUpload::Uploaded => ("uploaded", Vec::new()),
        PolicyUpload::ManualSetupNeeded(commands) => ("to_be_set", commands),
    };
    if restored {
        ports::store(config)?.renew_epoch().await.context("recording the restore in the store")?;
    }
    let document = json!({ "migrated": true, "policies": policies, "to_be_run": to_be_run });
    output.print(&document, |line| {
        line("store and queue are ready");
        if !to_be_run.is_empty() {
            line(
                "the policies were not uploaded, because queue.management_url is not set. Run on the broker:",
            );
            to_be_run.iter().for_each(|command| line(command));
        }
    });
    Ok(())
}

/// Opens the store of an installation for a command. The server may be running.
///
/// # Errors
/// If there is no installation, its schema is not that of this build, or its secret is another one. Only
/// `serve`, `migrate` and `restore` create an installation: keys and suppressions in one that a command
/// created by mistake would have no effect.
pub(crate) async fn open_store(config: &Config) -> anyhow::Result<Store> {
    require_installation(config)?;
    let store = ports::store(config)?;
    let [address, ..] = config.addresses();
    store.check().await.with_context(|| format!("the store {address}"))?;
    store.match_key().await?;
    Ok(store.as_actor(operator()))
}

/// Fails if the store file or its secret does not exist.
pub(crate) fn require_installation(config: &Config) -> anyhow::Result<()> {
    let store = config.store_url();
    let Some(file) = store.strip_prefix("sqlite:").map(Path::new) else { return Ok(()) };
    let absolute_path = || std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    if !file.exists() {
        return Err(UsageError::Arguments(format!(
            "no installation was found: the file {} does not exist. Name the data folder with --data or \
             LEADGATE_DATA, or create an installation with `leadgate serve`",
            absolute_path().display()
        ))
        .into());
    }
    if !secret::exists(config) {
        return Err(UsageError::Arguments(format!(
            "the secret of the store {} is missing: restore the file `{}` in {}, or set LEADGATE_SECRET",
            absolute_path().display(),
            secret::FILE,
            config.data.display()
        ))
        .into());
    }
    Ok(())
}

/// The operator at the command line, named after the user of the process.
fn operator() -> Actor {
    let user = uzers::get_current_username();
    Actor::at_command_line(user.as_deref().and_then(|name| name.to_str()))
}

/// Like [`open_store`], but with long time limits, for a command with slow queries.
pub(crate) async fn open_store_without_timeout(config: &Config) -> anyhow::Result<Store> {
    open_store(config).await?;
    Ok(ports::worker_store(config)?.as_actor(operator()))
}

/// The change of a setting that has one option to set it and one to clear it.
pub(crate) fn patch<T>(set: Option<T>, is_cleared: bool) -> Patch<T> {
    match set {
        Some(value) => Patch::Value(value),
        None if is_cleared => Patch::Null,
        None => Patch::Absent,
    }
}

/// The snapshot of the directory and the pipeline, with which operations read submissions and judge leads.
pub(crate) async fn judge_context(store: &Store, config: &Config) -> anyhow::Result<JudgeContext> {
    let directory = Directory::new(store.clone());
    directory.refresh().await?;
    let pipeline = Pipeline::new(store.match_key().await?).with_geolocation(run::geolocation(config)?);
    let pipeline = Arc::new(pipeline);
    Ok(JudgeContext { snapshot: directory.snapshot(), pipeline })
}

/// Replaces the error for an unknown id by one that names the command which lists the known ids.
pub(crate) fn with_hint(owner: &Organization) -> impl Fn(OperationError) -> anyhow::Error {
    let name = owner.name.clone();
    move |error| {
        let OperationError::NotFound { kind, id } = &error else { return error.into() };
        let message = match kind {
            ResourceKind::Organization => return error.into(),
            ResourceKind::Key => return unknown_key(id).into(),
            ResourceKind::Source => format!(
                "`{name}` has no source {id}; `leadgate source list --organization {name}` prints its sources"
            ),
            ResourceKind::Endpoint => format!(
                "`{name}` has no endpoint {id}; `leadgate endpoint list --organization {name}` prints its endpoints"
            ),
            ResourceKind::Lead => {
                format!(
                    "`{name}` has no lead {id}; `leadgate lead list --organization {name}` prints its leads"
                )
            }
            ResourceKind::Submission => {
                format!("`{name}` has no lead or submission {id}, or the submission is still in the queue")
            }
            ResourceKind::QuarantineEntry => format!(
                "`{name}` has no quarantine entry {id}; `leadgate quarantine list --organization {name}` prints its \
                 entries"
            ),
            ResourceKind::MappingVersion => {
                format!("the source has no mapping version {id}; `leadgate mapping list` prints its versions")
            }
            ResourceKind::ScoringVersion => {
                format!("`{name}` has no scoring version {id}; `leadgate score history` prints its versions")
            }
        };
        UsageError::invalid_arguments(message).into()
    }
}

pub(crate) fn unknown_key(id: impl Display) -> UsageError {
    UsageError::invalid_arguments(format!(
        "unknown key {id}; `leadgate key list` prints the keys of an organization"
    ))
}
