//! `leadgate erase`.

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

impl EraseArguments {
    fn request(self) -> anyhow::Result<ErasureRequest> {
        let Self { phone, email, lead: leads, region: phone_country, reason, dry_run, .. } = self;
        let mut values = ValueReader::default();
        let (phones, emails) = (values.read(&phone)?, values.read(&email)?);
        Ok(ErasureRequest { phones, emails, leads, phone_country, reason, dry_run })
    }
}

pub(crate) async fn run(asked: EraseArguments, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let owner = organization(&store, &asked.organization).await?;
    let (is_confirmed, request) = (asked.yes, asked.request()?);
    ensure!(
        !request.is_empty(),
        UsageError::invalid_arguments("name the person by --phone, --email or --lead")
    );
    let person = erasure::subject(&store, owner.id, &request).await?;
    if request.dry_run || !is_confirmed {
        let (bar, read) = progress::counter("submissions read");
        let finding = erasure::preview(&store, owner.id, &person, read, &store).await?;
        bar.finish_and_clear();
        if request.dry_run {
            print_preview(&ErasurePreview::of(&finding, &person, &request), output);
            return Ok(());
        }
        confirm(&finding)?;
    }
    let context = judge_context(&store, config).await?;
    let (bar, read) = progress::counter("submissions read");
    let erased = erasure::erase(&store, owner.id, &person, &request, &context, read).await?;
    bar.finish_and_clear();
    print_result(&ErasureResult::of(erased, &person, &request), output);
    Ok(())
}

fn confirm(finding: &SubjectRecords) -> anyhow::Result<()> {
    ensure!(
        std::io::stdin().is_terminal(),
        UsageError::invalid_arguments(
            "standard input is no terminal: confirm with --yes, or try --dry-run first"
        )
    );
    let SubjectRecords { submissions, leads, entries, .. } = finding;
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

fn print_preview(preview: &ErasurePreview, output: &Output) {
    let ErasurePreview { submissions, leads, quarantined, shared, unknown_leads, .. } = preview;
    let counts = [
        ("submissions that would be erased", submissions),
        ("leads that would be deleted", leads),
        ("further entries of the quarantine", quarantined),
    ];
    output.pairs(preview, counts.map(|(name, count)| (name, count.to_string())));
    print_shared(*shared, output);
    not_there(unknown_leads, output);
}

fn print_result(result: &ErasureResult, output: &Output) {
    let erased = &result.erased;
    let ErasureCounts { submissions, leads, traces, quarantined, consents, claims, suppressed, .. } = erased;
    let counts = [
        ("submissions erased", submissions),
        ("their traces", traces),
        ("quarantine, entries emptied", quarantined),
        ("consents without their person", consents),
        ("leads deleted", leads),
        ("claims deleted", claims),
        ("on the list `erased`", suppressed),
    ];
    output.pairs(result, counts.map(|(name, count)| (name, count.to_string())));
    print_remaining(erased, output);
    print_shared(erased.shared, output);
    not_there(&result.unknown_leads, output);
}

fn not_there(unknown_leads: &[LeadId], output: &Output) {
    for lead in unknown_leads {
        output.note(&format!("there is no lead {lead}"));
    }
}

/// What of the erased values is still stored.
pub(super) fn print_remaining(erased: &ErasureCounts, output: &Output) {
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

fn print_shared(shared: usize, output: &Output) {
    if shared > 0 {
        output.note(&format!(
            "phones or emails left alone because others have them, too: {shared}; name them to erase them"
        ));
    }
}
