//! `leadgate lead`.

mod validate;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::explain::{self, EntryExplanation};
use leadgate_domain::{Lead, LeadId, LeadStatus, Outcome, SourceId, SubmissionId, json as strict_json};
use leadgate_operations::leads::{self, AppliedCorrection, SubmissionHistory};
use leadgate_operations::sources;
use leadgate_store::{LeadCursor, OutcomeRecord, Page, Store, SubmissionOrLead, SubmissionRecord};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use validate::ValidateArguments;

use super::arguments::{count, id};
use super::erase::print_remaining;
use super::{Output, UsageError, cell, files, judge_context, open_store, organization, with_hint};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum LeadCommand {
    /// List the leads of an organization, the newest first
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Only leads that first came in by this source
        #[arg(long, value_name = "ID")]
        source: Option<SourceId>,
        /// How many leads at most
        #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
        limit: u32,
        /// Only leads after this place: the next page
        #[arg(long, value_name = "PLACE")]
        after: Option<LeadCursor>,
    },
    /// Print a lead, by its id or the id of one of its submissions
    Show(LeadOrSubmissionArguments),
    /// Say what would become of leads if they were posted now, and store nothing
    Validate(ValidateArguments),
    /// Explain what was decided about a submission and its lead, and why
    Trace(LeadOrSubmissionArguments),
    /// Correct fields of a lead; the correction is in its history
    Update {
        #[command(flatten)]
        which: LeadArguments,
        #[command(flatten)]
        changes: LeadChangeArguments,
    },
    /// Set how far the work on a lead has come
    Status {
        #[command(flatten)]
        which: LeadArguments,
        /// new, contacted, qualified, converted, closed, or a code of your own such as no_answer
        status: LeadStatus,
    },
    /// Delete a lead and empty its submissions; the person is not suppressed and may come again
    Delete(LeadArguments),
}

