//! Whether a lead may be called. Fails closed: eligible only if every required check passed.

use leadgate_domain::{Eligibility, Lead, Reason};
use serde::Serialize;

use crate::screen::Hit;

/// What the trace says about the decision.
#[derive(Serialize)]
pub(crate) struct Part<'a> {
    eligibility: Eligibility,
    reasons: &'a [Reason],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    consent_not_required: bool,
    /// No national do-not-call registry is consulted by this build.
    registry: &'static str,
}

/// Decides a merged lead: all reasons that hold it, not the first.
pub(crate) fn lead(lead: &mut Lead, hits: &[Hit]) {
    let mut reasons = Vec::new();
    let mut hold = |applies: bool, reason: Reason| reasons.extend(applies.then_some(reason));
    hold(lead.is_test, Reason::TestLead);
    hold(lead.phone.is_none(), Reason::PhoneMissing);
    hold(lead.phone.is_some() && lead.e164().is_none(), Reason::PhoneInvalid);
    hold(lead.opt_out, Reason::OptedOut);
    for reason in [Reason::SuppressedPhone, Reason::SuppressedEmail] {
        hold(hits.iter().any(|hit| hit.reason == reason), reason);
    }
    let complete = lead.consent.as_ref().map(|consent| consent.is_complete());
    hold(lead.consent_required && complete.is_none(), Reason::ConsentMissing);
    hold(lead.consent_required && complete == Some(false), Reason::ConsentIncomplete);
    lead.eligibility = if reasons.is_empty() { Eligibility::Eligible } else { Eligibility::Held };
    lead.reasons = reasons;
    // Nothing that is checked so far expires.
    lead.eligible_until = None;
}

pub(crate) fn part(lead: &Lead) -> Part<'_> {
    Part {
        eligibility: lead.eligibility,
        reasons: &lead.reasons,
        consent_not_required: !lead.consent_required,
        registry: "off",
    }
}
