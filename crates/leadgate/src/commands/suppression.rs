//! `leadgate suppression`.

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
    /// Suppress phones, emails or domains; stored leads with them are held at once
    Add {
        #[command(flatten)]
        values: SuppressionValueArguments,
        #[command(flatten)]
        terms: EntryArguments,
    },
    /// Remove suppressions; stored leads with them are decided again
    Remove {
        #[command(flatten)]
        values: SuppressionValueArguments,
        /// Only from this list
        #[arg(long, value_name = "NAME", value_parser = list_name)]
        list: Option<String>,
    },
    /// List the entries for these values, also expired ones
    Find {
        #[command(flatten)]
        values: SuppressionValueArguments,
    },
    /// List all entries that have not expired
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Suppress every row of a CSV file
    ///
    /// The result of each row is written to a file beside it. Exits with 2 if rows were refused; the others are
    /// imported.
    Import(import::ImportArguments),
}

#[derive(Args)]
pub(crate) struct SuppressionValueArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Phone number; can be repeated. `-` reads standard input, `@FILE` a file, one value per line: other users can see
    /// arguments in the process list
    #[arg(long, value_name = "PHONE")]
    phone: Vec<String>,
    /// Email address; can be repeated. `-` and `@FILE` as for --phone
    #[arg(long, value_name = "EMAIL")]
    email: Vec<String>,
    /// Domain, with all its subdomains; can be repeated
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    /// SHA-256 of a phone number in hex, as `suppression find` shows it; can be repeated
    #[arg(long, value_name = "DIGEST")]
    phone_sha256: Vec<String>,
    /// SHA-256 of an email address in lower case, in hex; can be repeated
    #[arg(long, value_name = "DIGEST")]
    email_sha256: Vec<String>,
    /// Region of phones without a country code, such as US [default: none]
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
}

/// What goes with entries that are added.
#[derive(Args)]
pub(crate) struct EntryArguments {
    /// List that they go on
    #[arg(long, value_name = "NAME", default_value = leadgate_domain::suppression::DEFAULT_LIST)]
    list: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// When they end: a time, a day, or how long, such as 90d [default: never]
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
    /// One request for each value. At least one is needed.
    fn requests(&self) -> anyhow::Result<Vec<SuppressionRequest>> {
        let blank = || SuppressionRequest { phone_country: self.region, ..SuppressionRequest::default() };
        let named =
            |values: &[String], request: fn(Option<String>, SuppressionRequest) -> SuppressionRequest| {
                values.iter().cloned().map(|value| request(Some(value), blank())).collect::<Vec<_>>()
            };
        let mut given = value_reader::ValueReader::default();
        let (phones, emails) = (given.read(&self.phone)?, given.read(&self.email)?);
        let requests = [
            named(&phones, |phone, blank| SuppressionRequest { phone, ..blank }),
            named(&emails, |email, blank| SuppressionRequest { email, ..blank }),
            named(&self.domain, |domain, blank| SuppressionRequest { domain, ..blank }),
            named(&self.phone_sha256, |phone_sha256, blank| SuppressionRequest { phone_sha256, ..blank }),
            named(&self.email_sha256, |email_sha256, blank| SuppressionRequest { email_sha256, ..blank }),
        ];
        let requests = requests.concat();
        ensure!(
            !requests.is_empty(),
            UsageError::invalid_arguments(
                "name a value by --phone, --email, --domain, --phone-sha256 or --email-sha256"
            )
        );
        Ok(requests)
    }
}

/// What entries are matched and stored leads are judged by.
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

/// Decides stored leads again that no index finds.
async fn rescreen(due: PendingRescreen) -> anyhow::Result<()> {
    let (bar, looked_at) = progress::counter("stored leads looked at");
    due.run(looked_at).await?;
    bar.finish_and_clear();
    Ok(())
}

pub(crate) async fn run(command: SuppressionCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let judging = RescreenContext::new(&store).await?;
    let RescreenContext { matching, judge } = &judging;
    match command {
        SuppressionCommand::Add { values, terms } => {
            let owner = organization(&store, &values.organization).await?;
            let terms = terms.defaults(values.region);
            let requests: Vec<_> =
                values.requests()?.into_iter().map(|request| terms.apply(request)).collect();
            let (listed, due) = suppressions::add(&store, owner.id, &requests, matching, judge).await?;
            rescreen(due).await?;
            let count = |wanted| listed.iter().filter(|listed| **listed == wanted).count();
            let (added, extended, kept) =
                (count(AddOutcome::Added), count(AddOutcome::Extended), count(AddOutcome::Kept));
            output.print(&json!({ "added": added, "extended": extended, "kept": kept }), |line| {
                line(&format!(
                    "{added} added, {extended} extended, {kept} there already; stored leads with them are held"
                ));
            });
        }
        SuppressionCommand::Remove { values, list } => {
            let owner = organization(&store, &values.organization).await?;
            let (requests, list) = (values.requests()?, list.as_deref());
            let (ended, due) =
                suppressions::remove(&store, owner.id, &requests, list, matching, judge).await?;
            rescreen(due).await?;
            let removed = ended.len();
            output.print(&json!({ "removed": removed }), |line| {
                line(&format!("{removed} no longer suppressed; stored leads with them were checked again"));
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
        SuppressionCommand::Import(import) => import::run(import, &store, &judging, output).await?,
    }
    Ok(())
}

fn print(entries: &[Suppression], output: &Output) {
    let now = Timestamp::now();
    let shown: Vec<_> = entries.iter().map(|entry| native::suppression(entry, now)).collect();
    let headers = ["kind", "value", "list", "added_at", "ends", "reason"];
    output.list("entries", &shown, headers, entries.iter().map(|entry| row(entry, now)));
}

fn row(entry: &Suppression, now: Timestamp) -> [String; 6] {
    let digest = if entry.form == SuppressionForm::Sha256 { " (SHA-256)" } else { "" };
    let value = entry.value.clone().unwrap_or_else(|| "(erased)".to_owned());
    let ends = match entry.expires_at {
        None => "never".to_owned(),
        Some(end) if entry.is_active_at(now) => end.to_string(),
        Some(end) => format!("{end} (ended)"),
    };
    let kind = format!("{}{digest}", entry.key.kind);
    [kind, value, entry.list.clone(), entry.added_at.to_string(), ends, cell(entry.reason.as_deref())]
}
