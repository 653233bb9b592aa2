//! The command `leadgate lead`.

mod export;
mod list;
mod validate;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use export::LeadExportArguments;
use leadgate_dialect::native;
use leadgate_domain::explain::{self, EntryExplanation};
use leadgate_domain::{Lead, LeadId, LeadStatus, Outcome, SubmissionId, json as strict_json};
use leadgate_operations::leads::{self, AppliedCorrection, SubmissionHistory};
use leadgate_store::{OutcomeRecord, Store, SubmissionOrLead, SubmissionRecord};
use list::{ListArguments, SearchArguments};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use validate::ValidateArguments;

use super::arguments::id;
use super::erase::print_remaining;
use super::{Output, UsageError, files, judge_context, open_store, organization, with_hint};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum LeadCommand {
    /// List the leads of an organization, newest first (by the receipt of the submission that created the lead)
    List(Box<ListArguments>),
    /// Export leads as CSV or NDJSON, newest first
    Export(Box<LeadExportArguments>),
    /// Find leads by a phone, an email or an external id
    Search(SearchArguments),
    /// Print a lead, by its id or the id of one of its submissions
    Show(LeadOrSubmissionArguments),
    /// Show what Leadgate would decide about leads if they were posted now; nothing is stored
    Validate(ValidateArguments),
    /// Explain the decisions about a submission and its lead
    Trace(LeadOrSubmissionArguments),
    /// Correct fields of a lead; its history records the correction
    Update {
        #[command(flatten)]
        which: LeadArguments,
        #[command(flatten)]
        changes: LeadChangeArguments,
    },
    /// Set the status of a lead
    Status {
        #[command(flatten)]
        which: LeadArguments,
        /// new, contacted, qualified, converted, closed, or a custom code such as no_answer
        status: LeadStatus,
    },
    /// Delete a lead and erase its submissions; the person is not suppressed
    Delete(LeadArguments),
}

#[derive(Args)]
pub(crate) struct LeadChangeArguments {
    /// Reason, which is stored with the correction
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Field and its new value, such as company=Acme; can be repeated. Other users of the machine can see
    /// arguments in the process list; --fields avoids that
    #[arg(long, value_name = "FIELD=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Field to empty; can be repeated
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
    /// File with the fields as a JSON object, in which null empties a field; `-` is standard input
    #[arg(long, value_name = "FILE")]
    fields: Option<PathBuf>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or("expected FIELD=VALUE, such as company=Acme")?;
    Ok((field.trim().to_owned(), value.to_owned()))
}

impl LeadChangeArguments {
    /// All fields to change, with their new values.
    fn read(&self) -> anyhow::Result<Map<String, Value>> {
        let mut fields = match &self.fields {
            None => Map::new(),
            Some(path) => {
                let text = if path.as_os_str() == "-" {
                    std::io::read_to_string(std::io::stdin()).context("reading standard input")?
                } else {
                    files::text(path, "fields of a lead as a JSON object")?
                };
                let document = strict_json::parse(text.as_bytes()).map_err(|fault| {
                    UsageError::invalid_arguments(format!(
                        "--fields, line {}: {}",
                        fault.line,
                        fault.code.detail()
                    ))
                })?;
                match document {
                    Value::Object(fields) => fields,
                    _ => bail!(UsageError::invalid_arguments(
                        r#"--fields: expected a JSON object, such as {"company": "Acme"}"#
                    )),
                }
            }
        };
        let set = self.set.iter().map(|(field, value)| (field.clone(), value.clone().into()));
        let cleared = self.clear.iter().map(|field| (field.clone(), Value::Null));
        for (field, value) in set.chain(cleared) {
            if fields.insert(field.clone(), value).is_some() {
                bail!(UsageError::invalid_arguments(format!(
                    "the field `{field}` is given twice; give each field once"
                )));
            }
        }
        Ok(fields)
    }
}

#[derive(Args)]
pub(crate) struct LeadArguments {
    /// Id of a lead
    #[arg(value_parser = id)]
    id: Uuid,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Args)]
