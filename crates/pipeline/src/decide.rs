//! Whether a lead may be called. Fails closed: eligible only if every required check passed.

use std::time::Duration;

use leadgate_domain::trace::{DecideTrace, RegistryCheck, SuppressionHit};
use leadgate_domain::{Eligibility, Lead, PhoneProblem, Reason, Timestamp};

/// Decides a merged lead: all reasons that hold it, not the first.
pub(crate) fn lead(lead: &mut Lead, hits: &[SuppressionHit]) {
    let mut reasons = Vec::new();
    let mut hold = |applies: bool, reason: Reason| reasons.extend(applies.then_some(reason));
    hold(lead.is_test, Reason::TestLead);
    hold(lead.phone.is_none(), Reason::PhoneMissing);
    hold(lead.phone.is_none() && lead.email.is_none(), Reason::NoContact);
    let unread = lead.phone.as_ref().filter(|phone| phone.e164.is_none());
    let ambiguous = unread.is_some_and(|phone| phone.reason == Some(PhoneProblem::Ambiguous));
    hold(unread.is_some() && !ambiguous, Reason::PhoneInvalid);
    hold(ambiguous, Reason::PhoneAmbiguous);
    let listed = |reason: Reason| hits.iter().any(|hit| hit.reason == reason);
    hold(lead.opt_out || listed(Reason::OptedOut), Reason::OptedOut);
    for reason in [Reason::SuppressedPhone, Reason::SuppressedEmail, Reason::SuppressedDomain] {
        hold(listed(reason), reason);
    }
    let refused = lead.consent.as_ref().is_some_and(|consent| consent.consent_refused);
    hold(refused, Reason::ConsentRefused);
    let consent = (lead.consent_required && !refused).then(|| ConsentState::of(lead));
    hold(consent == Some(ConsentState::Missing), Reason::ConsentMissing);
    hold(consent == Some(ConsentState::Incomplete), Reason::ConsentIncomplete);
    hold(consent == Some(ConsentState::InFuture), Reason::ConsentInFuture);
    hold(consent == Some(ConsentState::Expired), Reason::ConsentExpired);
    hold(consent.is_some() && lead.has_consent_for_other_phone(), Reason::ConsentForOtherPhone);
    // Unknown is not clean: what a newer build found stays until that build decides again.
    reasons.extend(lead.reasons.iter().filter(|reason| matches!(reason, Reason::Newer(_))));
    lead.eligibility = if reasons.is_empty() { Eligibility::Eligible } else { Eligibility::Held };
    lead.reasons = reasons;
    lead.eligible_until = match (lead.eligibility, consent) {
        (Eligibility::Eligible, Some(ConsentState::Good { until })) => until,
        _ => None,
    };
}

/// A sender's clock may be ahead of ours by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// What the consent of a lead is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConsentState {
    Missing,
    Incomplete,
    InFuture,
    Expired,
    Good { until: Option<Timestamp> },
}

impl ConsentState {
    /// Judged by when things were received, never by when they are worked on: the same submissions always end alike.
    fn of(lead: &Lead) -> Self {
        let Some(consent) = &lead.consent else { return Self::Missing };
        let Some(given) = consent.consented_at().filter(|_| consent.is_complete()) else {
            return Self::Incomplete;
        };
        if given > lead.last_set_at("consent").plus(CLOCK_SKEW) {
            return Self::InFuture;
        }
        let until = lead.consent_max_age_seconds.map(|seconds| given.plus(Duration::from_secs(seconds)));
        match until {
            Some(until) if until < lead.updated_at => Self::Expired,
            until => Self::Good { until },
        }
    }
}

/// What the trace says about the decision.
pub(crate) fn record(lead: &Lead) -> DecideTrace {
    DecideTrace {
        eligibility: Some(lead.eligibility.into()),
        reasons: lead.reasons.clone(),
        consent_not_required: !lead.consent_required,
        eligible_until: lead.eligible_until,
        registry: Some(RegistryCheck::Off.into()),
    }
}
