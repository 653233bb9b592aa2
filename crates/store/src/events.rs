//! Events: written in the transaction that causes them, with a delivery for each endpoint that wants them.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::{
    EndpointId, EndpointSettings, EventDetail, EventId, EventType, Lead, LeadId, OrganizationId, Outcome,
    QuarantineReason, ResolvedSubmission, SourceId, Submission, SubmissionId, Timestamp,
};

use crate::connection::{StoreConnection, query};
use crate::dispatch::NewDelivery;
use crate::error::{StoreError, TransactionError};
use crate::rows::{ScopedId, SerializedLead};
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

/// An event to add.
pub(crate) struct NewEvent<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) id: EventId,
    pub(crate) kind: EventType,
    pub(crate) lead: Option<LeadId>,
    pub(crate) submission: Option<SubmissionId>,
    pub(crate) at: Timestamp,
    /// The document of the lead.
    pub(crate) document: Option<&'a str>,
    pub(crate) detail: EventDetail,
}

/// The events of a transaction, and who wants them.
struct NewEvents<'a> {
    subscriptions: &'a Subscriptions,
    now: Timestamp,
    events: Vec<NewEvent<'a>>,
    deliveries: Vec<NewDelivery>,
}

/// What an event is about.
struct Subject<'a> {
    organization: OrganizationId,
    source: Option<SourceId>,
    lead_id: Option<LeadId>,
    lead: Option<&'a SerializedLead<'a>>,
    submission: Option<SubmissionId>,
}

impl<'a> Subject<'a> {
    fn lead(serialized: &'a SerializedLead<'a>, submission: Option<SubmissionId>) -> Self {
        Self { lead: Some(serialized), submission, ..Self::deleted_lead(serialized.lead) }
    }

    fn deleted_lead(lead: &Lead) -> Self {
        Self {
            organization: lead.organization,
            source: Some(lead.source),
            lead_id: Some(lead.id),
            lead: None,
            submission: None,
        }
    }
}

impl<'a> NewEvents<'a> {
    fn new(subscriptions: &'a Subscriptions, now: Timestamp) -> Self {
        Self { subscriptions, now, events: Vec::new(), deliveries: Vec::new() }
    }

