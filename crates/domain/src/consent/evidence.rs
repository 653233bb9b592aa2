//! Evidence of consent. It is kept after the personal data is deleted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    CommitAction, Consent, LeadId, NormalizedSubmission, NormalizedValues, OrganizationId, PersonDigest,
    ResolvedSubmission, Salt, SourceId, SubmissionId, TextField, Timestamp,
};

/// The revision of the evidence format. The first build wrote revision 1.
const REVISION: u32 = 1;

/// The consent of a submission: when and on which page. Personal data is only in [`ConsentEvidence::person`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentEvidence {
    pub organization: OrganizationId,
    pub submission: SubmissionId,
    /// The lead that the submission created or matched.
    pub lead: Option<LeadId>,
    pub source: SourceId,
    pub received_at: Timestamp,
    pub recorded_at: Timestamp,
    /// The time as it was sent, if it can be parsed. A text that cannot be parsed may contain personal data.
    pub consent_timestamp: Option<String>,
    /// The parsed time.
    pub consented_at: Option<Timestamp>,
    pub text_version: Option<String>,
    /// The page URL without parts that may contain personal data.
    pub page_url: Option<String>,
    pub trustedform_certificate: Option<String>,
    pub jornaya_leadid: Option<String>,
    /// `None` if only the digest is disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Salt>,
    /// SHA-256 of the 32 bytes of the salt and the text of the person document.
    pub digest: PersonDigest,
    pub revision: u32,
    /// `None` after the person was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonDocument>,
}

impl ConsentEvidence {
    /// The evidence of a judged submission; `None` if it has no consent, refuses consent, or is quarantined.
    pub fn from_resolved(resolved: &ResolvedSubmission<'_>, salt: Salt, now: Timestamp) -> Option<Self> {
        let NormalizedSubmission { submission, action: CommitAction::Judge { reading, .. }, .. } =
            resolved.normalized
        else {
            return None;
        };
        let consent = submission.fields.consent.value();
        let consent =
            consent.filter(|consent| resolved.resolved.quarantine.is_none() && !consent.consent_refused)?;
        let person = PersonDocument::new(consent, &submission.client, reading);
        let consented_at = consent.consented_at();
        Some(Self {
            organization: submission.organization,
            submission: submission.id,
            lead: resolved.resolved.lead,
            source: submission.source,
            received_at: submission.received_at,
            recorded_at: now,
            consent_timestamp: consented_at.and_then(|_| consent.consent_timestamp.clone()),
            consented_at,
            text_version: consent.consent_text_version.clone(),
            page_url: consent.source_url.as_deref().and_then(strip_personal_parts),
            trustedform_certificate: consent.trustedform_certificate().and_then(Result::ok),
            jornaya_leadid: consent.jornaya_leadid().and_then(Result::ok),
            salt: Some(salt),
            digest: person.digest(&salt),
            revision: REVISION,
            person: Some(person),
        })
    }

    /// Whether the person document has the stored digest; `None` if the document or the salt is missing.
    pub fn person_matches_digest(&self) -> Option<bool> {
        Some(self.person.as_ref()?.digest(self.salt.as_ref()?) == self.digest)
    }
}

/// The personal data of the person who consented: a JSON document in the form in which it is digested. It is
/// kept as text, so that it is never reformatted.
///
/// The members are sorted by the code points of their names, without white space. Missing values have no
/// member.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonDocument(String);

#[derive(Serialize)]
struct PersonFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    /// E.164, or the raw text of an invalid phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    /// All members that were sent with the consent.
    consent: &'a Consent,
}

impl PersonDocument {
    fn new(consent: &Consent, client: &crate::ClientInfo, reading: &NormalizedValues) -> Self {
        let text = |field| reading.texts.get(&field)?.as_deref();
        let phone = reading.phone.value().map(|phone| phone.e164.as_deref().unwrap_or(&phone.raw));
        let email = reading.email.value().map(|email| email.address.as_deref().unwrap_or(&email.raw));
        let document = serde_json::to_value(PersonFields {
            full_name: text(TextField::FullName),
            first_name: text(TextField::FirstName),
            last_name: text(TextField::LastName),
            phone,
            email,
            client_address: client.address.as_deref(),
            user_agent: client.user_agent.as_deref(),
            consent,
        });
        // The members of a `Value` are sorted.
        Self(document.unwrap_or_default().to_string())
    }

    pub fn digest(&self, salt: &Salt) -> PersonDigest {
        PersonDigest::compute(salt, &self.0)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PersonDocument(…)")
    }
}

/// A page URL without personal data: without credentials, query and fragment, and truncated before a path
/// segment that looks like an email address.
fn strip_personal_parts(url: &str) -> Option<String> {
    let url = url.trim();
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    let is_personal = |part: &&str| part.contains('@') || part.to_ascii_lowercase().contains("%40");
    let path: Vec<_> = path.split('/').take_while(|part| !is_personal(part)).collect();
    let separator = if scheme.is_empty() { "" } else { "://" };
    let page = format!("{scheme}{separator}{host}{}", path.join("/"));
    Some(page).filter(|page| !page.is_empty())
}

#[cfg(test)]
mod tests;
