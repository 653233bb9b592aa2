//! How promising a lead is: named rules whose points add up, so that a score explains itself.

use leadgate_domain::{EmailKind, Lead, PhoneKind, Temperature, TextField};
use serde::Serialize;

/// From this score on a lead is hot.
const HOT: u8 = 70;

/// From this score on a lead is warm.
const WARM: u8 = 40;

/// A rule and what it adds where it applies. All that is good adds up to 100.
struct Rule {
    name: &'static str,
    points: i32,
    applies: fn(&Lead) -> bool,
}

const RULES: [Rule; 11] = [
    Rule { name: "phone_valid", points: 25, applies: |lead| lead.e164().is_some() },
    Rule { name: "phone_mobile", points: 5, applies: is_mobile },
    Rule {
        name: "phone_invalid",
        points: -10,
        applies: |lead| lead.phone.is_some() && lead.e164().is_none(),
    },
    Rule { name: "email_valid", points: 15, applies: |lead| lead.email_address().is_some() },
    Rule {
        name: "email_business",
        points: 15,
        applies: |lead| email_kind(lead) == Some(EmailKind::Business),
    },
    Rule { name: "email_role", points: -5, applies: |lead| email_kind(lead) == Some(EmailKind::Role) },
    Rule {
        name: "email_disposable",
        points: -20,
        applies: |lead| email_kind(lead) == Some(EmailKind::Disposable),
    },
    Rule { name: "name_given", points: 10, applies: |lead| lead.text(TextField::FullName).is_some() },
    Rule { name: "company_given", points: 10, applies: |lead| lead.text(TextField::Company).is_some() },
    Rule {
        name: "consent_complete",
        points: 15,
        applies: |lead| lead.consent.as_ref().is_some_and(|consent| consent.is_complete()),
    },
    Rule {
        name: "attribution_known",
        points: 5,
        applies: |lead| lead.attribution.as_ref().is_some_and(|known| !known.is_empty()),
    },
];

fn is_mobile(lead: &Lead) -> bool {
    let kind = lead.phone.as_ref().and_then(|phone| phone.kind);
    matches!(kind, Some(PhoneKind::Mobile | PhoneKind::FixedLineOrMobile))
}

fn email_kind(lead: &Lead) -> Option<EmailKind> {
    lead.email.as_ref()?.kind
}

/// What the trace says about the score: every point of it.
#[derive(Serialize)]
pub(crate) struct Part {
    score: u8,
    temperature: Temperature,
    points: Vec<(&'static str, i32)>,
}

/// Scores a lead from 0 to 100.
pub(crate) fn lead(lead: &mut Lead) -> Part {
    let applying = RULES.iter().filter(|rule| (rule.applies)(lead));
    let points: Vec<_> = applying.map(|rule| (rule.name, rule.points)).collect();
    let sum: i32 = points.iter().map(|(_, points)| points).sum();
    lead.score = u8::try_from(sum.clamp(0, 100)).unwrap_or(0);
    lead.temperature = match lead.score {
        HOT.. => Temperature::Hot,
        WARM.. => Temperature::Warm,
        _ => Temperature::Cold,
    };
    Part { score: lead.score, temperature: lead.temperature, points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_good_adds_up_to_a_hundred() {
        assert_eq!(RULES.iter().map(|rule| rule.points.max(0)).sum::<i32>(), 100);
    }
}
