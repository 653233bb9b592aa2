//! Everything that an organization holds of a person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    Email, LeadId, OrganizationId, Phone, Region, Sought, SourceId, Submission, SubmissionId, SuppressionKey,
    SuppressionKind, Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Belongings;
use super::empty::{Target, load};
use crate::error::{Fault, StoreError};
use crate::rows::One;
use crate::session::Session;
use crate::store::Store;
use crate::submissions::{Stored, unwrap};

/// Submissions per page.
const PAGE: u32 = 500;

/// Who is looked for.
#[derive(Clone)]
pub enum Whom {
    Person(Arc<Sought>),
    /// People who were erased, by their keys and when that began: only what was received before.
    Keys(Arc<(MatchKey, BTreeMap<SuppressionKey, Timestamp>)>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Not,
    Mentioned,
    Named,
}

impl Whom {
    fn is_named_by(&self, submission: &Submission, region: Option<Region>) -> Naming {
        match self {
            Self::Person(sought) if sought.is_named_by(&submission.fields, region) => Naming::Named,
            Self::Person(sought) if sought.is_mentioned_in(submission) => Naming::Mentioned,
            Self::Keys(keys) if in_time(&keys.0, &keys.1, submission, region) => Naming::Named,
            Self::Person(_) | Self::Keys(_) => Naming::Not,
        }
    }
}

/// Whether a submission was on its way when somebody was erased whom it names.
fn in_time(
    matching: &MatchKey,
    keys: &BTreeMap<SuppressionKey, Timestamp>,
    submission: &Submission,
    region: Option<Region>,
) -> bool {
    let fields = &submission.fields;
    let key = |kind, value: &str| SuppressionKey::of(matching, submission.organization, kind, value);
    let phone = fields.phone.value().and_then(|raw| {
        let phone = Phone::parse(raw, fields.phone_country.or(region)).ok()?;
        Some(key(SuppressionKind::Phone, phone.e164()))
    });
    let email = fields
        .email
        .value()
        .and_then(|raw| Some(key(SuppressionKind::Email, &Email::parse(raw).ok()?.identity())));
    let named = phone.into_iter().chain(email).filter_map(|key| keys.get(&key));
    named.into_iter().any(|begun_at| submission.received_at < *begun_at)
}

/// What was found of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finding {
    pub submissions: BTreeSet<SubmissionId>,
    /// Entries of the quarantine that hold a submission of their own.
    pub entries: BTreeSet<Uuid>,
    /// Leads with the person's phone or email.
    pub leads: BTreeSet<LeadId>,
    /// Submissions of others that name the person somewhere else.
    pub mentioned: BTreeSet<SubmissionId>,
}

impl Finding {
    /// Whether submissions that only mention the person are counted as the person's.
    pub fn count_mentions(&mut self, do_count: bool) {
        if do_count {
            self.submissions.append(&mut self.mentioned);
        }
    }
}

#[derive(Serialize, Clone, Copy)]
pub(crate) struct Between {
    pub(crate) organization: OrganizationId,
    /// After this one.
    pub(crate) id: Uuid,
    pub(crate) before: Uuid,
    pub(crate) most: u32,
}

impl Between {
    pub(crate) fn all(organization: OrganizationId) -> Self {
        Self { organization, id: Uuid::nil(), before: Uuid::max(), most: PAGE }
    }
}

impl Store {
    /// Takes the other value of a lead that has a given one for the person's own, unless somebody else has it, too.
    /// Both values of the leads that are named are given.
    pub async fn belongings(
        &self,
        organization: OrganizationId,
        given: &mut Sought,
        leads: &[LeadId],
    ) -> Result<Belongings, StoreError> {
        let named: Vec<_> = leads.iter().map(|lead| (organization, *lead)).collect();
        for lead in self.leads_of(&named).await? {
            add(given, lead.e164(), lead.email_address());
        }
        let (mut sought, mut shared) = (given.clone(), 0);
        let mut beside = BTreeSet::new();
        for contact in self.contacts(organization, given).await? {
            beside.extend(contact.phone.filter(|phone| !given.has_phone(phone)).map(|one| (true, one)));
            beside.extend(contact.email.filter(|email| !given.has_email(email)).map(|one| (false, one)));
        }
        for (is_phone, value) in beside {
            let value = Some(value.as_str());
            let mut one = Sought::default();
            add(&mut one, value.filter(|_| is_phone), value.filter(|_| !is_phone));
            let others = self.contacts(organization, &one).await?.into_iter().any(|contact| match is_phone {
                true => contact.email.is_some_and(|email| !given.has_email(&email)),
                false => contact.phone.is_some_and(|phone| !given.has_phone(&phone)),
            });
            if others {
                shared += 1;
            } else {
                sought.extend(one);
            }
        }
        Ok(Belongings { sought, shared })
    }

    /// Finds what a person left, by the leads and by going through every submission of the organization.
    pub async fn find_person(
        &self,
        organization: OrganizationId,
        whom: Whom,
        looked_at: impl FnMut(usize),
    ) -> Result<Finding, StoreError> {
        let mut finding = Finding::default();
        if let Whom::Person(sought) = &whom {
            let contacts = self.contacts(organization, sought).await?;
            finding.leads = contacts.into_iter().map(|contact| contact.id).collect();
            let leads: Vec<_> = finding.leads.iter().map(|id| One { organization, id: *id }).collect();
            let theirs = self.read(move |session| {
                load::<_, SubmissionId>(session, session.sql.erasure.submissions_of, &leads)
            });
            finding.submissions = theirs.await?.into_iter().collect();
        }
        self.look_through(Between::all(organization), whom.clone(), &mut finding, looked_at).await?;
        self.look_aside(organization, whom, &mut finding).await?;
        self.promote_quarantined(organization, &mut finding).await?;
        Ok(finding)
    }

