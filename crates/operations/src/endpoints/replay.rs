//! Sends events to an endpoint again.

use std::collections::BTreeSet;

use leadgate_domain::{AttemptResult, EndpointId, EventId, EventType, LeadId, OrganizationId, Timestamp};
use leadgate_store::{ReplayFilter, ReplaySelection, Store};
use serde::{Deserialize, Deserializer, de};

use crate::OperationError;

/// Which events to send to an endpoint again. By default those whose attempts all failed. With other members than `event`:
/// those that match all of them and that the endpoint wants by its present settings, also if it has received them, and at
/// once if they wait for another attempt.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayRequest {
    /// Only this event, also if it was received. The endpoint wants it by its present settings, or it was attempted before.
    #[serde(deserialize_with = "given")]
    pub event: Option<EventId>,
    /// Types of events.
    #[serde(deserialize_with = "given")]
    pub events: Option<BTreeSet<EventType>>,
    #[serde(deserialize_with = "given")]
    pub lead: Option<LeadId>,
    /// From this time on.
    #[serde(deserialize_with = "given_moment")]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[serde(deserialize_with = "given_moment")]
    pub until: Option<Timestamp>,
    /// The last attempt to send the event to the endpoint had this result.
    #[serde(deserialize_with = "given")]
    pub result: Option<AttemptResult>,
    /// Only counts them.
    pub dry_run: bool,
}

/// Refuses `null`: a program whose value is missing must not select all events.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn given_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Timestamp::read_past(&text, Timestamp::now()).map(Some).map_err(de::Error::custom)
}

impl ReplayRequest {
    fn selection(self) -> Result<ReplaySelection, OperationError> {
        let Self { event, events, lead, since, until, result, dry_run: _ } = self;
        if events.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(OperationError::invalid("`events` is empty; expected at least one type of events"));
        }
        let filter = ReplayFilter { kinds: events.unwrap_or_default(), lead, since, until, result };
        let has_conditions = !filter.names().is_empty();
        match event {
            Some(_) if has_conditions => Err(OperationError::invalid(
                "`event` cannot be combined with `events`, `lead`, `since`, `until` or `result`",
            )),
            Some(event) => Ok(ReplaySelection::One(event)),
            None if since.zip(until).is_some_and(|(since, until)| since >= until) => {
                Err(OperationError::invalid("`since` must be before `until`"))
            }
            None if has_conditions => Ok(ReplaySelection::Wanted(filter)),
            None => Ok(ReplaySelection::Exhausted),
        }
    }
}

/// Sends events to an endpoint again. Returns their number.
///
/// # Errors
/// [`OperationError::Invalid`] for an event together with other conditions, for a `since` that is not before `until`, and
/// for an event that is not sent again.
pub async fn replay(
    store: &Store,
    organization: OrganizationId,
    id: EndpointId,
    request: ReplayRequest,
) -> Result<usize, OperationError> {
    let endpoint = super::find(store, organization, id).await?;
    let (event, dry_run) = (request.event, request.dry_run);
    match (store.replay(&endpoint, request.selection()?, dry_run).await?, event) {
        (0, Some(event)) => Err(OperationError::Invalid(format!(
            "the event {event} is not sent again: it does not exist, is not one for this endpoint, is still to be sent, or is \
             about a lead that was erased or is not eligible any more"
        ))),
        (count, _) => Ok(count),
    }
}
