//! Complete, incomplete, old and future consents.

use super::Table;
use crate::story::{Event, OPTIONAL, PLAIN, SourceSettings, Which};
use crate::values::{DAY, SECOND, SubmittedConsent, bad_consents, consent_times, given};
use Event::{Listed, Posted};

/// Consent times around a maximum age of 30 days.
pub(super) fn ages() -> Vec<SubmittedConsent> {
    vec![
        given(-29 * DAY, "29 days ago"),
        given(-30 * DAY + SECOND, "a second less than 30 days ago"),
        given(-30 * DAY, "exactly 30 days ago"),
        given(-30 * DAY - 1, "a microsecond more than 30 days ago"),
        given(-30 * DAY - SECOND, "a second more than 30 days ago"),
        given(-31 * DAY, "31 days ago"),
    ]
}

pub(super) fn add(table: &mut Table) {
    table.chapter("Forms of consent");
    table.row(|who| vec![Posted(who.lead().without_consent())]);
    table.rows(|_| bad_consents(), |who, consent| vec![Posted(who.lead().consent(consent))]);
    table.rows(|_| consent_times(), |who, consent| vec![Posted(who.lead().consent(consent))]);
    let with_listed_phone = |who: crate::values::Person, consent| {
        vec![Listed(who.phone_entry(Which::First)), Posted(who.lead().consent(consent))]
    };
    table.rows(|_| bad_consents().into_iter().step_by(3).collect(), with_listed_phone);

    table.chapter("Optional consent and the maximum age of consent");
    table.row(|who| vec![Posted(who.lead().without_consent().to(OPTIONAL))]);
    let every_fourth = || bad_consents().into_iter().step_by(4).collect::<Vec<_>>();
    table.rows(|_| every_fourth(), |who, consent| vec![Posted(who.lead().consent(consent).to(OPTIONAL))]);
    table.row(|who| {
        vec![Listed(who.email_entry(Which::First)), Posted(who.lead().without_consent().to(OPTIONAL))]
    });
    let aging = SourceSettings { max_age_days: Some(30), ..PLAIN };
    table.rows(|_| ages(), |who, consent| vec![Posted(who.lead().consent(consent).to(aging))]);
    let aging_optional = SourceSettings { consent_required: false, ..aging };
    table.row(|who| vec![Posted(who.lead().consent(given(-31 * DAY, "31 days ago")).to(aging_optional))]);
    table.row(|who| vec![Posted(who.lead().without_consent().to(aging))]);
}