    /// Submissions between two ids.
    pub(super) async fn look_through(
        &self,
        mut page: Between,
        whom: Whom,
        finding: &mut Finding,
        mut looked_at: impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let regions = Arc::new(self.regions(page.organization).await?);
        loop {
            let (whom, regions) = (whom.clone(), Arc::clone(&regions));
            let found = self.read(move |session| look(session, page, &whom, &regions));
            let Looked { count, last, named, mentioned } = found.await?;
            looked_at(count);
            finding.submissions.extend(named);
            finding.mentioned.extend(mentioned.into_iter().filter(|id| !finding.submissions.contains(id)));
            match last {
                Some(last) => page.id = last,
                None => return Ok(()),
            }
        }
    }

    /// Entries of the quarantine that hold a submission of their own: all of it is erased where it names the person.
    pub(super) async fn look_aside(
        &self,
        organization: OrganizationId,
        whom: Whom,
        finding: &mut Finding,
    ) -> Result<(), StoreError> {
        let mut page = Between { most: PAGE / 10, ..Between::all(organization) };
        let regions = self.regions(organization).await?;
        loop {
            let found = self.read(move |session| session.load(session.sql.erasure.documents, &[page]));
            let found: Vec<Aside> = found.await?;
            let Some(last) = found.last() else { return Ok(()) };
            page.id = last.id();
            for aside in found {
                aside.look(&whom, &regions, finding)?;
            }
        }
    }

    /// What is quarantined was not understood: a mention is all that can be found in it.
    async fn promote_quarantined(
        &self,
        organization: OrganizationId,
        finding: &mut Finding,
    ) -> Result<(), StoreError> {
        finding.mentioned.retain(|id| !finding.submissions.contains(id));
        let mentioned: Vec<_> = finding.mentioned.iter().map(|id| One { organization, id: *id }).collect();
        for chunk in mentioned.chunks(super::CHUNK) {
            let chunk = chunk.to_vec();
            let targets = self.read(move |session| session.load(session.sql.erasure.targets, &chunk));
            let targets: Vec<Target> = targets.await?;
            for quarantined in targets.iter().filter(|target| target.is_quarantined()) {
                finding.mentioned.remove(&quarantined.submission);
                finding.submissions.insert(quarantined.submission);
            }
        }
        Ok(())
    }

    async fn regions(&self, organization: OrganizationId) -> Result<BTreeMap<SourceId, Region>, StoreError> {
        let sources = self.sources(organization).await?;
        Ok(sources.iter().filter_map(|source| Some((source.id, source.default_region?))).collect())
    }
}

/// An entry of the quarantine with the submission that came under the id of another, and what somebody made of it.
#[derive(Deserialize)]
struct Aside(Uuid, SubmissionId, Option<String>, Option<String>);

impl Aside {
    fn id(&self) -> Uuid {
        self.0
    }

    fn look(
        self,
        whom: &Whom,
        regions: &BTreeMap<SourceId, Region>,
        finding: &mut Finding,
    ) -> Result<(), StoreError> {
        let Self(id, submission, document, mended) = self;
        for whole in [document, mended].into_iter().flatten() {
            let whole = unwrap(&whole)?;
            if whom.is_named_by(&whole, regions.get(&whole.source).copied()) == Naming::Not {
                continue;
            }
            if id == submission.as_uuid() {
                finding.submissions.insert(submission);
            } else {
                finding.entries.insert(id);
            }
        }
        Ok(())
    }
}

struct Looked {
    count: usize,
    last: Option<Uuid>,
    named: Vec<SubmissionId>,
    mentioned: Vec<SubmissionId>,
}

fn look(
    session: &mut Session,
    page: Between,
    whom: &Whom,
    regions: &BTreeMap<SourceId, Region>,
) -> Result<Looked, Fault> {
    let rows: Vec<(SubmissionId, Option<Stored>)> = session.load(session.sql.erasure.page, &[page])?;
    let last = rows.last().map(|(id, _)| id.as_uuid());
    let mut looked = Looked { count: rows.len(), last, named: Vec::new(), mentioned: Vec::new() };
    for (id, stored) in rows {
        let Some(stored) = stored else { continue };
        let submission = stored.submission()?;
        let region = regions.get(&submission.source).copied();
        match whom.is_named_by(&submission, region) {
            Naming::Named => looked.named.push(id),
            Naming::Mentioned => looked.mentioned.push(id),
            Naming::Not => {}
        }
    }
    Ok(looked)
}

/// Values as leads hold them.
fn add(sought: &mut Sought, e164: Option<&str>, address: Option<&str>) {
    if let Some(phone) = e164.and_then(|phone| Phone::parse(phone, None).ok()) {
        sought.add_phone(phone);
    }
    if let Some(email) = address.and_then(Email::kept) {
        sought.add_email(email);
    }
}
