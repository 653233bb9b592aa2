//! The command `leadgate suppression`.

mod import;

use std::sync::Arc;

use anyhow::ensure;
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::secret::MatchKey;
use leadgate_domain::suppression::{SuppressionRequest, list_name};
use leadgate_domain::{Judge, Region, Suppression, SuppressionForm, Timestamp};
use leadgate_operations::suppressions::{self, ImportDefaults, PendingRescreen};
use leadgate_pipeline::Pipeline;
use leadgate_store::{AddOutcome, Store};
use serde_json::json;

use super::{Output, UsageError, cell, open_store, organization, progress, value_reader};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum SuppressionCommand {
    /// Suppress phones, emails or domains; stored leads with these values are held at once
    Add {
        #[command(flatten)]
        values: SuppressionValueArguments,
        #[command(flatten)]
        terms: EntryArguments,
    },
    /// Remove suppression entries; stored leads with these values are screened again
    Remove {
        #[command(flatten)]
        values: SuppressionValueArguments,
        /// Remove the entries of this list only [default: of all lists]
        #[arg(long, value_name = "NAME", value_parser = list_name)]
        list: Option<String>,
    },
    /// List the entries for given values, including expired ones
    Find {
        #[command(flatten)]
        values: SuppressionValueArguments,
    },
    /// List all entries that have not expired
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Import a suppression list from a CSV file
    ///
    /// The result of each row is written to a file next to it. The exit code is 2 if rows were refused; the
    /// other rows are imported.
    Import(import::ImportArguments),
}

#[derive(Args)]
pub(crate) struct SuppressionValueArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Phone number; can be repeated. `-` reads standard input and `@FILE` a file with one value per line,
    /// because other users of the machine can see arguments in the process list
    #[arg(long, value_name = "PHONE")]
    phone: Vec<String>,
    /// Email address; can be repeated. `-` and `@FILE` are read as for --phone
    #[arg(long, value_name = "EMAIL")]
    email: Vec<String>,
    /// Domain, with all its subdomains; can be repeated
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    /// SHA-256 of a phone number in hexadecimal, as `suppression find` prints it; can be repeated
    #[arg(long, value_name = "DIGEST")]
    phone_sha256: Vec<String>,
    /// SHA-256 of an email address in lower case, in hexadecimal; can be repeated
    #[arg(long, value_name = "DIGEST")]
    email_sha256: Vec<String>,
    /// Region of phones without a country code, such as US [default: none]
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
}

