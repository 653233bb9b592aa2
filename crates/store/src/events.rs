//! Events: written in the transaction that causes them, with a delivery for each endpoint that wants them.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::{
    EndpointId, EndpointSettings, Event, EventDetail, EventId, EventType, Lead, LeadId, OrganizationId,
    Outcome, QuarantineReason, ResolvedSubmission, SourceId, Submission, SubmissionId, Timestamp,
};

use crate::connection::{StoreConnection, query};
use crate::dispatch::NewDelivery;
use crate::error::TransactionError;
use crate::rows::ScopedId;
use crate::store_transaction::StoreTransaction;

/// Events per statement of an erasure.
const EMPTIED_AT_ONCE: usize = 1_000;

/// What an endpoint wants.
pub(crate) struct EndpointSubscription {
    pub(crate) organization: OrganizationId,
    pub(crate) endpoint: EndpointId,
    pub(crate) settings: EndpointSettings,
}

/// What the endpoints of the organizations of a transaction want.
#[derive(Default)]
pub(crate) struct Subscriptions(BTreeMap<OrganizationId, Vec<EndpointSubscription>>);

impl Subscriptions {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, organization: OrganizationId) -> &[EndpointSubscription] {
        self.0.get(&organization).map(Vec::as_slice).unwrap_or_default()
    }

    fn any_wants(&self, kind: EventType) -> bool {
        self.0.values().flatten().any(|one| one.settings.events.contains(&kind))
    }
}

/// Leads as a transaction leaves them.
#[derive(Clone, Copy, Default)]
pub(crate) struct LeadWrites<'a> {
    pub(crate) created: &'a [Lead],
    pub(crate) updated: &'a [Lead],
    /// The updated leads as they were. May be empty if the organizations have no endpoints.
    pub(crate) before: &'a [Lead],
}

/// The events of a transaction, and who wants them.
struct NewEvents<'s> {
    subscriptions: &'s Subscriptions,
    now: Timestamp,
    events: Vec<Event>,
    deliveries: Vec<NewDelivery>,
}

/// What an event is about.
struct Subject<'a> {
    organization: OrganizationId,
    source: Option<SourceId>,
    lead_id: Option<LeadId>,
    lead: Option<&'a Lead>,
    submission: Option<SubmissionId>,
}

impl<'a> Subject<'a> {
    fn lead(lead: &'a Lead, submission: Option<SubmissionId>) -> Self {
        Self {
            organization: lead.organization,
            source: Some(lead.source),
            lead_id: Some(lead.id),
            lead: Some(lead),
            submission,
        }
    }
}

impl<'s> NewEvents<'s> {
    fn new(subscriptions: &'s Subscriptions, now: Timestamp) -> Self {
        Self { subscriptions, now, events: Vec::new(), deliveries: Vec::new() }
    }

    fn add(&mut self, kind: EventType, subject: &Subject<'_>, detail: EventDetail) {
        let Subject { organization, source, lead_id, lead, submission } = *subject;
        let wants = |one: &&EndpointSubscription| {
            one.settings.wants(kind, source, lead) && detail.endpoint != Some(one.endpoint)
        };
        let mut wanting = self.subscriptions.of(organization).iter().filter(wants).peekable();
        if wanting.peek().is_none() {
            return;
        }
        let id = EventId::generate();
        let due = |one: &EndpointSubscription| NewDelivery {
            organization,
            endpoint: one.endpoint,
            event: id,
            due_at: self.now.plus(one.settings.retry.first_delay()),
        };
        self.deliveries.extend(wanting.map(due));
        self.events.push(Event {
            organization,
            id,
            kind,
            lead: lead_id,
            submission,
            at: self.now,
            document: lead.cloned(),
            detail: EventDetail { source: source.filter(|_| lead.is_none()), ..detail },
        });
    }

    fn add_change(&mut self, before: Option<&Lead>, after: &Lead, submission: Option<SubmissionId>) {
        for kind in EventType::of_change(before, after) {
            let previous_status = match (kind, before) {
                (EventType::LeadStatusChanged, Some(before)) => Some(before.status.to_string()),
                _ => None,
            };
            let detail = EventDetail { previous_status, ..EventDetail::default() };
            self.add(kind, &Subject::lead(after, submission), detail);
        }
    }

    fn add_quarantined(&mut self, submission: &Submission, reason: QuarantineReason) {
        let subject = Subject {
            organization: submission.organization,
            source: Some(submission.source),
            lead_id: None,
            lead: None,
            submission: Some(submission.id),
        };
        let detail = EventDetail { quarantine: Some(reason), ..EventDetail::default() };
        self.add(EventType::SubmissionQuarantined, &subject, detail);
    }

