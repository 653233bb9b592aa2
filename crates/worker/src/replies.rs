//! Sends the outcomes of submissions to the gateways whose clients wait. Replies are not guaranteed: a
//! gateway without a reply answers 202.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use leadgate_domain::reply::{Reply, ReplyAddress};
use leadgate_domain::{Lead, LeadId, OrganizationId, Submission, SubmissionId};
use leadgate_queue::ReplySender;
use leadgate_store::{SettledSubmission, Store};
use metrics::counter;
use tokio::time::timeout;

/// Time limit for reading the leads of the replies.
const LEAD_READ_TIMEOUT: Duration = Duration::from_secs(1);

/// The reply addresses of a batch, by submission.
#[derive(Debug, Default)]
pub(crate) struct ReplyAddresses(HashMap<(OrganizationId, SubmissionId), ReplyAddress>);

impl ReplyAddresses {
    pub(crate) fn from_submissions<'s>(submissions: impl IntoIterator<Item = &'s Submission>) -> Self {
        let addresses = submissions.into_iter().filter_map(|submission| {
            let address = submission.reply_to.clone()?;
            Some(((submission.organization, submission.id), address))
        });
        Self(addresses.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends the replies. Reads the leads of all of them with one look-up.
    pub(crate) async fn send(
        &self,
        settled: &[SettledSubmission],
        store: &Store,
        reply_sender: &ReplySender,
    ) {
        let awaited: Vec<_> = settled
            .iter()
            .filter_map(|settled| Some((settled, self.0.get(&(settled.organization, settled.submission))?)))
            .collect();
        let ids = awaited.iter().filter_map(|(settled, _)| Some((settled.organization, settled.lead?)));
        let leads = read_leads(store, ids.collect()).await;
        for (settled, address) in awaited {
            let lead = settled.lead.map(|lead| leads.get(&(settled.organization, lead)));
            match lead {
                // A reply without its lead would be wrong, so none is sent.
                Some(None) => {
                    counter!("leadgate_worker_replies_total", "result" => "lead_unavailable").increment(1);
                }
                lead => reply_sender.send(address, reply(settled, lead.flatten())),
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

async fn read_leads(
    store: &Store,
    ids: BTreeSet<(OrganizationId, LeadId)>,
) -> HashMap<(OrganizationId, LeadId), Lead> {
    if ids.is_empty() {
        return HashMap::new();
    }
    let ids: Vec<_> = ids.into_iter().collect();
    match timeout(LEAD_READ_TIMEOUT, store.leads_of(&ids)).await {
        Ok(Ok(leads)) => leads.into_iter().map(|lead| ((lead.organization, lead.id), lead)).collect(),
        Ok(Err(error)) => {
            tracing::debug!("leads for replies cannot be read: {error}");
            HashMap::new()
        }
        Err(_) => HashMap::new(),
    }
}
