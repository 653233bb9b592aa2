//! `leadgate reprocess`.

use anyhow::bail;
use clap::Args;
use leadgate_domain::{Eligibility, LeadId, Reason, SourceId, Timestamp};
use leadgate_operations::reprocess::{self, ChangedLead, FieldChange, ReprocessRequest, ReprocessResult};
use uuid::Uuid;

use super::arguments::{id, moment};
use super::{Output, UsageError, judge_context, open_store, organization, progress, with_hint};
use crate::config::Config;

#[derive(Args)]
pub(crate) struct ReprocessArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// A lead; can be repeated
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with_all = ["source", "from", "to", "eligibility", "reason"])]
    lead: Vec<Uuid>,
    /// Leads that first came in by this source
    #[arg(long, value_name = "ID")]
    source: Option<SourceId>,
    /// Leads received from this time on: 2026-11-21T00:00:00Z, 2026-11-21, or 2d for two days ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Leads received before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Leads that are eligible, or held
    #[arg(long, value_name = "ELIGIBILITY", value_parser = eligibility)]
    eligibility: Option<Eligibility>,
    /// Leads that are held for this reason, among others
    #[arg(long, value_name = "REASON")]
    reason: Option<Reason>,
    /// Every lead of the organization
    #[arg(long, conflicts_with_all = ["lead", "source", "from", "to", "eligibility", "reason"])]
    all: bool,
    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

fn eligibility(text: &str) -> Result<Eligibility, String> {
    [Eligibility::Eligible, Eligibility::Held]
        .into_iter()
        .find(|one| one.as_str() == text)
        .ok_or_else(|| "expected eligible or held".to_owned())
}

impl From<ReprocessArguments> for ReprocessRequest {
    fn from(asked: ReprocessArguments) -> Self {
        let ReprocessArguments { lead, source, from, to, eligibility, reason, all, dry_run, .. } = asked;
        let leads = lead.into_iter().map(LeadId::from_uuid).collect();
        Self { leads, source, from, to, eligibility, reason, all, dry_run }
    }
}

pub(crate) async fn run(asked: ReprocessArguments, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let owner = organization(&store, &asked.organization).await?;
    let request = ReprocessRequest::from(asked);
    if request.is_empty() {
        bail!(UsageError::invalid_arguments(
            "say which leads: --lead, --source, --from, --to, --eligibility, --reason, or --all"
        ));
    }
    let context = judge_context(&store, config).await?;
    let (bar, looked_at) = progress::counter("leads looked at");
    let result = reprocess::run(&store, owner.id, &request, &context, looked_at, &store).await;
    bar.finish_and_clear();
    report(&result.map_err(with_hint(&owner))?, output);
    Ok(())
}

fn report(result: &ReprocessResult, output: &Output) {
    let ReprocessResult { dry_run, changed, unchanged, refused, changed_meanwhile, leads, unknown_leads } =
        result;
    output.print(result, |line| {
        for ChangedLead { id, changes, conflicts } in leads {
            line(&id.to_string());
            for (field, FieldChange { before, after }) in changes {
                line(&format!("  {field}: {before} -> {after}"));
            }
            for kind in conflicts {
                line(&format!("  another lead holds its {}", kind.as_str()));
            }
        }
        let would = if *dry_run { "would change" } else { "changed" };
        line(&format!("{changed} leads {would}, {unchanged} stay as they are"));
        if *refused > 0 {
            line(&format!("{refused} stay because a submission of theirs cannot be read by today's mapping, or was erased by its age"));
        }
        if *changed_meanwhile > 0 {
            line(&format!("{changed_meanwhile} were changed by others at the same time; run it again"));
        }
        for lead in unknown_leads {
            line(&format!("there is no lead {lead}"));
        }
    });
}