    fn write(self, tx: &mut StoreTransaction<'_>) -> Result<(), TransactionError> {
        tx.insert_events(&self.events, &self.deliveries)
    }
}

impl StoreTransaction<'_> {
    /// Without a lock: a transaction that begins after a change of an endpoint knows the change.
    pub(crate) fn read_subscriptions(
        &mut self,
        organizations: &BTreeSet<OrganizationId>,
    ) -> Result<Subscriptions, TransactionError> {
        let organizations: Vec<_> = organizations.iter().copied().collect();
        let mut subscriptions = Subscriptions::default();
        for one in query!(self.session, endpoints::subscriptions_of(&organizations))? {
            subscriptions.0.entry(one.organization).or_default().push(one);
        }
        Ok(subscriptions)
    }

    /// Writes leads and their events. Every change of a lead goes through this function.
    pub(crate) fn save_leads(
        &mut self,
        writes: LeadWrites<'_>,
        subscriptions: &Subscriptions,
        cases: &[ResolvedSubmission<'_>],
    ) -> Result<(), TransactionError> {
        self.insert_leads(writes.created)?;
        self.update_leads(writes.updated)?;
        if subscriptions.is_empty() {
            return Ok(());
        }
        let mut events = NewEvents::new(subscriptions, self.now);
        let causes = causes(cases);
        let before: BTreeMap<_, _> = writes.before.iter().map(|lead| (lead_key(lead), lead)).collect();
        for lead in writes.created {
            events.add_change(None, lead, Some(lead.id.into()));
        }
        for lead in writes.updated {
            let key = lead_key(lead);
            events.add_change(before.get(&key).copied(), lead, causes.get(&key).copied());
        }
        let saved: BTreeMap<_, _> = writes
            .before
            .iter()
            .chain(writes.created)
            .chain(writes.updated)
            .map(|lead| (lead_key(lead), lead))
            .collect();
        self.add_submission_events(&mut events, cases, &saved)?;
        events.write(self)
    }

    /// Writes changed leads and their events. No submission caused the changes. `before` may contain further leads.
    pub(crate) fn change_leads(&mut self, before: &[Lead], updated: &[Lead]) -> Result<(), TransactionError> {
        if updated.is_empty() {
            return Ok(());
        }
        let organizations = updated.iter().map(|lead| lead.organization).collect();
        let subscriptions = self.read_subscriptions(&organizations)?;
        self.save_leads(LeadWrites { created: &[], updated, before }, &subscriptions, &[])
    }

    /// Events about submissions that changed no lead.
    fn add_submission_events(
        &mut self,
        events: &mut NewEvents<'_>,
        cases: &[ResolvedSubmission<'_>],
        saved: &BTreeMap<ScopedId<LeadId>, &Lead>,
    ) -> Result<(), TransactionError> {
        let matched = |case: &&ResolvedSubmission<'_>| {
            matches!(case.resolved.outcome, Outcome::Duplicate | Outcome::Linked)
        };
        let wanted = events.subscriptions.any_wants(EventType::LeadDuplicate);
        let duplicates: Vec<_> = cases.iter().filter(matched).filter(|_| wanted).collect();
        let unread: BTreeSet<_> = duplicates
            .iter()
            .filter_map(|case| lead_of(case))
            .filter(|key| !saved.contains_key(key))
            .collect();
        let read = self.read_leads(&unread)?;
        let read: BTreeMap<_, _> = read.iter().map(|lead| (lead_key(lead), lead)).collect();
        for case in duplicates {
            let Some(lead) = lead_of(case).and_then(|key| saved.get(&key).or_else(|| read.get(&key))) else {
                continue;
            };
            let detail = EventDetail { outcome: Some(case.resolved.outcome), ..EventDetail::default() };
            let submission = Some(case.normalized.submission.id);
            events.add(EventType::LeadDuplicate, &Subject::lead(lead, submission), detail);
        }
        for case in cases {
            let Some(reason) = case.resolved.quarantine else { continue };
            events.add_quarantined(&case.normalized.submission, reason);
        }
        Ok(())
    }

    /// Writes the events of submissions that are quarantined apart from a commit.
    pub(crate) fn announce_quarantined<'q>(
        &mut self,
        quarantined: impl IntoIterator<Item = (&'q Submission, QuarantineReason)>,
    ) -> Result<(), TransactionError> {
        let quarantined: Vec<_> = quarantined.into_iter().collect();
        if quarantined.is_empty() {
            return Ok(());
        }
        let organizations = quarantined.iter().map(|(submission, _)| submission.organization).collect();
        let subscriptions = self.read_subscriptions(&organizations)?;
        let mut events = NewEvents::new(&subscriptions, self.now);
        quarantined.into_iter().for_each(|(submission, reason)| events.add_quarantined(submission, reason));
        events.write(self)
    }

    /// Empties the events of those leads that are rebuilt because a contributor was erased.
    pub(crate) fn empty_events_to_rebuild(&mut self, leads: &[Lead]) -> Result<(), TransactionError> {
        let Some(Lead { organization, .. }) = leads.first() else { return Ok(()) };
        let marked = query!(self.session, erasure::leads_to_rebuild(*organization))?;
        let marked: BTreeSet<_> = marked.into_iter().map(|(lead, _)| lead).collect();
        let leads: Vec<_> = leads.iter().map(|lead| lead.id).filter(|id| marked.contains(id)).collect();
        if leads.is_empty() { Ok(()) } else { empty(self.session, *organization, &leads) }
    }

    fn insert_events(
        &mut self,
        events: &[Event],
        deliveries: &[NewDelivery],
    ) -> Result<(), TransactionError> {
        if events.is_empty() {
            return Ok(());
        }
        let mode = self.session.insert_mode;
        query!(self.session, deliveries::insert_events(mode, events))?;
        query!(self.session, deliveries::insert_deliveries(mode, deliveries))
    }
}

