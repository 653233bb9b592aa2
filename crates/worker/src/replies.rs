//! Tells those who wait what became of their submissions. Nothing depends on it: who hears nothing looks it up.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use leadgate_domain::reply::{Reply, ReplyAddress};
use leadgate_domain::{Lead, LeadId, OrganizationId, Submission, SubmissionId};
use leadgate_queue::Replier;
use leadgate_store::{SettledSubmission, Store};
use metrics::counter;
use tokio::time::timeout;

/// For how long the leads are read that somebody waits for.
const LEAD_READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Who waits for which submission of a batch.
#[derive(Debug, Default)]
pub(crate) struct ReplyAddresses(HashMap<(OrganizationId, SubmissionId), ReplyAddress>);

impl ReplyAddresses {
    pub(crate) fn of<'s>(submissions: impl IntoIterator<Item = &'s Submission>) -> Self {
        let waiting = submissions.into_iter().filter_map(|submission| {
            let to = submission.reply_to.clone()?;
            Some(((submission.organization, submission.id), to))
        });
        Self(waiting.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One look-up for all that somebody waits for.
    pub(crate) async fn send(&self, settled: &[SettledSubmission], store: &Store, replier: &Replier) {
        let told: Vec<_> = settled
            .iter()
            .filter_map(|one| Some((one, self.0.get(&(one.organization, one.submission))?)))
            .collect();
        let wanted = told.iter().filter_map(|(one, _)| Some((one.organization, one.lead?)));
        let leads = read(store, wanted.collect()).await;
        for (settled, to) in told {
            let lead = settled.lead.map(|lead| leads.get(&(settled.organization, lead)));
            match lead {
                // It was to be told with its lead or not at all.
                Some(None) => counter!("leadgate_worker_replies_total", "result" => "unread").increment(1),
                lead => replier.send(to, reply(settled, lead.flatten())),
            }
        }
    }
}

fn reply(settled: &SettledSubmission, lead: Option<&Lead>) -> Reply {
    Reply {
        submission: settled.submission,
        outcome: settled.outcome,
        lead: lead.cloned().map(Box::new),
        quarantine: settled.quarantine,
    }
}

async fn read(
    store: &Store,
    wanted: BTreeSet<(OrganizationId, LeadId)>,
) -> HashMap<(OrganizationId, LeadId), Lead> {
    if wanted.is_empty() {
        return HashMap::new();
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    match timeout(LEAD_READ_TIMEOUT, store.leads_of(&wanted)).await {
        Ok(Ok(leads)) => leads.into_iter().map(|lead| ((lead.organization, lead.id), lead)).collect(),
        Ok(Err(error)) => {
            tracing::debug!("leads that somebody waits for cannot be read: {error}");
            HashMap::new()
        }
        Err(_) => HashMap::new(),
    }
}
