//! The one number that a text can be read as.

use super::cut::{self, Cut};
use super::plan::Plan;
use super::{Phone, PhoneProblem};
use crate::Repair;

/// Where a reading of a text comes from. Of several readings with the same number the greatest is taken: its note says most
/// about what stands beside the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// What another reading may also be; there is always that one beside it.
    Other,
    /// The text without its words in brackets.
    WithoutWords,
    /// What stands before a note.
    BeforeNote,
    Whole,
    /// What stands before a further number.
    BeforeNumber,
}

type Reading = (Found, Phone);

/// The only number that a tidy text can be read as.
pub(super) fn find(text: &str, home: Option<&'static Plan>) -> Result<Phone, PhoneProblem> {
    if cut::is_touched(text) {
        return Err(PhoneProblem::NotANumber);
    }
    let whole = whole(text, home);
    if text.contains(";phone-context=") {
        return whole;
    }
    let beside_whole = match &whole {
        Ok(_) => cut::without_group_at_end(text)
            .and_then(|text| Phone::whole(&text, home).ok())
            .map(|phone| (Found::Other, phone)),
        Err(_) => cut::without_words_in_brackets(text)
            .and_then(|text| Phone::whole(&text, home).ok())
            .map(|phone| (Found::WithoutWords, phone.repaired(Repair::NoteBesidePhone))),
    };
    let before_cuts = cut::cuts(text).into_iter().flat_map(|cut| before(&cut, home, whole.is_ok()));
    let readings = beside_whole.into_iter().chain(before_cuts).collect();
    only(whole, readings)
}

/// The number of the whole text. A zero in brackets belongs to it where the plan has one.
fn whole(text: &str, home: Option<&'static Plan>) -> Result<Phone, PhoneProblem> {
    Phone::whole(text, home).or_else(|problem| {
        let without = cut::without_zero_in_brackets(text).ok_or(problem)?;
        Ok(Phone::whole(&without, home).map_err(|_| problem)?.repaired(Repair::TrunkZero))
    })
}

/// What stands before a cut, if it is a number and the digits after it do not belong to it.
fn before(cut: &Cut<'_>, home: Option<&'static Plan>, whole_is_number: bool) -> Vec<Reading> {
    if (cut.weak && whole_is_number) || cut.is_within_number() {
        return Vec::new();
    }
    let Ok(phone) = Phone::whole(cut.first, home) else { return Vec::new() };
    let other = cut.other().filter(|_| !whole_is_number).and_then(|text| Phone::whole(&text, home).ok());
    let other = other.filter(|other| other.e164 != phone.e164).map(|other| (Found::Other, other));
    let found = match cut.further_number() {
        Some(number) if find(number, home).is_ok() => Some(Found::BeforeNumber),
        // Numbers of the North American plan have one length: it is complete.
        Some(_) => phone.e164.starts_with("+1").then_some(Found::BeforeNote),
        None => (!goes_on(&phone, cut)).then_some(Found::BeforeNote),
    };
    let Some(found) = found.or(other.as_ref().map(|_| Found::BeforeNote)) else { return Vec::new() };
    let reading = (found, Phone { note: cut.note(), ..phone.repaired(Repair::NoteBesidePhone) });
    other.into_iter().chain([reading]).collect()
}

/// Whether the digits of the note after it may belong to a number.
fn goes_on(phone: &Phone, cut: &Cut<'_>) -> bool {
    let digits = cut.digits_of_note();
    digits.is_some_and(|digits| Phone::whole(&format!("{}{digits}", phone.e164), None).is_ok())
}

/// The number of all readings; if they differ, there is none.
fn only(whole: Result<Phone, PhoneProblem>, mut readings: Vec<Reading>) -> Result<Phone, PhoneProblem> {
    let problem = match whole {
        Ok(phone) => {
            readings.push((Found::Whole, phone));
            PhoneProblem::NotANumber
        }
        Err(problem) => problem,
    };
    let mut numbers = readings.iter().map(|(_, phone)| phone.e164());
    let first = numbers.next();
    if numbers.any(|number| Some(number) != first) {
        return Err(PhoneProblem::Ambiguous);
    }
    let best = readings.into_iter().max_by_key(|(found, _)| *found);
    best.map(|(_, phone)| phone).ok_or(problem)
}