/// Removes the leads from their events, and the responses of receivers. Deliveries are withdrawn.
pub(crate) fn empty(
    session: &mut StoreConnection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> Result<(), TransactionError> {
    let events = query!(session, events::events_of_leads(organization, leads))?;
    for chunk in events.chunks(EMPTIED_AT_ONCE) {
        query!(session, events::empty_events(organization, chunk))?;
        query!(session, deliveries::empty_responses(organization, chunk))?;
        query!(session, deliveries::withdraw_deliveries(organization, chunk))?;
    }
    Ok(())
}

/// Empties the events of leads that are deleted, and adds the event [`EventType::LeadErased`] for each.
pub(crate) fn lead_deletion(
    session: &mut StoreConnection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> Result<(), TransactionError> {
    empty(session, organization, leads)?;
    let mut tx = StoreTransaction::new(session);
    let subscriptions = tx.read_subscriptions(&BTreeSet::from([organization]))?;
    if subscriptions.is_empty() {
        return Ok(());
    }
    let mut events = NewEvents::new(&subscriptions, tx.now);
    // Some may be deleted already.
    for lead in tx.read_leads(&leads.iter().map(|id| ScopedId { organization, id: *id }).collect())? {
        let subject = Subject { lead: None, ..Subject::lead(&lead, None) };
        events.add(EventType::LeadErased, &subject, EventDetail::default());
    }
    events.write(&mut tx)
}

/// Adds the event [`EventType::EndpointDisabled`], for the other endpoints of the organization.
pub(crate) fn endpoint_disabled(
    session: &mut StoreConnection,
    organization: OrganizationId,
    endpoint: EndpointId,
) -> Result<(), TransactionError> {
    let mut tx = StoreTransaction::new(session);
    let subscriptions = tx.read_subscriptions(&BTreeSet::from([organization]))?;
    let mut events = NewEvents::new(&subscriptions, tx.now);
    let subject = Subject { organization, source: None, lead_id: None, lead: None, submission: None };
    let detail = EventDetail { endpoint: Some(endpoint), ..EventDetail::default() };
    events.add(EventType::EndpointDisabled, &subject, detail);
    events.write(&mut tx)
}

fn lead_key(lead: &Lead) -> ScopedId<LeadId> {
    ScopedId { organization: lead.organization, id: lead.id }
}

fn lead_of(case: &ResolvedSubmission<'_>) -> Option<ScopedId<LeadId>> {
    let organization = case.normalized.submission.organization;
    case.resolved.lead.map(|id| ScopedId { organization, id })
}

/// The last submission that changed each lead.
fn causes(cases: &[ResolvedSubmission<'_>]) -> BTreeMap<ScopedId<LeadId>, SubmissionId> {
    let changed =
        cases.iter().filter(|case| matches!(case.resolved.outcome, Outcome::Created | Outcome::Updated));
    changed.filter_map(|case| Some((lead_of(case)?, case.normalized.submission.id))).collect()
}
