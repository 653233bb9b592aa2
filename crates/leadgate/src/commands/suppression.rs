//! `leadgate suppression`.

mod decoded;
mod import;
mod rows;

use std::sync::Arc;

use anyhow::ensure;
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::secret::MatchKey;
use leadgate_domain::suppression::{SuppressionRequest, list_name};
use leadgate_domain::{AuditAction, Judge, Organization, Region, Suppression, SuppressionForm, Timestamp};
use leadgate_pipeline::Pipeline;
use leadgate_store::{Listed, Store};
use serde_json::json;

use super::{Output, UsageError, cell, open_store, organization, progress, saw, values};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Suppress phones, emails or domains; stored leads with them are held at once
    Add {
        #[command(flatten)]
        values: Values,
        #[command(flatten)]
        terms: Terms,
    },
    /// Remove suppressions; stored leads with them are decided again
    Remove {
        #[command(flatten)]
        values: Values,
        /// Only from this list
        #[arg(long, value_name = "NAME", value_parser = list_name)]
        list: Option<String>,
    },
    /// List the entries for these values, also expired ones
    Find {
        #[command(flatten)]
        values: Values,
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
    Import(import::Import),
}

#[derive(Args)]
pub(crate) struct Values {
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
#[derive(Args, Clone)]
pub(crate) struct Terms {
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

impl Terms {
    fn of(&self, request: SuppressionRequest) -> SuppressionRequest {
        SuppressionRequest {
            list: request.list.or_else(|| Some(self.list.clone())),
            reason: request.reason.or_else(|| self.reason.clone()),
            expires_at: request.expires_at.or_else(|| self.expires.clone()),
            ..request
        }
    }
}

impl Values {
    /// One request for each value. At least one is needed.
    fn requests(&self) -> anyhow::Result<Vec<SuppressionRequest>> {
        let blank = || SuppressionRequest { phone_country: self.region, ..SuppressionRequest::default() };
        let named =
            |values: &[String], request: fn(Option<String>, SuppressionRequest) -> SuppressionRequest| {
                values.iter().cloned().map(|value| request(Some(value), blank())).collect::<Vec<_>>()
            };
        let mut given = values::ValueArguments::default();
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
            UsageError::wrong("name a value by --phone, --email, --domain, --phone-sha256 or --email-sha256")
        );
        Ok(requests)
    }
}

/// What every subcommand works with.
struct Desk {
    store: Store,
    matching: MatchKey,
    judge: Arc<dyn Judge>,
}

impl Desk {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let store = open_store(config).await?;
        let matching = store.match_key().await?;
        let judge = Arc::new(Pipeline::new(matching.clone()));
        Ok(Self { store, matching, judge })
    }

    /// Lets stored leads learn of what no index finds.
    async fn rescreen(&self, owner: &Organization) -> anyhow::Result<()> {
        if !self.store.has_pending(owner.id).await? {
            return Ok(());
        }
        let bar = progress::counting("stored leads looked at");
        let looked_at = |more| bar.inc(u64::try_from(more).unwrap_or(0));
        self.store.rescreen(owner.id, Arc::clone(&self.judge), looked_at).await?;
        bar.finish_and_clear();
        Ok(())
    }
}

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let desk = Desk::open(config).await?;
    match command {
        Command::Add { values, terms } => add(&desk, &values, &terms, output).await,
        Command::Remove { values, list } => remove(&desk, &values, list.as_deref(), output).await,
        Command::Find { values } => find(&desk, &values, output).await,
        Command::List { organization: name } => {
            let owner = organization(&desk.store, &name).await?;
            list(&desk.store, &owner, output).await
        }
        Command::Import(import) => import::run(&desk, import, output).await,
    }
}

/// One value that cannot be read refuses all: half a list is worse than none.
async fn add(desk: &Desk, values: &Values, terms: &Terms, output: &Output) -> anyhow::Result<()> {
    let owner = organization(&desk.store, &values.organization).await?;
    let requests = values.requests()?;
    let now = Timestamp::now();
    let entry = |(at, request): (usize, SuppressionRequest)| {
        let read = terms.of(request).entry(&desk.matching, owner.id, now);
        read.map_err(|problem| unreadable(at, &problem))
    };
    let entries = requests.into_iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
    let listed = desk.store.suppress(owner.id, entries.clone(), Arc::clone(&desk.judge)).await?;
    desk.rescreen(&owner).await?;
    let count = |wanted| listed.iter().filter(|listed| **listed == wanted).count();
    let (added, extended, kept) = (count(Listed::Added), count(Listed::Extended), count(Listed::Kept));
    output.print(&json!({ "added": added, "extended": extended, "kept": kept }), |line| {
        line(&format!(
            "{added} added, {extended} extended, {kept} there already; stored leads with them are held"
        ));
    });
    Ok(())
}

/// Which value is said by its number among all that were given: an error must not hold the value.
fn unreadable(at: usize, problem: &str) -> UsageError {
    UsageError::wrong(format!("value {}: {problem}; nothing was changed", at + 1))
}

async fn remove(desk: &Desk, values: &Values, list: Option<&str>, output: &Output) -> anyhow::Result<()> {
    let owner = organization(&desk.store, &values.organization).await?;
    let key = |(at, request): (usize, SuppressionRequest)| {
        let value = request.value().map_err(|problem| unreadable(at, &problem))?;
        Ok(value.key(&desk.matching, owner.id))
    };
    let keys = values.requests()?.into_iter().enumerate().map(key).collect::<Result<Vec<_>, UsageError>>()?;
    let removed = desk.store.unsuppress(owner.id, keys, list, Arc::clone(&desk.judge)).await?;
    desk.rescreen(&owner).await?;
    output.print(&json!({ "removed": removed.len() }), |line| {
        let removed = removed.len();
        line(&format!("{removed} no longer suppressed; stored leads with them were decided anew"));
    });
    Ok(())
}

async fn find(desk: &Desk, values: &Values, output: &Output) -> anyhow::Result<()> {
    let owner = organization(&desk.store, &values.organization).await?;
    let mut keys = Vec::new();
    for (at, request) in values.requests()?.into_iter().enumerate() {
        let value = request.value().map_err(|problem| unreadable(at, &problem))?;
        keys.extend(value.watched(&desk.matching, owner.id));
    }
    let found = desk.store.suppressions_under(owner.id, keys).await?;
    let entry = desk.store.entry(owner.id, AuditAction::SuppressionsListed);
    saw(&desk.store, entry.with("count", found.len())).await?;
    print(&found, output);
    Ok(())
}

async fn list(store: &Store, owner: &Organization, output: &Output) -> anyhow::Result<()> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.suppressions(owner.id, after, 1_000).await?;
        all.extend(page.data);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    saw(store, store.entry(owner.id, AuditAction::SuppressionsListed).with("count", all.len())).await?;
    print(&all, output);
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
        Some(end) if entry.holds_at(now) => end.to_string(),
        Some(end) => format!("{end} (ended)"),
    };
    let kind = format!("{}{digest}", entry.key.kind);
    [kind, value, entry.list.clone(), entry.added_at.to_string(), ends, cell(entry.reason.as_deref())]
}