pub(crate) struct LeadOrSubmissionArguments {
    /// Id of a lead or a submission
    #[arg(value_parser = id)]
    id: Uuid,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

pub(crate) async fn run(command: LeadCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        LeadCommand::List(arguments) => list::list(&arguments, &store, output).await?,
        LeadCommand::Export(arguments) => export::export(&arguments, &store, output).await?,
        LeadCommand::Search(arguments) => list::search(&arguments, &store, output).await?,
        LeadCommand::Validate(arguments) => validate::run(arguments, &store, config, output).await?,
        LeadCommand::Show(which) => {
            let owner = organization(&store, &which.organization).await?;
            let found = leads::show(&store, owner.id, which.id, &store).await.map_err(with_hint(&owner))?;
            output.details(&document(&store, &found).await?);
        }
        LeadCommand::Update { which, changes } => {
            let owner = organization(&store, &which.organization).await?;
            let (id, fields) = (LeadId::from_uuid(which.id), changes.read()?);
            let context = judge_context(&store, config).await?;
            let updated = leads::update(&store, owner.id, id, fields, &changes.reason, &context).await;
            let (lead, correction) = updated.map_err(with_hint(&owner))?;
            let title = source_title(&store, &lead).await?;
            let shown = native::lead_response(&lead, correction, Outcome::Updated, &|_| title.clone());
            output.details(&shown);
        }
        LeadCommand::Status { which, status } => {
            let owner = organization(&store, &which.organization).await?;
            let set = leads::set_status(&store, owner.id, LeadId::from_uuid(which.id), status).await;
            let lead = set.map_err(with_hint(&owner))?;
            output.print(&json!({ "id": lead.id, "status": lead.status }), |line| {
                line(&format!("lead {} has the status {}", lead.id, lead.status));
            });
        }
        LeadCommand::Delete(which) => {
            let owner = organization(&store, &which.organization).await?;
            let context = judge_context(&store, config).await?;
            let deleted = leads::delete(&store, owner.id, LeadId::from_uuid(which.id), &context).await;
            let erased = deleted.map_err(with_hint(&owner))?;
            output.print(&json!({ "id": which.id, "deleted": true, "erased": erased }), |line| {
                line(&format!("lead {} is deleted, submissions erased: {}", which.id, erased.submissions));
            });
            print_remaining(&erased, output);
        }
        LeadCommand::Trace(which) => {
            let owner = organization(&store, &which.organization).await?;
            let id = SubmissionId::from_uuid(which.id);
            let history = leads::history(&store, owner.id, id, &store).await.map_err(with_hint(&owner))?;
            trace(&history, output);
        }
    }
    Ok(())
}

async fn document(store: &Store, found: &SubmissionOrLead) -> anyhow::Result<Value> {
    let outcome = found.outcome.with_context(|| format!("{} has no outcome", found.submission))?;
    Ok(match &found.lead {
        Some(lead) => {
            let title = source_title(store, lead).await?;
            serde_json::to_value(native::lead_response(lead, found.submission, outcome, &|_| title.clone()))?
        }
        None if found.erased_at.is_some() => {
            serde_json::to_value(native::erased_response(found.submission, outcome))?
        }
        None => serde_json::to_value(native::no_lead_response(found.submission, outcome, found.quarantine))?,
    })
}

/// The display name of a lead's source, also of a deleted one.
async fn source_title(store: &Store, lead: &Lead) -> anyhow::Result<Option<String>> {
    Ok(store.source(lead.organization, lead.source).await?.map(|source| source.display_name()))
}

fn trace(SubmissionHistory { record, source, corrections }: &SubmissionHistory, output: &Output) {
    let submission = record.submission.id;
    let received = explain::receipt_sentence(&record.submission, source.as_deref());
    let entries: Vec<_> = record.outcomes.iter().map(|entry| history_entry(entry, record)).collect();
    let explanations = explain::history(&entries);
    let history: Vec<_> = record
        .outcomes
        .iter()
        .zip(&explanations)
        .map(|(entry, explanation)| describe(entry, explanation))
        .collect();
    let document = json!({
        "submission": submission, "received": received, "history": history, "corrections": corrections,
    });
    output.print(&document, |line| {
        line(&received);
        for EntryExplanation { headline, stages } in &explanations {
            line("");
            line(headline);
            for explanation in stages {
                // Only the first sentence of a stage has the name of the stage in front of it.
                let names = std::iter::once(explanation.stage).chain(std::iter::repeat(""));
                for (name, sentence) in names.zip(&explanation.sentences) {
                    line(&format!("  {name:<12} {sentence}"));
                }
            }
        }
        for AppliedCorrection { submission, at, by, reason } in corrections {
            line("");
            line(&format!(
                "On {} the lead was corrected by the submission {submission}.",
                explain::date(*at)
            ));
            line(&format!("  made by      {by}"));
            line(&format!("  reason       {reason}"));
        }
    });
}

/// An entry of the history. Only the last entry has the reason of the quarantine, because the store keeps one
/// reason.
fn history_entry<'t>(entry: &'t OutcomeRecord, record: &SubmissionRecord) -> explain::HistoryEntry<'t> {
    let quarantined = record.quarantine.iter().find(|entry| entry.id == record.submission.id.as_uuid());
    let is_last = record.outcome().is_some_and(|last| last.revision == entry.revision);
    let quarantine = quarantined.filter(|_| is_last).map(|entry| entry.reason);
    let (outcome, lead, at) = (entry.outcome, entry.lead, entry.decided_at);
    explain::HistoryEntry { outcome, lead, quarantine, at, trace: &entry.trace }
}

fn describe(entry: &OutcomeRecord, explanation: &EntryExplanation<'_>) -> Value {
    let sentences = explanation.stages.iter().flat_map(|stage| stage.sentences.clone());
    json!({
        "outcome": entry.outcome,
        "lead": entry.lead,
        "decided_at": entry.decided_at,
        "trace": entry.trace,
        "explanation": sentences.chain([explanation.headline.clone()]).collect::<Vec<_>>(),
    })
}
