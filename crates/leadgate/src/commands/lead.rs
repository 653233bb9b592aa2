//! `leadgate lead`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::explain::{self, Entry, ToldEntry};
use leadgate_domain::{
    AuditAction, Correction, Lead, LeadId, LeadStatus, OrganizationId, Outcome, SubmissionId, Timestamp,
    json as strict_json,
};
use leadgate_operations::leads;
use leadgate_store::{OutcomeRecord, Store, SubmissionRecord};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::arguments::id;
use super::erase::what_is_left;
use super::{Output, UsageError, judge_context, open_store, organization, saw};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a lead, by its id or the id of one of its submissions
    Show(Which),
    /// Explain what was decided about a submission and its lead, and why
    Trace(Which),
    /// Correct fields of a lead; the correction is in its history
    Update {
        #[command(flatten)]
        which: WhichLead,
        #[command(flatten)]
        changes: LeadChanges,
    },
    /// Set how far the work on a lead has come
    Status {
        #[command(flatten)]
        which: WhichLead,
        /// new, contacted, qualified, converted, closed, or a code of your own such as no_answer
        status: LeadStatus,
    },
    /// Delete a lead and empty its submissions; the person is not suppressed and may come again
    Delete(WhichLead),
}

#[derive(Args)]
pub(crate) struct LeadChanges {
    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// A field and its new value, such as company=Acme; may be given several times. Other users can see arguments in the
    /// process list: see --fields
    #[arg(long, value_name = "FIELD=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// A field to empty; may be given several times
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
    /// A file with the fields as a JSON object, in which null empties a field; `-` is standard input
    #[arg(long, value_name = "FILE")]
    fields: Option<PathBuf>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or("expected FIELD=VALUE, such as company=Acme")?;
    Ok((field.trim().to_owned(), value.to_owned()))
}

impl LeadChanges {
    /// Every field that is to be changed, with its value.
    fn read(&self) -> anyhow::Result<Map<String, Value>> {
        let mut fields = match &self.fields {
            None => Map::new(),
            Some(path) => {
                let text = if path.as_os_str() == "-" {
                    std::io::read_to_string(std::io::stdin()).context("standard input")?
                } else {
                    fs::read_to_string(path).with_context(|| format!("the file {}", path.display()))?
                };
                let document = strict_json::parse(text.as_bytes()).map_err(|fault| {
                    UsageError::wrong(format!("--fields, line {}: {}", fault.line, fault.code.detail()))
                })?;
                match document {
                    Value::Object(fields) => fields,
                    _ => bail!(UsageError::wrong(
                        r#"--fields: expected a JSON object, such as {"company": "Acme"}"#
                    )),
                }
            }
        };
        let set = self.set.iter().map(|(field, value)| (field.clone(), value.clone().into()));
        let cleared = self.clear.iter().map(|field| (field.clone(), Value::Null));
        for (field, value) in set.chain(cleared) {
            if fields.insert(field.clone(), value).is_some() {
                bail!(UsageError::wrong(format!("`{field}` is given twice")));
            }
        }
        Ok(fields)
    }
}

#[derive(Args)]
pub(crate) struct WhichLead {
    /// The id of a lead
    #[arg(value_parser = id)]
    id: Uuid,
    #[arg(long, value_name = "NAME")]
    organization: String,
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
        Command::Update { which, changes } => {
            let owner = organization(&store, &which.organization).await?;
            let (id, fields) = (LeadId::from_uuid(which.id), changes.read()?);
            let context = judge_context(&store, config).await?;
            let (lead, correction) =
                leads::update(&store, owner.id, id, fields, &changes.reason, &context).await?;
            let title = source_title(&store, &lead).await?;
            let shown = native::lead(&lead, correction, Outcome::Updated, &|_| title.clone());
            output.details(&shown);
        }
        Command::Status { which, status } => {
            let owner = organization(&store, &which.organization).await?;
            let lead = leads::set_status(&store, owner.id, LeadId::from_uuid(which.id), status).await?;
            output.print(&json!({ "id": lead.id, "status": lead.status }), |line| {
                line(&format!("lead {} is {}", lead.id, lead.status));
            });
        }
        Command::Delete(which) => {
            let owner = organization(&store, &which.organization).await?;
            let context = judge_context(&store, config).await?;
            let erased = leads::delete(&store, owner.id, LeadId::from_uuid(which.id), &context).await?;
            output.print(&json!({ "id": which.id, "deleted": true, "erased": erased }), |line| {
                line(&format!("lead {} is deleted, submissions emptied: {}", which.id, erased.submissions));
            });
            what_is_left(&erased, output);
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
        Some(lead) => {
            let title = source_title(store, lead).await?;
            serde_json::to_value(native::lead(lead, found.submission, outcome, &|_| title.clone()))?
        }
        None if found.erased_at.is_some() => serde_json::to_value(native::erased(found.submission, outcome))?,
        None => serde_json::to_value(native::without_lead(found.submission, outcome, found.quarantine))?,
    })
}

/// What the source of a lead is called, whether or not it is deleted.
async fn source_title(store: &Store, lead: &Lead) -> anyhow::Result<Option<String>> {
    Ok(store.source(lead.organization, lead.source).await?.map(|source| source.title()))
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
    let corrections = corrections(store, organization, LeadId::from_uuid(id)).await?;
    let shown = json!({
        "submission": submission, "received": received, "history": told, "corrections": corrections,
    });
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
        for Corrected { submission, at, by, reason } in &corrections {
            line("");
            line(&format!(
                "On {} the lead was corrected by the submission {submission}.",
                explain::date(*at)
            ));
            line(&format!("  made by      {by}"));
            line(&format!("  reason       {reason}"));
        }
    });
    Ok(())
}

/// A correction of a lead by an operator.
#[derive(Serialize)]
struct Corrected {
    submission: SubmissionId,
    at: Timestamp,
    by: String,
    reason: String,
}

/// Every correction of a lead, the oldest first; none for the id of a submission that created no lead.
async fn corrections(
    store: &Store,
    organization: OrganizationId,
    lead: LeadId,
) -> anyhow::Result<Vec<Corrected>> {
    let makers = store.makers(organization, &[lead]).await?;
    let corrected = makers.into_iter().filter_map(|maker| {
        let (submission, at) = (maker.submission.id, maker.submission.received_at);
        let Correction { by, reason, .. } = maker.submission.fields.correction?;
        Some(Corrected { submission, at, by, reason })
    });
    let mut corrected: Vec<_> = corrected.collect();
    corrected.sort_by_key(|one| (one.at, one.submission));
    Ok(corrected)
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
