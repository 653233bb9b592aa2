//! Numbers of one subscriber that have more than one format.

use std::borrow::Cow;

use super::numbering_plan::NumberingPlan;

/// The current format of a national number in an older format of its plan: Mexico dialled 1, 01, 044 or 045
/// before numbers until 2020, and Brazil added a ninth digit until 2016.
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

/// The canonical E.164 of a subscriber. An Argentinian mobile has a 9 after the country code when it is
/// called from another country, and no 9 within the country.
pub fn canonical_e164(e164: &str) -> Cow<'_, str> {
    match e164.strip_prefix("+549") {
        Some(national) if national.len() == 10 => format!("+54{national}").into(),
        _ => e164.into(),
    }
}

/// The spellings from which a list can have made the digest of a number: E.164 with and without its plus, and
/// the national number with and without the trunk zero of many countries.
pub(crate) fn spellings(e164: &str) -> Vec<String> {
    let mut spellings = Vec::new();
    for number in equivalent_numbers(e164) {
        let digits = number.strip_prefix('+').unwrap_or(&number);
        spellings.extend([number.clone().into_owned(), digits.to_owned()]);
        let code = (1..=3).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            (!NumberingPlan::for_code(code.parse().ok()?).is_empty()).then_some((code, national))
        });
        match code {
            Some(("1", national)) => spellings.push(national.to_owned()),
            Some((_, national)) => spellings.extend([national.to_owned(), format!("0{national}")]),
            None => {}
        }
    }
    spellings
}

/// All E.164 numbers of a subscriber.
fn equivalent_numbers(e164: &str) -> Vec<Cow<'_, str>> {
    let canonical = canonical_e164(e164);
    let mobile = canonical.strip_prefix("+54").map(|national| Cow::from(format!("+549{national}")));
    std::iter::once(canonical).chain(mobile).collect()
}
