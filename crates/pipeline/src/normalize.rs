//! Values into the one form in which they are stored and compared.

use std::sync::Arc;

use leadgate_domain::mapping::MappingFault;
use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    ActiveScoring, CertificateProblem, ClaimKey, ClaimKind, Disposition, Email, EmailView, Fields,
    GmailIdentity, Normalized, Phone, PhoneView, QuarantineReason, Reading, Region, Repair, Said, Source,
    Submission, TextField, TimeProblem, Trace, Zone, subscriber, validate,
};
use serde::Serialize;

use crate::places::Places;
use crate::{observe, screen};

mod texts;

/// What the trace says about a submission's values.
#[derive(Serialize)]
struct Part<'a> {
    phone: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_read_in: Option<Region>,
    email: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_reason: Option<String>,
    #[serde(flatten)]
    texts: texts::Part,
    /// What was put right before it was read, by its code.
    #[serde(rename = "repaired", skip_serializing_if = "Vec::is_empty")]
    repairs: Vec<&'a str>,
    /// What a public credential sent and may not set, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_trusted: Vec<&'a str>,
    /// The source's zone, in which the time of the consent was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_time_read_in: Option<&'a str>,
    /// Why the time of the consent cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_time: Option<TimeProblem>,
    /// Why what was sent as a certificate of consent is none; it is kept as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_trustedform: Option<CertificateProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_jornaya: Option<CertificateProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

/// What the trace says about a submission that cannot be judged.
#[derive(Serialize)]
struct Aside<'a> {
    quarantined: QuarantineReason,
    /// The field that could not be filled, and why; no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<&'a MappingFault>,
}

/// Reads a submission's phone, email and texts, and derives the keys by which it is recognized.
///
/// `source` is the submission's, if it still exists. What cannot be judged is told apart here: it goes through
/// the same commit, into quarantine.
pub(crate) fn normalize(
    mut submission: Submission,
    source: Option<Arc<Source>>,
    scoring: Arc<ActiveScoring>,
    matching: &MatchKey,
    places: Option<&Places>,
) -> Normalized {
    let source = source.filter(|source| source.organization == submission.organization);
    let Some(source) = source else {
        return quarantine(submission, QuarantineReason::SourceGone);
    };
    if submission.mapping_fault.is_some() {
        return quarantine(submission, QuarantineReason::MappingFailed);
    }
    if !validate::submission(&submission) {
        return quarantine(submission, QuarantineReason::Invalid);
    }
    if let Said::Value(consent) = &mut submission.fields.consent {
        consent.read_time_in(source.timezone.as_ref());
    }
    let region = submission.fields.phone_country.or(source.default_region);
    let Contact { phone, email, repairs } = contact(&submission.fields, region);
    let country = phone.value().and_then(|phone| phone.region).or(region);
    let (texts, texts_part) = texts::read(&submission.fields.texts, country);
    let observed = observe::client(&submission.client, places);
    let keys = identity_keys(&submission, &source, &phone, &email, matching);
    let idempotency = submission.idempotency_key_hash.map(|key| ClaimKey {
        organization: submission.organization,
        kind: ClaimKind::Idempotency,
        key,
    });
    let watched = screen::keys(
        matching,
        submission.organization,
        phone.value().and_then(|phone| phone.e164.as_deref()),
        email.value().and_then(|email| email.address.as_deref()),
    );
    let mut trace = Trace::default();
    let fields = &submission.fields;
    let repairs =
        fields.repairs.iter().map(String::as_str).chain(repairs.iter().map(|repair| repair.as_str()));
    let part = Part {
        texts: texts_part,
        repairs: repairs.collect(),
        ..part(&phone, &email, region, fields, &source)
    };
    trace.record("normalize", part);
    let reading = Box::new(Reading { phone, email, texts, observed, keys, idempotency, watched });
    Normalized { submission, disposition: Disposition::Judge { source, scoring, reading }, trace }
}

fn quarantine(submission: Submission, reason: QuarantineReason) -> Normalized {
    let mut trace = Trace::default();
    trace.record("normalize", Aside { quarantined: reason, mapping: submission.mapping_fault.as_ref() });
    Normalized { submission, disposition: Disposition::Quarantine(reason), trace }
}

/// By what the person can be contacted.
pub(crate) struct Contact {
    pub(crate) phone: Said<PhoneView>,
    pub(crate) email: Said<EmailView>,
    /// What was put right in the phone.
    repairs: Vec<Repair>,
}

pub(crate) fn contact(fields: &Fields, region: Option<Region>) -> Contact {
    let mut repairs = Vec::new();
    let phone = map(&fields.phone, |raw| phone(raw, region, &mut repairs));
    Contact { phone, email: map(&fields.email, email), repairs }
}

