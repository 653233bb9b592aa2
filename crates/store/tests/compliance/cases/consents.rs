//! Consent in every shape.

use super::Table;
use crate::story::{Event, OPTIONAL, PLAIN, Way, Which};
use crate::values::{Consenting, DAY, SECOND, given, shapes, times};
use Event::{Listed, Posted};

/// Around the end of a consent that may be thirty days old.
pub(super) fn ages() -> Vec<Consenting> {
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
    table.chapter("Consent in every shape");
    table.row(|who| vec![Posted(who.lead().without_consent())]);
    table.rows(|_| shapes(), |who, consent| vec![Posted(who.lead().consent(consent))]);
    table.rows(|_| times(), |who, consent| vec![Posted(who.lead().consent(consent))]);
    let everywhere = |who: crate::values::Person, consent| {
        vec![Listed(who.phone_entry(Which::First)), Posted(who.lead().consent(consent))]
    };
    table.rows(|_| shapes().into_iter().step_by(3).collect(), everywhere);

    table.chapter("Where consent is not required, or ages");
    table.row(|who| vec![Posted(who.lead().without_consent().to(OPTIONAL))]);
    let some = || shapes().into_iter().step_by(4).collect::<Vec<_>>();
    table.rows(|_| some(), |who, consent| vec![Posted(who.lead().consent(consent).to(OPTIONAL))]);
    table.row(|who| {
        vec![Listed(who.email_entry(Which::First)), Posted(who.lead().without_consent().to(OPTIONAL))]
    });
    let aging = Way { max_age_days: Some(30), ..PLAIN };
    table.rows(|_| ages(), |who, consent| vec![Posted(who.lead().consent(consent).to(aging))]);
    let aging_optional = Way { consent_required: false, ..aging };
    table.row(|who| vec![Posted(who.lead().consent(given(-31 * DAY, "31 days ago")).to(aging_optional))]);
    table.row(|who| vec![Posted(who.lead().without_consent().to(aging))]);
}
