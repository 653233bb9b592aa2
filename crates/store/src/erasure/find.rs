//! Finds the data of a person in an organization: by indexed keys, and by reading the quarantine.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::{
    DataSubject, Email, LeadId, OrganizationId, Phone, Region, SourceId, Submission, SubmissionId,
};
use uuid::Uuid;

use super::{CHUNK, ErasureSubject};
use crate::connection::query;
use crate::error::StoreError;
use crate::quarantine_entries::QuarantineContent;
use crate::store::Store;
use crate::submissions::unwrap;

/// Whole submissions per page.
const PAGE: u32 = 50;

/// The data that was found about a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubjectRecords {
    pub submissions: BTreeSet<SubmissionId>,
    /// Quarantine entries that contain a submission themselves.
    pub entries: BTreeSet<Uuid>,
    /// The person's leads: leads with the phone or the email, and leads in the request.
    pub leads: BTreeSet<LeadId>,
}

type SourceRegions = BTreeMap<SourceId, Region>;

impl Store {
    /// The person with these values and leads.
    ///
    /// The phone and the email of a requested lead count as requested. If a lead has one requested value, its
    /// other value also belongs to the person, unless other leads have it too.
    pub async fn find_subject(
        &self,
        organization: OrganizationId,
        mut given: DataSubject,
        leads: &[LeadId],
    ) -> Result<ErasureSubject, StoreError> {
        let named: Vec<_> = leads.iter().map(|lead| (organization, *lead)).collect();
        let named = self.leads_of(&named).await?;
        for lead in &named {
            add(&mut given, lead.e164(), lead.email_address());
        }
        let (mut sought, mut shared) = (given.clone(), 0);
        let mut beside = BTreeSet::new();
        for contact in self.contacts(organization, &given).await? {
            beside.extend(contact.phone.filter(|phone| !given.has_phone(phone)).map(|one| (true, one)));
            beside.extend(contact.email.filter(|email| !given.has_email(email)).map(|one| (false, one)));
        }
        for (is_phone, value) in beside {
            let value = Some(value.as_str());
            let mut one = DataSubject::default();
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
        let leads = named.into_iter().map(|lead| lead.id).collect();
        Ok(ErasureSubject { given, sought, leads, shared })
    }

    /// Finds a person's leads and submissions. `read` is called with the number of further submissions that
    /// were read.
    pub async fn find_person(
        &self,
        organization: OrganizationId,
        person: &ErasureSubject,
        mut read: impl FnMut(usize),
    ) -> Result<SubjectRecords, StoreError> {
        let contacts = self.contacts(organization, &person.sought).await?;
        let mut finding = SubjectRecords { leads: person.leads.clone(), ..SubjectRecords::default() };
        finding.leads.extend(contacts.into_iter().map(|contact| contact.id));
        finding.submissions = self.submissions_of(organization, &finding.leads).await?;
        let regions = self.regions(organization).await?;
        self.find_in_leads_of_others(organization, person, &regions, &mut finding, &mut read).await?;
        self.find_in_quarantine(organization, person, &regions, &mut finding, &mut read).await?;
        Ok(finding)
    }

    pub(super) async fn submissions_of(
        &self,
        organization: OrganizationId,
        leads: &BTreeSet<LeadId>,
    ) -> Result<BTreeSet<SubmissionId>, StoreError> {
        let leads: Vec<_> = leads.iter().copied().collect();
        self.read(move |session| {
            let mut found = BTreeSet::new();
            for chunk in leads.chunks(CHUNK) {
                found.extend(query!(session, outcomes::submissions_of_leads(organization, chunk))?);
            }
            Ok(found)
        })
        .await
    }

    /// A lead of another holds the person's claim where it was once given the person's value. Of its
    /// submissions those are the person's that name one.
    async fn find_in_leads_of_others(
        &self,
        organization: OrganizationId,
        person: &ErasureSubject,
        regions: &SourceRegions,
        finding: &mut SubjectRecords,
        read: &mut impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let keys = person.sought.claim_keys(&self.match_key().await?, organization);
        let claims = match keys.as_slice() {
            [] => Vec::new(),
            _ => self.read(move |session| query!(session, claims::read_claims(keys.iter()))).await?,
        };
        let mut others: BTreeSet<_> = claims.into_iter().map(|claim| claim.lead).collect();
        // An erasure that was cut off may have released the claim already.
        others.extend(self.leads_to_rebuild_state(organization).await?.into_iter().map(|(lead, _)| lead));
        others.retain(|lead| !finding.leads.contains(lead));
        let candidates: Vec<_> = self.submissions_of(organization, &others).await?.into_iter().collect();
        for chunk in candidates.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
            let chunk = chunk.to_vec();
            let found = self
                .read(move |session| query!(session, submissions::unerased_submissions(organization, &chunk)))
                .await?;
            read(found.len());
            for submission in found {
                let region = regions.get(&submission.source).copied();
                if person.sought.matches_fields(&submission.fields, region) {
                    finding.submissions.insert(submission.id);
                }
            }
        }
        Ok(())
    }

    /// Quarantined submissions have no keys, so every entry is read, and a value anywhere in it counts.
    async fn find_in_quarantine(
        &self,
        organization: OrganizationId,
        person: &ErasureSubject,
        regions: &SourceRegions,
        finding: &mut SubjectRecords,
        read: &mut impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let mut after = Uuid::nil();
        loop {
            let found = self
                .read(move |session| query!(session, quarantine::page_of_contents(organization, after, PAGE)))
                .await?;
            let Some(last) = found.last() else { return Ok(()) };
            after = last.id;
            read(found.len());
            for entry in found {
                let (id, submission) = (entry.id, entry.submission);
                if !entry.mentions(&person.sought, regions)? {
                    continue;
                }
                if id == submission.as_uuid() {
                    finding.submissions.insert(submission);
                } else {
                    finding.entries.insert(id);
                }
            }
        }
    }

    async fn regions(&self, organization: OrganizationId) -> Result<SourceRegions, StoreError> {
        let sources = self.sources(organization).await?;
        Ok(sources.iter().filter_map(|source| Some((source.id, source.default_region?))).collect())
    }
}

impl QuarantineContent {
    fn mentions(self, sought: &DataSubject, regions: &SourceRegions) -> Result<bool, StoreError> {
        let wrapped = [self.document, self.repair].into_iter().flatten();
        let mut all = wrapped.map(|whole| unwrap(&whole)).collect::<Result<Vec<_>, _>>()?;
        all.extend(self.stored);
        let names = |one: &Submission| {
            let region = regions.get(&one.source).copied();
            sought.matches_fields(&one.fields, region) || sought.occurs_in_submission(one)
        };
        Ok(all.iter().any(names))
    }
}

/// Values as leads hold them.
fn add(sought: &mut DataSubject, e164: Option<&str>, address: Option<&str>) {
    if let Some(phone) = e164.and_then(|phone| Phone::parse(phone, None).ok()) {
        sought.add_phone(phone);
    }
    if let Some(email) = address.and_then(Email::from_stored) {
        sought.add_email(email);
    }
}
