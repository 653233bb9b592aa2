//! Decides whether a lead may be called. Fails closed: a lead is eligible only if every required check
//! passed.

use std::time::Duration;

use leadgate_domain::trace::{DecideTrace, RegistryCheck, SuppressionHit};
use leadgate_domain::{Eligibility, Lead, PhoneProblem, Reason, Timestamp};

/// Decides a merged lead, and records all reasons that hold it, not only the first.
pub(crate) fn lead(lead: &mut Lead, hits: &[SuppressionHit]) {
    let mut reasons = Vec::new();
    let mut hold = |applies: bool, reason: Reason| reasons.extend(applies.then_some(reason));
    hold(lead.is_test, Reason::TestLead);
    hold(lead.phone.is_none(), Reason::PhoneMissing);
    hold(lead.phone.is_none() && lead.email.is_none(), Reason::NoContact);
    let invalid = lead.phone.as_ref().filter(|phone| phone.e164.is_none());
    let ambiguous = invalid.is_some_and(|phone| phone.reason == Some(PhoneProblem::Ambiguous));
    hold(invalid.is_some() && !ambiguous, Reason::PhoneInvalid);
    hold(ambiguous, Reason::PhoneAmbiguous);
    let listed = |reason: Reason| hits.iter().any(|hit| hit.reason == reason);
    hold(lead.opt_out || listed(Reason::OptedOut), Reason::OptedOut);
    for reason in [Reason::SuppressedPhone, Reason::SuppressedEmail, Reason::SuppressedDomain] {
        hold(listed(reason), reason);
    }
    let refused = lead.consent.as_ref().is_some_and(|consent| consent.consent_refused);
    hold(refused, Reason::ConsentRefused);
    let consent = (lead.consent_required && !refused).then(|| ConsentState::from_lead(lead));
    hold(consent == Some(ConsentState::Missing), Reason::ConsentMissing);
    hold(consent == Some(ConsentState::Incomplete), Reason::ConsentIncomplete);
    hold(consent == Some(ConsentState::InFuture), Reason::ConsentInFuture);
    hold(consent == Some(ConsentState::Expired), Reason::ConsentExpired);
    hold(consent.is_some() && lead.has_consent_for_other_phone(), Reason::ConsentForOtherPhone);
    // An unknown reason of a newer build is kept until that build decides again.
    reasons.extend(lead.reasons.iter().filter(|reason| matches!(reason, Reason::Newer(_))));
    lead.eligibility = if reasons.is_empty() { Eligibility::Eligible } else { Eligibility::Held };
    lead.reasons = reasons;
    lead.eligible_until = match (lead.eligibility, consent) {
        (Eligibility::Eligible, Some(ConsentState::Good { until })) => until,
        _ => None,
    };
}

/// The tolerance for a client clock that is ahead.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// The state of the consent of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConsentState {
    Missing,
    Incomplete,
    InFuture,
    Expired,
    Good { until: Option<Timestamp> },
}

impl ConsentState {
    /// Judges by the time of receipt, not by the time of processing. The same submissions always give the
    /// same result.
    fn from_lead(lead: &Lead) -> Self {
        let Some(consent) = &lead.consent else { return Self::Missing };
        let Some(consented_at) = consent.consented_at().filter(|_| consent.is_complete()) else {
            return Self::Incomplete;
        };
        if consented_at > lead.last_set_at("consent").plus(CLOCK_SKEW) {
            return Self::InFuture;
        }
        let until =
            lead.consent_max_age_seconds.map(|seconds| consented_at.plus(Duration::from_secs(seconds)));
        match until {
            Some(until) if until < lead.updated_at => Self::Expired,
            until => Self::Good { until },
        }
    }
}

/// The trace of the decision.
pub(crate) fn record(lead: &Lead) -> DecideTrace {
    DecideTrace {
        eligibility: Some(lead.eligibility.into()),
        reasons: lead.reasons.clone(),
        consent_not_required: !lead.consent_required,
        eligible_until: lead.eligible_until,
        registry: Some(RegistryCheck::Off.into()),
    }
}
