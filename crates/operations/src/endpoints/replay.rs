//! Sends events to an endpoint again.

use leadgate_domain::{AttemptResult, EndpointId, EventId, LeadId, OrganizationId, Timestamp, past_moment};
use leadgate_store::{ReplayFilter, ReplaySelection, Store};
use serde::Deserialize;

use crate::OperationError;

/// Which events to send to an endpoint again. By default those whose attempts all failed. With `lead`, `since`, `until` or
/// `result`: those that the endpoint wants by its present settings, also if it has received them, and at once if they wait
/// for another attempt.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayRequest {
    /// Only this event, also if it was received.
    pub event: Option<EventId>,
    pub lead: Option<LeadId>,
    /// From this time on.
    #[serde(deserialize_with = "past_moment")]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[serde(deserialize_with = "past_moment")]
    pub until: Option<Timestamp>,
    /// The last attempt to send the event to the endpoint had this result.
    pub result: Option<AttemptResult>,
    /// Only counts them.
    pub dry_run: bool,
}

impl ReplayRequest {
    /// `None` for the events whose attempts all failed.
    fn selection(self) -> Result<Option<ReplaySelection>, OperationError> {
        let Self { event, lead, since, until, result, dry_run: _ } = self;
        let is_filtered = lead.is_some() || since.is_some() || until.is_some() || result.is_some();
        match event {
            Some(_) if is_filtered => Err(OperationError::invalid(
                "select one event, or events by lead, time or result, but not both",
            )),
            Some(event) => Ok(Some(ReplaySelection::One(event))),
            None if since.zip(until).is_some_and(|(since, until)| since >= until) => {
                Err(OperationError::invalid("`since` must be before `until`"))
            }
            None if is_filtered => {
                Ok(Some(ReplaySelection::Wanted(ReplayFilter { lead, since, until, result })))
            }
            None => Ok(None),
        }
    }
}

/// Sends events to an endpoint again. Returns their number.
///
/// # Errors
/// [`OperationError::Invalid`] for an event together with other conditions, for a time that ends before it starts, and for
/// an event that is not sent again.
pub async fn replay(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
    request: ReplayRequest,
) -> Result<usize, OperationError> {
    let endpoint = super::find(store, organization, id).await?;
    let Some(selection) = request.selection()? else {
        return match request.dry_run {
            true => {
                let exhausted = store.count_exhausted(organization, id).await?;
                Ok(usize::try_from(exhausted).unwrap_or(usize::MAX))
            }
            false => Ok(store.replay_exhausted(organization, id).await?),
        };
    };
    match (store.replay_events(&endpoint, selection, request.dry_run).await?, request.event) {
        (0, Some(event)) => Err(OperationError::Invalid(format!(
            "the event {event} is not sent again: it does not exist, waits for its first attempt, or is about a lead that \
             was erased or is not eligible any more"
        ))),
        (count, _) => Ok(count),
    }
}
