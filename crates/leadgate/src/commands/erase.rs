//! The command `leadgate erase`.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};

use anyhow::ensure;
use clap::Args;
use leadgate_domain::{LeadId, Region};
use leadgate_operations::erasure::{self, ErasurePreview, ErasureRequest, ErasureResult};
use leadgate_store::{ErasureCounts, SubjectRecords};

use super::value_reader::ValueReader;
use super::{Output, UsageError, judge_context, open_store, organization, progress};
use crate::config::Config;

#[derive(Args)]
pub(crate) struct EraseArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Phone of the person; can be repeated. `-` reads standard input and `@FILE` a file with one value per
    /// line, because other users of the machine can see arguments in the process list
    #[arg(long, value_name = "PHONE")]
    phone: Vec<String>,
    /// Email of the person; can be repeated. `-` and `@FILE` are read as for --phone
    #[arg(long, value_name = "EMAIL")]
    email: Vec<String>,
    /// Id of a lead to delete; can be repeated. Its phone and email are erased too, unless other leads have
    /// them
    #[arg(long, value_name = "ID")]
    lead: Vec<LeadId>,
    /// Region of phones without a country code, such as US [default: none]
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// Reason, for the audit log; must not identify the person
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only print what would be erased
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

impl EraseArguments {
    fn request(self) -> anyhow::Result<ErasureRequest> {
        let Self { phone, email, lead: leads, region: phone_country, reason, dry_run, .. } = self;
        let mut reader = ValueReader::default();
        let (phones, emails) = (reader.read(&phone)?, reader.read(&email)?);
        Ok(ErasureRequest { phones, emails, leads, phone_country, reason, dry_run })
    }
}

pub(crate) async fn run(arguments: EraseArguments, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let owner = organization(&store, &arguments.organization).await?;
    let (is_confirmed, request) = (arguments.yes, arguments.request()?);
    ensure!(
        !request.is_empty(),
        UsageError::invalid_arguments("no person is given: use --phone, --email or --lead")
    );
    let person = erasure::subject(&store, owner.id, &request, &store).await?;
    if request.dry_run || !is_confirmed {
        let (bar, count) = progress::counter("submissions read");
        let records = erasure::preview(&store, owner.id, &person, count, &store).await?;
        bar.finish_and_clear();
        if request.dry_run {
            print_preview(&ErasurePreview::new(&records, &person, &request), output);
            return Ok(());
        }
        confirm(&records)?;
    }
    let context = judge_context(&store, config).await?;
    let (bar, count) = progress::counter("submissions read");
    let erased = erasure::erase(&store, owner.id, &person, &request, &context, count).await?;
    bar.finish_and_clear();
    print_result(&ErasureResult::new(erased, &person, &request), output);
    Ok(())
}

fn confirm(records: &SubjectRecords) -> anyhow::Result<()> {
    ensure!(
        std::io::stdin().is_terminal(),
        UsageError::invalid_arguments(
            "standard input is not a terminal: confirm with --yes, or use --dry-run first"
        )
    );
    let SubjectRecords { submissions, leads, entries, .. } = records;
    let (submissions, leads, entries) = (submissions.len(), leads.len(), entries.len());
    let mut stderr = std::io::stderr().lock();
    write!(
        stderr,
        "Submissions: {submissions}, leads: {leads}, other quarantine entries: {entries}. They will be erased \
         permanently. Type `yes`: "
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    ensure!(answer.trim() == "yes", "not confirmed with `yes`, nothing was erased");
    Ok(())
}

fn print_preview(preview: &ErasurePreview, output: &Output) {
    let ErasurePreview { submissions, leads, quarantined, shared, unknown_leads, .. } = preview;
    let counts = [
        ("submissions that would be erased", submissions),
        ("leads that would be deleted", leads),
        ("other quarantine entries that would be erased", quarantined),
    ];
    output.pairs(preview, counts.map(|(name, count)| (name, count.to_string())));
    print_shared(*shared, output);
    print_unknown_leads(unknown_leads, output);
}

fn print_result(result: &ErasureResult, output: &Output) {
    let erased = &result.erased;
    let ErasureCounts { submissions, leads, traces, quarantined, consents, claims, suppressed, .. } = erased;
    let counts = [
        ("submissions erased", submissions),
        ("traces erased", traces),
        ("quarantine entries erased", quarantined),
        ("consents without person", consents),
        ("leads deleted", leads),
        ("claims deleted", claims),
        ("added to the list `erased`", suppressed),
    ];
    output.pairs(result, counts.map(|(name, count)| (name, count.to_string())));
    print_remaining(erased, output);
    print_shared(erased.shared, output);
    print_unknown_leads(&result.unknown_leads, output);
}

fn print_unknown_leads(unknown_leads: &BTreeSet<LeadId>, output: &Output) {
    for lead in unknown_leads {
        output.note(&format!("there is no lead {lead}"));
    }
}

/// Prints where erased values are still stored.
pub(super) fn print_remaining(erased: &ErasureCounts, output: &Output) {
    if !erased.to_rebuild.is_empty() {
        output.note(
            "other leads that still contain erased values, because they cannot be rebuilt (delete one with --lead ID):",
        );
        erased.to_rebuild.iter().for_each(|lead| output.note(&format!("  {lead}")));
    }
    if erased.left_in_log {
        output.note(
            "the write-ahead log of the database file still contains erased data, because it is in use: run the \
             command again",
        );
    }
}

fn print_shared(shared: usize, output: &Output) {
    if shared > 0 {
        output.note(&format!(
            "phones and emails not erased, because other leads have them: {shared}; use --phone or --email to erase \
             them"
        ));
    }
}
