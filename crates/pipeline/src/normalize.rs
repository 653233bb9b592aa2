//! Converts values to the canonical form in which they are stored and compared.

use std::sync::Arc;

use leadgate_domain::secret::MatchKey;
use leadgate_domain::trace::{ContactVerdict, MaybeKnown, NormalizeTrace};
use leadgate_domain::{
    ActiveScoring, ClaimKey, ClaimKind, CommitAction, Email, EmailView, Fields, GmailIdentity,
    NormalizedSubmission, NormalizedValues, Patch, PhoneView, QuarantineReason, Region, Source, Stage,
    Submission, TextField, Trace, canonical_e164, validate,
};

use crate::contact::{self, ContactValues};
use crate::geolocation::GeoDatabase;
use crate::{observe, screen};

mod texts;

/// Reads the phone, email and texts of a submission, and derives its identity keys.
///
/// `source` is the source of the submission, if it still exists. A submission that cannot be judged is marked
/// for quarantine; it goes through the same commit.
pub(crate) fn normalize(
    mut submission: Submission,
    source: Option<Arc<Source>>,
    scoring: Arc<ActiveScoring>,
    match_key: &MatchKey,
    geolocation: Option<&GeoDatabase>,
) -> NormalizedSubmission {
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
    if let Patch::Value(consent) = &mut submission.fields.consent {
        consent.read_time_in(source.timezone.as_ref());
    }
    let region = submission.fields.phone_country.or(source.default_region);
    let contact = contact::read(&submission.fields, region);
    let mut normalize_trace = record(&contact, region, &submission.fields, &source);
    let ContactValues { phone, email, .. } = contact;
    let country = phone.value().and_then(|phone| phone.region).or(region);
    let texts = texts::read(&submission.fields.texts, country, &mut normalize_trace);
    let observed = observe::client(&submission.client, geolocation);
    let keys = identity_keys(&submission, &source, &phone, &email, match_key);
    let idempotency = submission.idempotency_key_hash.map(|key| ClaimKey {
        organization: submission.organization,
        kind: ClaimKind::Idempotency,
        key,
    });
    let suppression_keys = screen::keys(
        match_key,
        submission.organization,
        phone.value().and_then(|phone| phone.e164.as_deref()),
        email.value().and_then(|email| email.address.as_deref()),
    );
    let trace = with_trace(normalize_trace);
    let reading =
        Box::new(NormalizedValues { phone, email, texts, observed, keys, idempotency, suppression_keys });
    NormalizedSubmission { submission, action: CommitAction::Judge { source, scoring, reading }, trace }
}

fn quarantine(submission: Submission, reason: QuarantineReason) -> NormalizedSubmission {
    let trace = with_trace(NormalizeTrace::quarantined(reason, submission.mapping_fault.clone()));
    NormalizedSubmission { submission, action: CommitAction::Quarantine(reason), trace }
}

fn with_trace(normalize_trace: NormalizeTrace) -> Trace {
    let mut trace = Trace::default();
    trace.record(Stage::Normalize(Box::new(normalize_trace.into())));
    trace
}

/// The identity keys of a submission, in the order of the source. A test lead has none. A phone is a key only
/// in E.164.
fn identity_keys(
    submission: &Submission,
    source: &Source,
    phone: &Patch<PhoneView>,
    email: &Patch<EmailView>,
    match_key: &MatchKey,
) -> Vec<ClaimKey> {
    if submission.fields.is_test {
        return Vec::new();
    }
    let value = |kind| key_value(kind, &submission.fields, phone, email);
    let key =
        |kind| ClaimKey::new(match_key, submission.organization, submission.source, kind, &value(kind)?);
    let kinds = source.identity.iter().flat_map(|identity| kinds(identity.kind, source.gmail_identity));
    kinds.filter_map(key).collect()
}

/// The kinds of claims for one configured identity key.
fn kinds(configured: ClaimKind, gmail: GmailIdentity) -> impl Iterator<Item = ClaimKind> {
    let with_mailbox = configured == ClaimKind::Email && gmail == GmailIdentity::Mailbox;
    std::iter::once(configured).chain(with_mailbox.then_some(ClaimKind::GmailMailbox))
}

fn key_value(
    kind: ClaimKind,
    fields: &Fields,
    phone: &Patch<PhoneView>,
    email: &Patch<EmailView>,
) -> Option<String> {
    match kind {
        ClaimKind::ExternalId => fields.text(TextField::ExternalId).map(str::to_owned),
        ClaimKind::LineId => fields.text(TextField::LineId).map(str::to_owned),
        ClaimKind::Phone => Some(canonical_e164(phone.value()?.e164.as_deref()?).into_owned()),
        ClaimKind::Email => {
            Email::from_stored(email.value()?.address.as_deref()?).map(|email| email.comparison_form())
        }
        ClaimKind::GmailMailbox => Email::from_stored(email.value()?.address.as_deref()?)?.gmail_mailbox(),
        // Not an identity key: it identifies a request, not a person.
        ClaimKind::Idempotency => None,
    }
}

/// The trace of the values, except the texts.
fn record(
    contact: &ContactValues,
    region: Option<Region>,
    fields: &Fields,
    source: &Source,
) -> NormalizeTrace {
    let verdict = |valid: Option<bool>| match valid {
        None => ContactVerdict::Absent,
        Some(true) => ContactVerdict::Valid,
        Some(false) => ContactVerdict::Invalid,
    };
    let (phone, email, consent) = (contact.phone.value(), contact.email.value(), fields.consent.value());
    // A submission stores the codes as texts.
    let repaired = fields.repairs.iter().map(|code| MaybeKnown::parse_code(code));
    NormalizeTrace {
        phone: Some(verdict(phone.map(|phone| phone.valid)).into()),
        phone_reason: phone.and_then(|phone| phone.reason).map(|problem| problem.to_string()),
        phone_default_region: phone.and(region).map(MaybeKnown::from),
        email: Some(verdict(email.map(|email| email.valid)).into()),
        email_reason: email.and_then(|email| email.reason).map(|problem| problem.to_string()),
        repaired: repaired.chain(contact.repairs.iter().copied().map(MaybeKnown::from)).collect(),
        untrusted_fields: fields.untrusted_fields.keys().cloned().collect(),
        consent_timezone: consent
            .and_then(|consent| consent.timestamp_read_as.and(source.timezone.as_ref()))
            .map(|zone| zone.name().to_owned()),
        consent_time: consent.and_then(|consent| consent.parsed_timestamp()?.err()).map(MaybeKnown::from),
        consent_trustedform: consent
            .and_then(|consent| consent.trustedform_certificate()?.err())
            .map(MaybeKnown::from),
        consent_jornaya: consent.and_then(|consent| consent.jornaya_leadid()?.err()).map(MaybeKnown::from),
        source: source.name.clone(),
        ..NormalizeTrace::default()
    }
}
