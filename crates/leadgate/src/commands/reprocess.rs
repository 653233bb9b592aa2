//! The command `leadgate reprocess`.

use anyhow::bail;
use clap::Args;
use leadgate_domain::{Eligibility, LeadId, Reason, SourceId, Timestamp};
use leadgate_operations::reprocess::{self, ChangedLead, FieldChange, ReprocessRequest, ReprocessResult};
use uuid::Uuid;

use super::arguments::{eligibility, id, moment};
use super::{Output, UsageError, judge_context, open_store, organization, progress, with_hint};
use crate::config::Config;

#[derive(Args)]
pub(crate) struct ReprocessArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Id of a lead; can be repeated
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with_all = ["source", "from", "to", "eligibility", "reason"])]
    lead: Vec<Uuid>,
    /// Leads that were created by submissions to this source
    #[arg(long, value_name = "ID")]
    source: Option<SourceId>,
    /// Leads received from this time on: 2026-11-21T00:00:00Z, 2026-11-21, or 2d for two days ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Leads received before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Leads with this eligibility: eligible, held
    #[arg(long, value_name = "ELIGIBILITY", value_parser = eligibility)]
    eligibility: Option<Eligibility>,
    /// Leads that are held for this reason
    #[arg(long, value_name = "REASON")]
    reason: Option<Reason>,
    /// All leads of the organization
    #[arg(long, conflicts_with_all = ["lead", "source", "from", "to", "eligibility", "reason"])]
    all: bool,
    /// Only print what would change
    #[arg(long)]
    dry_run: bool,
}

impl From<ReprocessArguments> for ReprocessRequest {
    fn from(arguments: ReprocessArguments) -> Self {
        let ReprocessArguments { lead, source, from, to, eligibility, reason, all, dry_run, .. } = arguments;
        let leads = lead.into_iter().map(LeadId::from_uuid).collect();
        Self { leads, source, from, to, eligibility, reason, all, dry_run }
    }
}

pub(crate) async fn run(
    arguments: ReprocessArguments,
    config: &Config,
    output: &Output,
) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let owner = organization(&store, &arguments.organization).await?;
    let request = ReprocessRequest::from(arguments);
    if request.is_empty() {
        bail!(UsageError::invalid_arguments(
            "no leads are selected: use --lead, --source, --from, --to, --eligibility, --reason, or --all"
        ));
    }
    let context = judge_context(&store, config).await?;
    let (bar, count) = progress::counter("leads reprocessed");
    let result = reprocess::run(&store, owner.id, &request, &context, count, &store).await;
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
                line(&format!("  another lead has the same {}", kind.as_str()));
            }
        }
        let verb = if *dry_run { "would change" } else { "changed" };
        line(&format!("{changed} leads {verb}, {unchanged} unchanged"));
        if *refused > 0 {
            line(&format!(
                "{refused} not reprocessed, because the current mapping cannot read one of their submissions, or \
                 retention has erased one"
            ));
        }
        if *changed_meanwhile > 0 {
            line(&format!("{changed_meanwhile} were changed by another request meanwhile: run the command again"));
        }
        for lead in unknown_leads {
            line(&format!("there is no lead {lead}"));
        }
    });
}
