//! The command `leadgate retention`.

use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::{Args, Subcommand};
use leadgate_dialect::native::{self, RetentionResponse};
use leadgate_domain::{DurationOrForever, Retention};
use leadgate_operations::retention::{self, RetentionChanges};
use leadgate_store::{Store, SweepResult};
use serde_json::json;

use super::{Output, UsageError, open_store, organization};
use crate::config::Config;

/// Long enough for one sweep to erase all expired data.
const SWEEP_TIME_LIMIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Subcommand)]
pub(crate) enum RetentionCommand {
    /// Set how long data is kept; what is not given stays as it is
    Set(SetRetentionArguments),
    /// Erase expired data of all organizations now; workers do this every five minutes
    Sweep,
    /// Print how long data is kept
    Show {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
}

#[derive(Args)]
pub(crate) struct SetRetentionArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Maximum age of submission bodies since their receipt, such as 400d, or `ever`
    #[arg(long, value_name = "AGE")]
    submissions: Option<DurationOrForever>,
    /// Maximum age of leads since their last update, such as 400d, or `ever`
    #[arg(long, value_name = "AGE")]
    leads: Option<DurationOrForever>,
    /// Maximum age of quarantine entries since their creation, such as 90d, or `ever`
    #[arg(long, value_name = "AGE")]
    quarantine: Option<DurationOrForever>,
    /// Maximum age of entries of the audit log, such as 400d, or `ever`
    #[arg(long, value_name = "AGE")]
    audit: Option<DurationOrForever>,
    /// Maximum age of events, with their deliveries and attempts, such as 90d, or `ever` [default: 30d]
    #[arg(long, value_name = "AGE")]
    events: Option<DurationOrForever>,
}

pub(crate) async fn run(command: RetentionCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let retention = match &command {
        RetentionCommand::Sweep => return sweep(&store, output).await,
        RetentionCommand::Show { organization: name } => {
            let owner = organization(&store, name).await?;
            retention::show(&store, owner.id).await?
        }
        RetentionCommand::Set(SetRetentionArguments {
            organization: name,
            submissions,
            leads,
            quarantine,
            audit,
            events,
        }) => {
            let owner = organization(&store, name).await?;
            let changes = RetentionChanges {
                submissions: *submissions,
                leads: *leads,
                quarantine: *quarantine,
                audit: *audit,
                events: *events,
            };
            ensure!(
                !changes.is_empty(),
                UsageError::invalid_arguments(
                    "no setting is given: use --submissions, --leads, --quarantine, --audit or --events"
                )
            );
            retention::set(&store, owner.id, changes).await?
        }
    };
    show(retention, output);
    Ok(())
}

async fn sweep(store: &Store, output: &Output) -> anyhow::Result<()> {
    let SweepResult { submissions, leads, quarantined, audited, events, .. } =
        store.sweep_retention(Instant::now() + SWEEP_TIME_LIMIT).await?;
    let document = json!({
        "submissions": submissions, "leads": leads, "quarantined": quarantined, "audited": audited,
        "events": events,
    });
    let counts = [
        ("submissions erased", submissions),
        ("leads deleted", leads),
        ("quarantine entries erased", quarantined),
        ("audit log entries deleted", audited),
        ("events deleted", events),
    ];
    output.pairs(&document, counts.map(|(name, count)| (name, count.to_string())));
    Ok(())
}

fn show(retention: Retention, output: &Output) {
    let shown = native::retention_response(retention);
    let RetentionResponse { submissions, leads, quarantine, audit, events } = &shown;
    let ages = [
        ("submissions", submissions),
        ("leads", leads),
        ("quarantine", quarantine),
        ("audit", audit),
        ("events", events),
    ];
    output.pairs(&shown, ages.map(|(name, age)| (name, age.clone())));
}
