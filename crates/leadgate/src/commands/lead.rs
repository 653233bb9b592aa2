//! `leadgate lead`.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::explain::{self, Entry, ToldEntry};
use leadgate_domain::{AuditAction, OrganizationId, SubmissionId};
use leadgate_store::{OutcomeRecord, Store, SubmissionRecord};
use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::id;
use super::{Output, UsageError, open_store, organization, saw};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a lead, by its id or the id of one of its submissions
    Show(Which),
    /// Explain what was decided about a submission and its lead, and why
    Trace(Which),
}

#[derive(Args)]
pub(crate) struct Which {
    /// The id of a lead or a submission
    #[arg(value_parser = id)]
    id: Uuid,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::Show(which) => {
            let owner = organization(&store, &which.organization).await?;
            let shown = lead(&store, owner.id, which.id).await?;
            saw(&store, store.entry(owner.id, AuditAction::LeadRead).about(which.id)).await?;
            output.details(&shown);
        }
        Command::Trace(which) => {
            let owner = organization(&store, &which.organization).await?;
            trace(&store, owner.id, which.id, output).await?;
        }
    }
    Ok(())
}

fn no_lead(id: Uuid) -> UsageError {
    UsageError::wrong(format!(
        "the organization has no lead or submission {id}, or it still waits in the queue for a worker"
    ))
}

async fn lead(store: &Store, organization: OrganizationId, id: Uuid) -> anyhow::Result<Value> {
    let found = store.find(organization, id).await?.ok_or_else(|| no_lead(id))?;
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
    let record = record.ok_or_else(|| no_lead(id))?;
    saw(store, store.entry(organization, AuditAction::SubmissionRead).about(id)).await?;
    let source = store.source(organization, record.submission.source).await?.and_then(|source| source.name);
    let received = explain::received(&record.submission, source.as_deref());
    let entries: Vec<_> = record.outcomes.iter().map(|entry| explained(entry, &record)).collect();
    let history = explain::history(&entries);
    let told: Vec<_> =
        record.outcomes.iter().zip(&history).map(|(entry, told)| describe(entry, told)).collect();
    let shown = json!({ "submission": submission, "received": received, "history": told });
    output.print(&shown, |line| {
        line(&received);
        for ToldEntry { headline, stages } in &history {
            line("");
            line(headline);
            for told in stages {
                let stages = std::iter::once(told.stage).chain(std::iter::repeat(""));
                for (stage, sentence) in stages.zip(&told.sentences) {
                    line(&format!("  {stage:<12} {sentence}"));
                }
            }
        }
    });
    Ok(())
}

/// An entry of the history. Why a submission was put aside is kept of the last time.
fn explained<'t>(entry: &'t OutcomeRecord, record: &SubmissionRecord) -> Entry<'t> {
    let own = record.quarantine.iter().find(|own| own.id == record.submission.id.as_uuid());
    let last = record.outcome().is_some_and(|last| last.revision == entry.revision);
    let quarantine = own.filter(|_| last).map(|own| own.reason);
    Entry { outcome: entry.outcome, lead: entry.lead, quarantine, at: entry.decided_at, trace: &entry.trace }
}

fn describe(entry: &OutcomeRecord, told: &ToldEntry<'_>) -> Value {
    let stages = told.stages.iter().flat_map(|told| told.sentences.clone());
    json!({
        "outcome": entry.outcome,
        "lead": entry.lead,
        "decided_at": entry.decided_at,
        "trace": entry.trace,
        "explanation": stages.chain([told.headline.clone()]).collect::<Vec<_>>(),
    })
}