#[derive(Args)]
pub(crate) struct LeadChangeArguments {
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

impl LeadChangeArguments {
    /// Every field that is to be changed, with its value.
    fn read(&self) -> anyhow::Result<Map<String, Value>> {
        let mut fields = match &self.fields {
            None => Map::new(),
            Some(path) => {
                let text = if path.as_os_str() == "-" {
                    std::io::read_to_string(std::io::stdin()).context("standard input")?
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
                bail!(UsageError::invalid_arguments(format!("`{field}` is given twice")));
            }
        }
        Ok(fields)
    }
}

#[derive(Args)]
pub(crate) struct LeadArguments {
    /// The id of a lead
    #[arg(value_parser = id)]
    id: Uuid,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Args)]
pub(crate) struct LeadOrSubmissionArguments {
    /// The id of a lead or a submission
    #[arg(value_parser = id)]
    id: Uuid,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

pub(crate) async fn run(command: LeadCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        LeadCommand::List { organization: name, source, limit, after } => {
            let owner = organization(&store, &name).await?;
            if let Some(source) = source {
                sources::find_any(&store, owner.id, source).await.map_err(with_hint(&owner))?;
            }
            let page = leads::page(&store, owner.id, source, after, limit, &store).await?;
            list(&store, &page, output).await?;
        }
        LeadCommand::Validate(asked) => validate::run(asked, &store, config, output).await?,
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
            let shown = native::lead(&lead, correction, Outcome::Updated, &|_| title.clone());
            output.details(&shown);
        }
        LeadCommand::Status { which, status } => {
            let owner = organization(&store, &which.organization).await?;
            let set = leads::set_status(&store, owner.id, LeadId::from_uuid(which.id), status).await;
            let lead = set.map_err(with_hint(&owner))?;
            output.print(&json!({ "id": lead.id, "status": lead.status }), |line| {
                line(&format!("lead {} is {}", lead.id, lead.status));
            });
        }
        LeadCommand::Delete(which) => {
            let owner = organization(&store, &which.organization).await?;
            let context = judge_context(&store, config).await?;
            let deleted = leads::delete(&store, owner.id, LeadId::from_uuid(which.id), &context).await;
            let erased = deleted.map_err(with_hint(&owner))?;
            output.print(&json!({ "id": which.id, "deleted": true, "erased": erased }), |line| {
                line(&format!("lead {} is deleted, submissions emptied: {}", which.id, erased.submissions));
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

async fn list(store: &Store, page: &Page<Lead, LeadCursor>, output: &Output) -> anyhow::Result<()> {
    let mut titles = BTreeMap::new();
    for lead in &page.data {
        if let Entry::Vacant(entry) = titles.entry(lead.source) {
            entry.insert(source_title(store, lead).await?);
        }
    }
    let next = page.next.map(|next| next.to_string());
    let title = |source| titles.get(&source).cloned().flatten();
    let document = native::page(&page.data, next.as_deref(), &title);
    let rows = page.data.iter().map(|lead| {
        let (phone, email) = (cell(lead.e164()), cell(lead.email_address()));
        let score = format!("{} {}", lead.score, lead.temperature.as_str());
        let (status, eligibility) = (lead.status.to_string(), lead.eligibility.as_str().to_owned());
        [lead.id.to_string(), lead.received_at.to_string(), status, eligibility, score, phone, email]
    });
    let headers = ["id", "received_at", "status", "eligibility", "score", "phone", "email"];
    output.list("leads", &document, headers, rows);
    if let Some(next) = &next {
        output.note(&format!("there are more leads: --after {next}"));
    }
    Ok(())
}

async fn document(store: &Store, found: &SubmissionOrLead) -> anyhow::Result<Value> {
    let outcome = found.outcome.with_context(|| format!("{} has no outcome", found.submission))?;
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
    Ok(store.source(lead.organization, lead.source).await?.map(|source| source.display_name()))
}

fn trace(SubmissionHistory { record, source, corrections }: &SubmissionHistory, output: &Output) {
    let submission = record.submission.id;
    let received = explain::receipt_sentence(&record.submission, source.as_deref());
    let entries: Vec<_> = record.outcomes.iter().map(|entry| explained(entry, record)).collect();
    let history = explain::history(&entries);
    let told: Vec<_> =
        record.outcomes.iter().zip(&history).map(|(entry, told)| describe(entry, told)).collect();
    let shown = json!({
        "submission": submission, "received": received, "history": told, "corrections": corrections,
    });
    output.print(&shown, |line| {
        line(&received);
        for EntryExplanation { headline, stages } in &history {
            line("");
            line(headline);
            for told in stages {
                let stages = std::iter::once(told.stage).chain(std::iter::repeat(""));
                for (stage, sentence) in stages.zip(&told.sentences) {
                    line(&format!("  {stage:<12} {sentence}"));
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

/// An entry of the history. Why a submission was put aside is kept of the last time.
fn explained<'t>(entry: &'t OutcomeRecord, record: &SubmissionRecord) -> explain::HistoryEntry<'t> {
    let own = record.quarantine.iter().find(|own| own.id == record.submission.id.as_uuid());
    let last = record.outcome().is_some_and(|last| last.revision == entry.revision);
    let quarantine = own.filter(|_| last).map(|own| own.reason);
    let (outcome, lead, at) = (entry.outcome, entry.lead, entry.decided_at);
    explain::HistoryEntry { outcome, lead, quarantine, at, trace: &entry.trace }
}

fn describe(entry: &OutcomeRecord, told: &EntryExplanation<'_>) -> Value {
    let stages = told.stages.iter().flat_map(|told| told.sentences.clone());
    json!({
        "outcome": entry.outcome,
        "lead": entry.lead,
        "decided_at": entry.decided_at,
        "trace": entry.trace,
        "explanation": stages.chain([told.headline.clone()]).collect::<Vec<_>>(),
    })
}
