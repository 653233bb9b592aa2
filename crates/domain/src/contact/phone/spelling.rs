//! Numbers of one subscriber that are written in more than one way.

use std::borrow::Cow;

use super::numbering_plan::NumberingPlan;

/// The spelling of today for a national number that its plan had until it was changed: Mexico dialled 1, 01, 044 or 045 before
/// numbers until 2020, Brazil gave them a ninth digit until 2016.
pub(super) fn current_format(code: u16, national: &str) -> Option<String> {
    match (code, national.len()) {
        (52, 11..=13) => {
            let rest = ["044", "045", "01", "1"].iter().find_map(|prefix| national.strip_prefix(prefix));
            rest.filter(|rest| rest.len() == 10).map(str::to_owned)
        }
        (55, 10) => {
            let (area, number) = national.split_at_checked(2)?;
            number.starts_with(['6', '7', '8', '9']).then(|| format!("{area}9{number}"))
        }
        _ => None,
    }
}

/// The one spelling by which a subscriber is known, whichever E.164 the number was given as. An Argentinian mobile has a 9
/// after the country code when it is called from abroad, and the same digits without it at home.
pub fn subscriber(e164: &str) -> Cow<'_, str> {
    match e164.strip_prefix("+549") {
        Some(national) if national.len() == 10 => format!("+54{national}").into(),
        _ => e164.into(),
    }
}

/// How a list may have written a number before it made a digest of it: E.164, the same without its plus, and the national
/// number, with the zero that is dialled before it in many countries and without.
pub(crate) fn spellings(e164: &str) -> Vec<String> {
    let mut spellings = Vec::new();
    for number in equivalent_numbers(e164) {
        let digits = number.strip_prefix('+').unwrap_or(&number);
        spellings.extend([number.clone().into_owned(), digits.to_owned()]);
        let code = (1..=3).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            (!NumberingPlan::of_code(code.parse().ok()?).is_empty()).then_some((code, national))
        });
        match code {
            Some(("1", national)) => spellings.push(national.to_owned()),
            Some((_, national)) => spellings.extend([national.to_owned(), format!("0{national}")]),
            None => {}
        }
    }
    spellings
}

/// Every E.164 of one subscriber.
fn equivalent_numbers(e164: &str) -> Vec<Cow<'_, str>> {
    let one = subscriber(e164);
    let mobile = one.strip_prefix("+54").map(|national| Cow::from(format!("+549{national}")));
    std::iter::once(one).chain(mobile).collect()
}
