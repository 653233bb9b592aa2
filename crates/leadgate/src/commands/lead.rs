//! `leadgate lead`.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::{OrganizationId, SubmissionId};
use leadgate_store::{OutcomeRecord, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Output, open_store, organization};
use crate::config::Config;

#[derive(Subcommand)]
pub enum Command {
    /// Print a lead, by its id or that of any of its submissions
    Show(Which),
    /// Print why a submission ended as it did, and what that means for its lead
    Trace(Which),
}

#[derive(Args)]
pub struct Which {
    id: Uuid,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::Show(which) => {
            let owner = organization(&store, &which.organization).await?;
            let shown = lead(&store, owner.id, which.id).await?;
            output.print(&shown, |line| {
                line(&serde_json::to_string_pretty(&shown).unwrap_or_default());
            });
        }
        Command::Trace(which) => {
            let owner = organization(&store, &which.organization).await?;
            trace(&store, owner.id, which.id, output).await?;
        }
    }
    Ok(())
}

async fn lead(store: &Store, organization: OrganizationId, id: Uuid) -> anyhow::Result<Value> {
    let Some(found) = store.find(organization, id).await? else {
        bail!("there is no lead or submission {id}")
    };
    let outcome = found.outcome.with_context(|| format!("{id} has no outcome"))?;
    Ok(match &found.lead {
        Some(lead) => serde_json::to_value(native::lead(lead, found.submission, outcome))?,
        None if found.erased_at.is_some() => serde_json::to_value(native::erased(found.submission, outcome))?,
        None => serde_json::to_value(native::leadless(found.submission, outcome, found.quarantine))?,
    })
}

async fn trace(store: &Store, organization: OrganizationId, id: Uuid, output: &Output) -> anyhow::Result<()> {
    let submission = SubmissionId::from_uuid(id);
    let record = store.submission(organization, submission).await?;
    let record = record.with_context(|| format!("there is no lead or submission {id}"))?;
    let history: Vec<_> = record.outcomes.iter().map(describe).collect();
    output.print(&json!({ "submission": submission, "history": history }), |line| {
        for entry in &record.outcomes {
            let lead = entry.lead.map(|lead| format!(", lead {lead}")).unwrap_or_default();
            line(&format!("{} {}{lead}", entry.decided_at, entry.outcome));
            for (stage, part) in entry.trace.stages() {
                line(&format!("  {stage:<12} {}", words(part)));
            }
        }
    });
    Ok(())
}

fn describe(entry: &OutcomeRecord) -> Value {
    json!({
        "outcome": entry.outcome,
        "lead": entry.lead,
        "decided_at": entry.decided_at,
        "trace": entry.trace,
    })
}

/// A stage's part without the punctuation of JSON.
fn words(part: &Value) -> String {
    match part {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "nothing found".to_owned(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(map) => {
            let entries = map.iter().filter(|(_, value)| !value.is_null());
            entries.map(|(key, value)| format!("{key}: {}", words(value))).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}
