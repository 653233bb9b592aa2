//! The commands `leadgate lead list` and `leadgate lead search`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::str::FromStr;

use anyhow::anyhow;
use clap::Args;
use leadgate_dialect::native;
use leadgate_domain::{
    Eligibility, Email, Lead, LeadStatus, Organization, Phone, SourceId, Temperature, Timestamp,
};
use leadgate_operations::{leads, sources};
use leadgate_store::{ChangeCursor, LeadCursor, LeadFilter, Store};

use super::source_title;
use crate::commands::arguments::{count, eligibility, moment};
use crate::commands::{Output, UsageError, cell, organization, with_hint};

#[derive(Args)]
pub(crate) struct ListArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// received: newest first, by the receipt of the submission that created the lead; changed: the oldest change first
    #[arg(long, value_name = "ORDER", default_value = "received", value_parser = ["received", "changed"])]
    order: String,
    #[command(flatten)]
    filter: LeadFilterArguments,
    /// Maximum number of leads
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
    limit: u32,
    /// Next page: only leads after this cursor, which the previous page prints
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

#[derive(Args)]
pub(crate) struct LeadFilterArguments {
    /// Only leads that were created by submissions to this source
    #[arg(long, value_name = "ID")]
    source: Option<SourceId>,
    /// Only leads that may be called (eligible) or may not (held)
    #[arg(long, value_name = "ELIGIBILITY", value_parser = eligibility)]
    eligibility: Option<Eligibility>,
    /// Only hot, warm or cold leads
    #[arg(long, value_name = "TEMPERATURE", value_parser = temperature)]
    temperature: Option<Temperature>,
    /// Only leads with this status, such as new
    #[arg(long, value_name = "STATUS")]
    status: Option<LeadStatus>,
    /// Only leads with this tag, their own or one of their source
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only leads with this phone, with its country code, such as +14155550123
    #[arg(long, value_name = "PHONE", value_parser = phone)]
    phone: Option<Phone>,
    /// Only leads with this email
    #[arg(long, value_name = "EMAIL", value_parser = email)]
    email: Option<Email>,
    /// Only leads with this id in the sender's system
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Only leads received from this time on: 2026-01-31T00:00:00Z, 2026-01-31, or 2d for two days ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    received_after: Option<Timestamp>,
    /// Only leads received before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    received_before: Option<Timestamp>,
}

#[derive(Args)]
pub(crate) struct SearchArguments {
    /// Phone with its country code, email or external id
    text: String,
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Maximum number of leads
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
    limit: u32,
}

fn temperature(text: &str) -> Result<Temperature, String> {
    [Temperature::Hot, Temperature::Warm, Temperature::Cold]
        .into_iter()
        .find(|temperature| temperature.as_str() == text)
        .ok_or_else(|| "expected hot, warm or cold".to_owned())
}

fn phone(text: &str) -> Result<Phone, String> {
    Phone::parse(text, None)
        .map_err(|_| "expected a phone with its country code, such as +14155550123".to_owned())
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|problem| problem.to_string())
}

impl LeadFilterArguments {
    /// # Errors
    /// If the source does not exist.
    pub(super) async fn filter(&self, store: &Store, owner: &Organization) -> anyhow::Result<LeadFilter> {
        if let Some(source) = self.source {
            sources::find_any(store, owner.id, source).await.map_err(with_hint(owner))?;
        }
        Ok(LeadFilter {
            source: self.source,
            eligibility: self.eligibility,
            temperature: self.temperature,
            status: self.status.clone(),
            tag: self.tag.clone(),
            phone: self.phone.clone(),
            email: self.email.clone(),
            external_id: self.external_id.clone(),
            received_after: self.received_after,
            received_before: self.received_before,
        })
    }
}

pub(super) async fn list(arguments: &ListArguments, store: &Store, output: &Output) -> anyhow::Result<()> {
    let owner = organization(store, &arguments.organization).await?;
    let (filter, limit) = (arguments.filter.filter(store, &owner).await?, arguments.limit);
    if arguments.order == "changed" {
        let after = cursor::<ChangeCursor>(arguments)?;
        let page = leads::changes(store, owner.id, &filter, after, limit, store).await?;
        let next = page.next.map(|next| next.to_string());
        print(store, &page.data, next.as_deref(), output).await?;
        output.note(&format!("later changes: --after {}", next.unwrap_or_default()));
        return Ok(());
    }
    let page = leads::page(store, owner.id, &filter, cursor::<LeadCursor>(arguments)?, limit, store).await?;
    let next = page.next.map(|next| next.to_string());
    print(store, &page.data, next.as_deref(), output).await?;
    if let Some(next) = &next {
        output.note(&format!("there may be more leads: --after {next}"));
    }
    Ok(())
}

fn cursor<C: FromStr>(arguments: &ListArguments) -> anyhow::Result<Option<C>> {
    let cursor = arguments.after.as_deref().map(str::parse).transpose();
    cursor.map_err(|_| {
        anyhow!(UsageError::invalid_arguments("--after: expected the cursor that the previous page printed"))
    })
}

pub(super) async fn search(
    arguments: &SearchArguments,
    store: &Store,
    output: &Output,
) -> anyhow::Result<()> {
    let SearchArguments { text, organization: name, limit } = arguments;
    let owner = organization(store, name).await?;
    let found = leads::search(store, owner.id, text, *limit, store).await?;
    print(store, &found, None, output).await
}

async fn print(store: &Store, leads: &[Lead], next: Option<&str>, output: &Output) -> anyhow::Result<()> {
    let mut titles = BTreeMap::new();
    for lead in leads {
        if let Entry::Vacant(entry) = titles.entry(lead.source) {
            entry.insert(source_title(store, lead).await?);
        }
    }
    let title = |source| titles.get(&source).cloned().flatten();
    let document = native::lead_list_response(leads, next, &title);
    let rows = leads.iter().map(|lead| {
        let (phone, email) = (cell(lead.e164()), cell(lead.email_address()));
        let score = format!("{} {}", lead.score, lead.temperature.as_str());
        let (status, eligibility) = (lead.status.to_string(), lead.eligibility.as_str().to_owned());
        [lead.id.to_string(), lead.received_at.to_string(), status, eligibility, score, phone, email]
    });
    let headers = ["id", "received_at", "status", "eligibility", "score", "phone", "email"];
    output.list("leads", &document, headers, rows);
    Ok(())
}
