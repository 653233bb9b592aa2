//! One file per subcommand.

pub(crate) mod arguments;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod consent;
pub(crate) mod erase;
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
pub(crate) mod tag;
mod value_reader;

pub(crate) use crate::usage::UsageError;
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

/// Brings the database's schema, and RabbitMQ's exchanges, queues and policies, to what this build needs.
pub(crate) async fn migrate(config: &Config, restored: bool, output: &Output) -> anyhow::Result<()> {
    ports::prepare(config)?;
    let (policies, to_be_run) = match ports::migrate(config).await? {
        PolicyUpload::NotNeeded => ("not_needed", Vec::new()),
        PolicyUpload::Uploaded => ("uploaded", Vec::new()),
        PolicyUpload::ManualSetupNeeded(commands) => ("to_be_set", commands),
    };
    if restored {
        ports::store(config)?.renew_epoch().await.context("noting that the store was restored")?;
    }
    let document = json!({ "migrated": true, "policies": policies, "to_be_run": to_be_run });
    output.print(&document, |line| {
        line("store and queue are ready");
        if !to_be_run.is_empty() {
            line("the broker's policies were not uploaded, because queue.management_url is not set. On the broker, run:");
            to_be_run.iter().for_each(|command| line(command));
        }
    });
    Ok(())
}

/// The store, for a command that works beside a running server.
///
/// # Errors
/// Where no installation is, its schema is not this build's, or the secret is not its own. Only `serve`, `migrate` and
/// `restore` create an installation: one that a command made by mistake would swallow keys and suppressions.
pub(crate) async fn open_store(config: &Config) -> anyhow::Result<Store> {
    require_installation(config)?;
    let store = ports::store(config)?;
    let [address, ..] = config.addresses();
    store.check().await.with_context(|| format!("the store {address}"))?;
    store.match_key().await?;
    Ok(store.as_actor(operator()))
}

/// Refuses a place in which nothing is installed.
pub(crate) fn require_installation(config: &Config) -> anyhow::Result<()> {
    let store = config.store_url();
    let Some(file) = store.strip_prefix("sqlite:").map(Path::new) else { return Ok(()) };
    let shown = || std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    if !file.exists() {
        return Err(UsageError::Arguments(format!(
            "there is no installation: the file {} does not exist. Name the folder of yours with --data or \
             LEADGATE_DATA; `leadgate serve` creates a new one",
            shown().display()
        ))
        .into());
    }
    if !secret::exists(config) {
        return Err(UsageError::Arguments(format!(
            "the secret of the store {} is missing: put the file `{}` back into {}, or set LEADGATE_SECRET",
            shown().display(),
            secret::FILE,
            config.data.display()
        ))
        .into());
    }
    Ok(())
}

/// Who sits at the command line, by the name that the system knows the process's user by.
fn operator() -> Actor {
    let user = uzers::get_current_username();
    Actor::at_command_line(user.as_deref().and_then(|name| name.to_str()))
}

/// The same as [`open_store`], for a command whose question may take the store a while.
pub(crate) async fn open_store_without_timeout(config: &Config) -> anyhow::Result<Store> {
    open_store(config).await?;
    Ok(ports::worker_store(config)?.as_actor(operator()))
}

/// What a setting becomes, by the option that sets it and by the one that clears it.
pub(crate) fn patch<T>(set: Option<T>, is_cleared: bool) -> Patch<T> {
    match set {
        Some(value) => Patch::Value(value),
        None if is_cleared => Patch::Null,
        None => Patch::Absent,
    }
}

/// What operations read submissions and judge leads by.
pub(crate) async fn judge_context(store: &Store, config: &Config) -> anyhow::Result<JudgeContext> {
    let directory = Directory::new(store.clone());
    directory.refresh().await?;
    let pipeline = Pipeline::new(store.match_key().await?).with_places(run::places(config)?);
    let pipeline = Arc::new(pipeline);
    Ok(JudgeContext { known: directory.snapshot(), pipeline })
}

/// Adds to an unknown id which command prints the known ones.
pub(crate) fn with_hint(owner: &Organization) -> impl Fn(OperationError) -> anyhow::Error {
    let name = owner.name.clone();
    move |error| {
        let OperationError::NotFound { kind, id } = &error else { return error.into() };
        let message = match kind {
            ResourceKind::Organization => return error.into(),
            ResourceKind::Key => return no_key(id).into(),
            ResourceKind::Source => format!(
                "`{name}` has no source {id}; `leadgate source list --organization {name}` prints its sources"
            ),
            ResourceKind::Lead => {
                format!("{error}; `leadgate lead list --organization {name}` prints the leads of `{name}`")
            }
            ResourceKind::Submission => format!(
                "the organization has no lead or submission {id}, or it still waits in the queue for a worker"
            ),
            ResourceKind::QuarantineEntry => format!(
                "`{name}` has no entry {id} in quarantine; `leadgate quarantine list --organization {name}` prints them"
            ),
            ResourceKind::MappingVersion => format!(
                "the source has no mapping of version {id}; `leadgate mapping list` prints its versions"
            ),
            ResourceKind::ScoringVersion => format!(
                "`{name}` has no scoring of version {id}; `leadgate score history` prints the versions"
            ),
        };
        UsageError::invalid_arguments(message).into()
    }
}

pub(crate) fn no_key(id: impl Display) -> UsageError {
    UsageError::invalid_arguments(format!(
        "there is no key {id}; `leadgate key list` prints the keys of an organization"
    ))
}
