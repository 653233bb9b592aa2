//! `leadgate erase`.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{bail, ensure};
use clap::Args;
use leadgate_domain::{AuditAction, LeadId, Organization, Region, Sought, SuppressedValue, SuppressionKind};
use leadgate_operations::rebuild_without_erased;
use leadgate_store::{Erased, ErasureSubject, Finding, Store};
use serde_json::{Value, json};

use super::values::ValueArguments;
use super::{Output, UsageError, judge_context, open_store, organization, progress, saw};
use crate::config::Config;

#[derive(Args)]
pub(crate) struct Erase {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Phone of the person; can be repeated. `-` reads standard input, `@FILE` a file, one value per line: other users
    /// can see arguments in the process list
    #[arg(long, value_name = "PHONE")]
    phone: Vec<String>,
    /// Email of the person; can be repeated. `-` and `@FILE` as for --phone
    #[arg(long, value_name = "EMAIL")]
    email: Vec<String>,
    /// Lead to delete; can be repeated. Its phone and email are erased too, unless other leads share them
    #[arg(long, value_name = "ID")]
    lead: Vec<LeadId>,
    /// Region of phones without a country code, such as US [default: none]
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// Why, for the audit log; must not identify the person
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

impl Erase {
    fn given(&self) -> anyhow::Result<Sought> {
        let mut given = Sought::default();
        // Which one is said by its number: an error must not hold the value.
        let read = |kind, (at, raw): (usize, &String)| {
            SuppressedValue::read(kind, raw, self.region)
                .map_err(|problem| UsageError::wrong(format!("value {} of --{kind}: {problem}", at + 1)))
        };
        let mut values = ValueArguments::default();
        let (phones, emails) = (values.read(&self.phone)?, values.read(&self.email)?);
        let phones = phones.iter().enumerate().map(|raw| read(SuppressionKind::Phone, raw));
        let emails = emails.iter().enumerate().map(|raw| read(SuppressionKind::Email, raw));
        for value in phones.chain(emails) {
            match value? {
                SuppressedValue::Phone(phone) => given.add_phone(phone),
                SuppressedValue::Email(email) => given.add_email(email),
                SuppressedValue::Domain(_) | SuppressedValue::Digest(..) => {}
            }
        }
        Ok(given)
    }
}

pub(crate) async fn run(asked: Erase, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let owner = organization(&store, &asked.organization).await?;
    let person = store.person(owner.id, asked.given()?, &asked.lead).await?;
    match (person.is_unknown(), asked.lead.is_empty()) {
        (true, true) => bail!(UsageError::wrong("name the person by --phone, --email or --lead")),
        (true, false) => bail!(UsageError::wrong(format!("`{}` has none of these leads", owner.name))),
        _ => {}
    }
    let erasing = Erasing { store, owner, person };
    if asked.dry_run || !asked.yes {
        let finding = erasing.find().await?;
        if asked.dry_run {
            let entry = erasing.store.entry(erasing.owner.id, AuditAction::Erase).with("dry_run", true);
            saw(&erasing.store, entry).await?;
            told_dry(&finding, &erasing.person, output);
            return Ok(());
        }
        confirm(&finding)?;
    }
    let erased = erasing.erase(asked.reason.as_deref(), config).await?;
    told(&erased, output);
    Ok(())
}

struct Erasing {
    store: Store,
    owner: Organization,
    person: ErasureSubject,
}

impl Erasing {
    async fn find(&self) -> anyhow::Result<Finding> {
        let bar = progress::counting("submissions read");
        let read = |more| bar.inc(u64::try_from(more).unwrap_or(0));
        let finding = self.store.find_person(self.owner.id, &self.person, read).await?;
        bar.finish_and_clear();
        Ok(finding)
    }

    async fn erase(&self, reason: Option<&str>, config: &Config) -> anyhow::Result<Erased> {
        let context = judge_context(&self.store, config).await?;
        let bar = progress::counting("submissions read");
        let read = |more| bar.inc(u64::try_from(more).unwrap_or(0));
        let erased =
            self.store.erase(self.owner.id, &self.person, reason, context.pipeline.clone(), read).await?;
        bar.finish_and_clear();
        // Leads of others lose what the erased submissions said.
        rebuild_without_erased(&self.store, self.owner.id, &erased.to_rebuild, &context).await?;
        Ok(Erased { to_rebuild: self.store.leads_to_rebuild(self.owner.id).await?, ..erased })
    }
}

fn confirm(finding: &Finding) -> anyhow::Result<()> {
    ensure!(
        std::io::stdin().is_terminal(),
        UsageError::wrong("standard input is no terminal: confirm with --yes, or try --dry-run first")
    );
    let Finding { submissions, leads, entries, .. } = finding;
    let (submissions, leads, entries) = (submissions.len(), leads.len(), entries.len());
    let mut error = std::io::stderr().lock();
    write!(
        error,
        "Submissions: {submissions}, leads: {leads}, further entries of the quarantine: {entries}. They will be erased \
         for good. Type `yes`: "
    )?;
    error.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    ensure!(answer.trim() == "yes", "nothing was erased");
    Ok(())
}

fn told_dry(finding: &Finding, person: &ErasureSubject, output: &Output) {
    let Finding { submissions, entries, leads } = finding;
    let document = json!({
        "dry_run": true, "submissions": submissions.len(), "leads": leads.len(),
        "quarantined": entries.len(), "shared": person.shared,
    });
    let counts = [
        ("submissions that would be erased", submissions.len()),
        ("leads that would be deleted", leads.len()),
        ("further entries of the quarantine", entries.len()),
    ];
    output.pairs(&document, counts.map(|(name, count)| (name, count.to_string())));
    left_alone(person.shared, output);
}

fn told(erased: &Erased, output: &Output) {
    let mut document = serde_json::to_value(erased).unwrap_or_default();
    if let Value::Object(document) = &mut document {
        document.insert("dry_run".to_owned(), false.into());
    }
    let Erased { submissions, leads, traces, quarantined, consents, claims, suppressed, .. } = erased;
    let counts = [
        ("submissions erased", submissions),
        ("their traces", traces),
        ("quarantine, entries emptied", quarantined),
        ("consents without their person", consents),
        ("leads deleted", leads),
        ("claims deleted", claims),
        ("on the list `erased`", suppressed),
    ];
    output.pairs(&document, counts.map(|(name, count)| (name, count.to_string())));
    what_is_left(erased, output);
    left_alone(erased.shared, output);
}

/// What of the erased values is still stored.
pub(super) fn what_is_left(erased: &Erased, output: &Output) {
    if !erased.to_rebuild.is_empty() {
        output.note(
            "other leads that still hold erased values because they cannot be rebuilt (delete one with --lead ID):",
        );
        erased.to_rebuild.iter().for_each(|lead| output.note(&format!("  {lead}")));
    }
    if erased.left_in_log {
        output.note(
            "The database file's write-ahead log still holds what was erased, because it is in use. Run the command \
             again.",
        );
    }
}

fn left_alone(shared: usize, output: &Output) {
    if shared > 0 {
        output.note(&format!(
            "phones or emails left alone because others have them, too: {shared}; name them to erase them"
        ));
    }
}