fn map<T>(said: &Said<String>, read: impl FnOnce(&str) -> T) -> Said<T> {
    match said {
        Said::Absent => Said::Absent,
        Said::Null => Said::Null,
        Said::Value(raw) if raw.trim().is_empty() => Said::Null,
        Said::Value(raw) => Said::Value(read(raw)),
    }
}

/// A bad phone is kept as it came: it never rejects a lead.
fn phone(raw: &str, region: Option<Region>, repairs: &mut Vec<Repair>) -> PhoneView {
    let raw = raw.to_owned();
    match Phone::parse(&raw, region) {
        Ok(phone) => {
            repairs.extend(phone.repairs());
            PhoneView {
                raw,
                e164: Some(phone.e164().to_owned()),
                valid: true,
                region: phone.region(),
                kind: Some(phone.kind()),
                extension: phone.extension().map(str::to_owned),
                note: phone.note().map(str::to_owned),
                reason: None,
            }
        }
        Err(problem) => PhoneView {
            raw,
            e164: None,
            valid: false,
            region: None,
            kind: None,
            extension: None,
            note: None,
            reason: Some(problem),
        },
    }
}

fn email(raw: &str) -> EmailView {
    let raw = raw.to_owned();
    match Email::parse(&raw) {
        Ok(email) => EmailView {
            address: Some(email.address().to_owned()),
            valid: true,
            kind: None,
            reason: None,
            raw,
        },
        Err(problem) => EmailView { raw, address: None, valid: false, kind: None, reason: Some(problem) },
    }
}

/// The supplied identity keys in the source's order. Test leads claim nothing; a phone claims only as E.164.
fn identity_keys(
    submission: &Submission,
    source: &Source,
    phone: &Said<PhoneView>,
    email: &Said<EmailView>,
    matching: &MatchKey,
) -> Vec<ClaimKey> {
    if submission.fields.is_test {
        return Vec::new();
    }
    let value = |kind| key_value(kind, &submission.fields, phone, email);
    let key = |kind| ClaimKey::new(matching, submission.organization, submission.source, kind, &value(kind)?);
    let kinds = source.identity.iter().flat_map(|identity| kinds(identity.kind, source.gmail_identity));
    kinds.filter_map(key).collect()
}

/// The kinds of claims that a key of a source's identity stands for.
fn kinds(configured: ClaimKind, gmail: GmailIdentity) -> impl Iterator<Item = ClaimKind> {
    let with_mailbox = configured == ClaimKind::Email && gmail == GmailIdentity::Mailbox;
    std::iter::once(configured).chain(with_mailbox.then_some(ClaimKind::GmailMailbox))
}

fn key_value(
    kind: ClaimKind,
    fields: &Fields,
    phone: &Said<PhoneView>,
    email: &Said<EmailView>,
) -> Option<String> {
    match kind {
        ClaimKind::ExternalId => fields.text(TextField::ExternalId).map(str::to_owned),
        ClaimKind::LineId => fields.text(TextField::LineId).map(str::to_owned),
        ClaimKind::Phone => Some(subscriber(phone.value()?.e164.as_deref()?).into_owned()),
        ClaimKind::Email => Email::kept(email.value()?.address.as_deref()?).map(|email| email.identity()),
        ClaimKind::GmailMailbox => Email::kept(email.value()?.address.as_deref()?)?.gmail_mailbox(),
        // Not an identity: it names a request, not a person.
        ClaimKind::Idempotency => None,
    }
}

fn part<'a>(
    phone: &Said<PhoneView>,
    email: &Said<EmailView>,
    region: Option<Region>,
    fields: &'a Fields,
    source: &'a Source,
) -> Part<'a> {
    let verdict = |valid: Option<bool>| match valid {
        None => "absent",
        Some(true) => "valid",
        Some(false) => "invalid",
    };
    let consent = fields.consent.value();
    Part {
        phone: verdict(phone.value().map(|phone| phone.valid)),
        phone_reason: phone.value().and_then(|phone| phone.reason).map(|problem| problem.to_string()),
        phone_read_in: phone.value().and(region),
        email: verdict(email.value().map(|email| email.valid)),
        email_reason: email.value().and_then(|email| email.reason).map(|problem| problem.to_string()),
        texts: texts::Part::default(),
        repairs: Vec::new(),
        not_trusted: fields.not_trusted.keys().map(String::as_str).collect(),
        consent_time_read_in: consent
            .and_then(|consent| consent.timestamp_read_as.and(source.timezone.as_ref()))
            .map(Zone::name),
        consent_time: consent.and_then(|consent| consent.time()?.err()),
        consent_trustedform: consent.and_then(|consent| consent.trustedform_certificate()?.err()),
        consent_jornaya: consent.and_then(|consent| consent.jornaya_leadid()?.err()),
        source: source.name.as_deref(),
    }
}
