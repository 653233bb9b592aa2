//! `leadgate reprocess`.

use anyhow::bail;
use clap::Args;
use leadgate_dialect::native;
use leadgate_domain::{
    AuditAction, ClaimKind, Eligibility, Lead, LeadId, Organization, Outcome, Reason, SourceId, SubmissionId,
    Timestamp,
};
use leadgate_operations::{JudgeContext, rebuild};
use leadgate_store::{Rebuilt, Store};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::arguments::{id, moment};
use super::{Output, UsageError, judge_context, open_store, organization, progress, saw};
use crate::config::Config;

/// Leads that are made anew together.
const CHUNK: u32 = 100;

/// So many changed leads are shown; all are counted.
const MOST_SHOWN: usize = 1_000;

#[derive(Args)]
pub(crate) struct Reprocess {
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

impl Reprocess {
    fn names_anything(&self) -> bool {
        let filters = [self.source.is_some(), self.from.is_some(), self.to.is_some()];
        let more = [self.eligibility.is_some(), self.reason.is_some(), self.all, !self.lead.is_empty()];
        filters.into_iter().chain(more).any(|given| given)
    }

    fn wants(&self, lead: &Lead) -> bool {
        self.source.is_none_or(|source| lead.source == source)
            && self.from.is_none_or(|from| lead.received_at >= from)
            && self.to.is_none_or(|to| lead.received_at < to)
            && self.eligibility.is_none_or(|wanted| lead.eligibility == wanted)
            && self.reason.is_none_or(|reason| lead.reasons.contains(&reason))
    }
}

pub(crate) async fn run(asked: Reprocess, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let owner = organization(&store, &asked.organization).await?;
    if !asked.names_anything() {
        bail!(UsageError::wrong(
            "say which leads: --lead, --source, --from, --to, --eligibility, --reason, or --all"
        ));
    }
    let context = judge_context(&store, config).await?;
    let desk = Desk { store, owner, context, dry: asked.dry_run };
    let mut told = Told::default();
    if asked.lead.is_empty() {
        desk.filtered(&asked, &mut told).await?;
    } else {
        let leads: Vec<_> = asked.lead.iter().map(|id| LeadId::from_uuid(*id)).collect();
        desk.chunk(leads, &mut told).await?;
        if told.looked_at() == 0 {
            bail!(UsageError::wrong(format!("`{}` has none of these leads", desk.owner.name)));
        }
    }
    if asked.dry_run {
        // What was changed left its own entry; what was only shown is noted before it is.
        let entry = desk.store.entry(desk.owner.id, AuditAction::LeadsReprocessed);
        saw(&desk.store, entry.with("dry_run", true).with("count", told.changed)).await?;
    }
    report(&told, asked.dry_run, output);
    Ok(())
}

/// What became of the leads that were asked for.
#[derive(Default)]
struct Told {
    unchanged: usize,
    changed: usize,
    refused: usize,
    moved: usize,
    shown: Vec<(LeadId, Map<String, Value>)>,
}

impl Told {
    fn looked_at(&self) -> usize {
        self.unchanged + self.changed + self.refused + self.moved
    }

    fn note(&mut self, lead: LeadId, rebuilt: &Rebuilt) {
        match rebuilt {
            Rebuilt::Unchanged => self.unchanged += 1,
            Rebuilt::Refused => self.refused += 1,
            Rebuilt::Moved => self.moved += 1,
            Rebuilt::Changed { before, after, conflicts } => {
                self.changed += 1;
                if self.shown.len() < MOST_SHOWN {
                    self.shown.push((lead, difference(before, after, conflicts)));
                }
            }
        }
    }
}

struct Desk {
    store: Store,
    owner: Organization,
    context: JudgeContext,
    dry: bool,
}

impl Desk {
    /// From the newest to the oldest, as far as the time that was asked for reaches.
    async fn filtered(&self, asked: &Reprocess, told: &mut Told) -> anyhow::Result<()> {
        let bar = progress::counting("leads looked at");
        let mut after = None;
        loop {
            let page = self.store.leads(self.owner.id, None, after, CHUNK).await?;
            bar.inc(u64::try_from(page.data.len()).unwrap_or(0));
            let wanted = page.data.iter().filter(|lead| asked.wants(lead)).map(|lead| lead.id);
            self.chunk(wanted.collect(), told).await?;
            let past = |from: Timestamp| page.data.last().is_some_and(|lead| lead.received_at < from);
            after = page.next;
            if after.is_none() || asked.from.is_some_and(past) {
                bar.finish_and_clear();
                return Ok(());
            }
        }
    }

    async fn chunk(&self, leads: Vec<LeadId>, told: &mut Told) -> anyhow::Result<()> {
        let rebuilt = rebuild(&self.store, self.owner.id, leads, &self.context, self.dry);
        for (lead, rebuilt) in rebuilt.await? {
            told.note(lead, &rebuilt);
        }
        Ok(())
    }
}

/// Every field of a lead's answer that is another now.
fn difference(before: &Lead, after: &Lead, conflicts: &[ClaimKind]) -> Map<String, Value> {
    let shown = |lead: &Lead| {
        let lead = native::lead(lead, SubmissionId::from(lead.id), Outcome::Created, &|_| None);
        match serde_json::to_value(lead) {
            Ok(Value::Object(shown)) => shown,
            _ => Map::new(),
        }
    };
    let (before, mut after) = (shown(before), shown(after));
    let mut changes = Map::new();
    for (field, was) in before {
        let is = after.remove(&field).unwrap_or_default();
        if was != is {
            changes.insert(field, json!({ "before": was, "after": is }));
        }
    }
    changes.extend(after.into_iter().map(|(field, is)| (field, json!({ "before": null, "after": is }))));
    if !conflicts.is_empty() {
        changes.insert("identity_conflict".to_owned(), json!(conflicts));
    }
    changes
}

fn report(told: &Told, dry: bool, output: &Output) {
    let Told { unchanged, changed, refused, moved, shown } = told;
    let leads: Vec<_> = shown.iter().map(|(id, changes)| json!({ "id": id, "changes": changes })).collect();
    let document = json!({
        "dry_run": dry, "changed": changed, "unchanged": unchanged, "refused": refused,
        "changed_meanwhile": moved, "leads": leads,
    });
    output.print(&document, |line| {
        for (id, changes) in shown {
            line(&id.to_string());
            for (field, change) in changes {
                let part = |name: &str| change.get(name).map(Value::to_string).unwrap_or_default();
                line(&format!("  {field}: {} -> {}", part("before"), part("after")));
            }
        }
        let would = if dry { "would change" } else { "changed" };
        line(&format!("{changed} leads {would}, {unchanged} stay as they are"));
        if *refused > 0 {
            line(&format!("{refused} stay because a submission of theirs cannot be read by today's mapping, or was erased by its age"));
        }
        if *moved > 0 {
            line(&format!("{moved} were changed by others at the same time; run it again"));
        }
    });
}