/// The list, reason and expiry of new entries.
#[derive(Args)]
pub(crate) struct EntryArguments {
    /// List to which the entries are added
    #[arg(long, value_name = "NAME", default_value = leadgate_domain::suppression::DEFAULT_LIST)]
    list: String,
    /// Reason, which is stored with the entries
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// When the entries expire: a time, a day, or a length of time such as 90d [default: never]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

impl EntryArguments {
    fn defaults(self, phone_country: Option<Region>) -> ImportDefaults {
        let Self { list, reason, expires: expires_at } = self;
        ImportDefaults { list: Some(list), reason, expires_at, phone_country }
    }
}

impl SuppressionValueArguments {
    /// One request for each value.
    ///
    /// # Errors
    /// If there is no value.
    fn requests(&self) -> anyhow::Result<Vec<SuppressionRequest>> {
        let blank = || SuppressionRequest { phone_country: self.region, ..SuppressionRequest::default() };
        let for_each =
            |values: &[String], request: fn(Option<String>, SuppressionRequest) -> SuppressionRequest| {
                values.iter().cloned().map(|value| request(Some(value), blank())).collect::<Vec<_>>()
            };
        let mut reader = value_reader::ValueReader::default();
        let (phones, emails) = (reader.read(&self.phone)?, reader.read(&self.email)?);
        let requests = [
            for_each(&phones, |phone, blank| SuppressionRequest { phone, ..blank }),
            for_each(&emails, |email, blank| SuppressionRequest { email, ..blank }),
            for_each(&self.domain, |domain, blank| SuppressionRequest { domain, ..blank }),
            for_each(&self.phone_sha256, |phone_sha256, blank| SuppressionRequest { phone_sha256, ..blank }),
            for_each(&self.email_sha256, |email_sha256, blank| SuppressionRequest { email_sha256, ..blank }),
        ];
        let requests = requests.concat();
        ensure!(
            !requests.is_empty(),
            UsageError::invalid_arguments(
                "no value is given: use --phone, --email, --domain, --phone-sha256 or --email-sha256"
            )
        );
        Ok(requests)
    }
}

/// The match key for entries, and the judge for stored leads that are screened again.
struct RescreenContext {
    matching: MatchKey,
    judge: Arc<dyn Judge>,
}

impl RescreenContext {
    async fn new(store: &Store) -> anyhow::Result<Self> {
        let matching = store.match_key().await?;
        Ok(Self { judge: Arc::new(Pipeline::new(matching.clone())), matching })
    }
}

/// Screens stored leads again that no index finds.
async fn rescreen(pending: PendingRescreen) -> anyhow::Result<()> {
    let (bar, count) = progress::counter("stored leads screened");
    pending.run(count).await?;
    bar.finish_and_clear();
    Ok(())
}

pub(crate) async fn run(command: SuppressionCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let context = RescreenContext::new(&store).await?;
    let RescreenContext { matching, judge } = &context;
    match command {
        SuppressionCommand::Add { values, terms } => {
            let owner = organization(&store, &values.organization).await?;
            let terms = terms.defaults(values.region);
            let requests: Vec<_> =
                values.requests()?.into_iter().map(|request| terms.apply(request)).collect();
            let (outcomes, pending) = suppressions::add(&store, owner.id, &requests, matching, judge).await?;
            rescreen(pending).await?;
            let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
            let (added, extended, already_listed) =
                (count(AddOutcome::Added), count(AddOutcome::Extended), count(AddOutcome::AlreadyListed));
            let counts = json!({ "added": added, "extended": extended, "already_listed": already_listed });
            output.print(&counts, |line| {
                line(&format!(
                    "{added} added, {extended} extended, {already_listed} already listed; stored leads with these values are held"
                ));
            });
        }
        SuppressionCommand::Remove { values, list } => {
            let owner = organization(&store, &values.organization).await?;
            let (requests, list) = (values.requests()?, list.as_deref());
            let (removed, pending) =
                suppressions::remove(&store, owner.id, &requests, list, matching, judge).await?;
            rescreen(pending).await?;
            let removed = removed.len();
            output.print(&json!({ "removed": removed }), |line| {
                line(&format!("{removed} removed; stored leads with these values were screened again"));
            });
        }
        SuppressionCommand::Find { values } => {
            let owner = organization(&store, &values.organization).await?;
            let requests = values.requests()?;
            print(&suppressions::find(&store, owner.id, &requests, matching, &store).await?, output);
        }
        SuppressionCommand::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            print(&suppressions::list(&store, owner.id, &store).await?, output);
        }
        SuppressionCommand::Import(import) => import::run(import, &store, &context, output).await?,
    }
    Ok(())
}

fn print(entries: &[Suppression], output: &Output) {
    let now = Timestamp::now();
    let shown: Vec<_> = entries.iter().map(|entry| native::suppression_response(entry, now)).collect();
    let headers = ["kind", "value", "list", "added_at", "expires_at", "reason"];
    output.list("entries", &shown, headers, entries.iter().map(|entry| row(entry, now)));
}

fn row(entry: &Suppression, now: Timestamp) -> [String; 6] {
    let digest = if entry.form == SuppressionForm::Sha256 { " (SHA-256)" } else { "" };
    let value = entry.value.clone().unwrap_or_else(|| "(erased)".to_owned());
    let expires_at = match entry.expires_at {
        None => "never".to_owned(),
        Some(end) if entry.is_active_at(now) => end.to_string(),
        Some(end) => format!("{end} (expired)"),
    };
    let kind = format!("{}{digest}", entry.key.kind);
    let added_at = entry.added_at.to_string();
    [kind, value, entry.list.clone(), added_at, expires_at, cell(entry.reason.as_deref())]
}