    fn add(&mut self, kind: EventType, subject: &Subject<'a>, detail: EventDetail) {
        let Subject { organization, source, lead_id, lead, submission } = *subject;
        let wants = |one: &&EndpointSubscription| {
            one.settings.wants(kind, source, lead.map(|lead| lead.lead))
                && detail.endpoint != Some(one.endpoint)
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
        self.events.push(NewEvent {
            organization,
            id,
            kind,
            lead: lead_id,
            submission,
            at: self.now,
            document: lead.map(|lead| lead.document.as_str()),
            detail: EventDetail { source: source.filter(|_| lead.is_none()), ..detail },
        });
    }

    fn add_change(
        &mut self,
        before: Option<&Lead>,
        after: &'a SerializedLead<'a>,
        cause: Option<ChangeCause>,
    ) {
        let kinds = EventType::of_change(before, after.lead);
        let submission = cause.map(|cause| cause.submission);
        let corrected = cause.is_some_and(|cause| cause.is_correction);
        // A client repeats the values of its lead.
        if before.is_some() && cause.is_some() && !corrected && !kinds.contains(&EventType::LeadUpdated) {
            let detail = EventDetail { outcome: Some(Outcome::Updated), ..EventDetail::default() };
            self.add(EventType::LeadDuplicate, &Subject::lead(after, submission), detail);
        }
        for kind in kinds {
            let previous_status = match (kind, before) {
                (EventType::LeadStatusChanged, Some(before)) => Some(before.status.to_string()),
                _ => None,
            };
            let detail = EventDetail { previous_status, corrected, ..EventDetail::default() };
            self.add(kind, &Subject::lead(after, submission), detail);
        }
    }

    /// Events about submissions that changed no lead.
    fn add_unchanged(
        &mut self,
        cases: &[ResolvedSubmission<'_>],
        leads: &BTreeMap<ScopedId<LeadId>, &'a SerializedLead<'a>>,
    ) {
        for case in cases {
            let submission = &case.normalized.submission;
            if let Some(lead) = lead_of(case).filter(|_| is_match(case)).and_then(|key| leads.get(&key)) {
                let detail = EventDetail { outcome: Some(case.resolved.outcome), ..EventDetail::default() };
                self.add(EventType::LeadDuplicate, &Subject::lead(lead, Some(submission.id)), detail);
            }
            if let Some(reason) = case.resolved.quarantine {
                self.add_quarantined(submission, reason);
            }
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
        let (created, updated) = (serialized(writes.created)?, serialized(writes.updated)?);
        self.insert_leads(&created)?;
        self.update_leads(&updated)?;
        if subscriptions.is_empty() {
            return Ok(());
        }
        let mut events = NewEvents::new(subscriptions, self.now);
        let causes = causes(cases);
        let before: BTreeMap<_, _> = writes.before.iter().map(|lead| (lead_key(lead), lead)).collect();
        for lead in &created {
            let cause = ChangeCause { submission: lead.lead.id.into(), is_correction: false };
            events.add_change(None, lead, Some(cause));
        }
        for lead in &updated {
            let key = lead.key();
            events.add_change(before.get(&key).copied(), lead, causes.get(&key).copied());
        }
        let matched = self.read_matched_leads(subscriptions, cases, writes)?;
        let matched = serialized(&matched)?;
        let saved = matched.iter().chain(&created).chain(&updated).map(|lead| (lead.key(), lead)).collect();
        events.add_unchanged(cases, &saved);
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

    /// The leads that submissions matched and did not change, if an endpoint wants to know of them.
    fn read_matched_leads(
        &mut self,
        subscriptions: &Subscriptions,
        cases: &[ResolvedSubmission<'_>],
        writes: LeadWrites<'_>,
    ) -> Result<Vec<Lead>, TransactionError> {
        if !subscriptions.any_wants(EventType::LeadDuplicate) {
            return Ok(Vec::new());
        }
        let mut matched: BTreeSet<_> =
            cases.iter().filter(|case| is_match(case)).filter_map(lead_of).collect();
        for lead in writes.created.iter().chain(writes.updated) {
            matched.remove(&lead_key(lead));
        }
        let known: Vec<Lead> =
            writes.before.iter().filter(|lead| matched.remove(&lead_key(lead))).cloned().collect();
        Ok([known, self.read_leads(&matched)?].concat())
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
        events: &[NewEvent<'_>],
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
        events.add(EventType::LeadErased, &Subject::deleted_lead(&lead), EventDetail::default());
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

fn serialized(leads: &[Lead]) -> Result<Vec<SerializedLead<'_>>, StoreError> {
    leads.iter().map(SerializedLead::new).collect()
}

/// Whether a submission matched a lead and did not change it.
fn is_match(case: &ResolvedSubmission<'_>) -> bool {
    matches!(case.resolved.outcome, Outcome::Duplicate | Outcome::Linked)
}

fn lead_key(lead: &Lead) -> ScopedId<LeadId> {
    ScopedId { organization: lead.organization, id: lead.id }
}

fn lead_of(case: &ResolvedSubmission<'_>) -> Option<ScopedId<LeadId>> {
    let organization = case.normalized.submission.organization;
    case.resolved.lead.map(|id| ScopedId { organization, id })
}

/// The submission that changed a lead.
#[derive(Clone, Copy)]
struct ChangeCause {
    submission: SubmissionId,
    /// Whether it is the change of an operator, which is stored as a submission, too.
    is_correction: bool,
}

/// The last submission that changed each lead.
fn causes(cases: &[ResolvedSubmission<'_>]) -> BTreeMap<ScopedId<LeadId>, ChangeCause> {
    let changed =
        cases.iter().filter(|case| matches!(case.resolved.outcome, Outcome::Created | Outcome::Updated));
    let cause = |case: &ResolvedSubmission<'_>| ChangeCause {
        submission: case.normalized.submission.id,
        is_correction: case.normalized.submission.fields.correction.is_some(),
    };
    changed.filter_map(|case| Some((lead_of(case)?, cause(case)))).collect()
}
