//! The one number that a text can be read as.

use super::numbering_plan::NumberingPlan;
use super::text_split::{self, TextSplit};
use super::{Phone, PhoneProblem};
use crate::Repair;

/// Where a reading of a text comes from. Of several readings with the same number the greatest is taken: its note says most
/// about what stands beside the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CandidateOrigin {
    /// What another reading may also be; there is always that one beside it.
    Alternative,
    /// The text without its words in brackets.
    WithoutBracketedWords,
    /// What stands before a note.
    BeforeNote,
    WholeText,
    /// What stands before a further number.
    BeforeSecondNumber,
}

type NumberCandidate = (CandidateOrigin, Phone);

/// The only number that a tidy text can be read as.
pub(super) fn find(text: &str, home: Option<&'static NumberingPlan>) -> Result<Phone, PhoneProblem> {
    if text_split::has_adjacent_letter(text) {
        return Err(PhoneProblem::NotANumber);
    }
    let whole = parse_whole_text(text, home);
    if text.contains(";phone-context=") {
        return whole;
    }
    let beside_whole = match &whole {
        Ok(_) => text_split::without_group_at_end(text)
            .and_then(|text| Phone::parse_whole(&text, home).ok())
            .map(|phone| (CandidateOrigin::Alternative, phone)),
        Err(_) => text_split::without_words_in_brackets(text)
            .and_then(|text| Phone::parse_whole(&text, home).ok())
            .map(|phone| {
                (CandidateOrigin::WithoutBracketedWords, phone.with_repair(Repair::NoteBesidePhone))
            }),
    };
    let before_cuts =
        text_split::split_points(text).into_iter().flat_map(|cut| parse_before(&cut, home, whole.is_ok()));
    let readings = beside_whole.into_iter().chain(before_cuts).collect();
    single_number(whole, readings)
}

/// The number of the whole text. A zero in brackets belongs to it where the plan has one.
fn parse_whole_text(text: &str, home: Option<&'static NumberingPlan>) -> Result<Phone, PhoneProblem> {
    Phone::parse_whole(text, home).or_else(|problem| {
        let without = text_split::without_zero_in_brackets(text).ok_or(problem)?;
        Ok(Phone::parse_whole(&without, home).map_err(|_| problem)?.with_repair(Repair::TrunkZero))
    })
}

/// What stands before a cut, if it is a number and the digits after it do not belong to it.
fn parse_before(
    cut: &TextSplit<'_>,
    home: Option<&'static NumberingPlan>,
    whole_is_number: bool,
) -> Vec<NumberCandidate> {
    if (cut.weak && whole_is_number) || cut.is_within_number() {
        return Vec::new();
    }
    let Ok(phone) = Phone::parse_whole(cut.first, home) else { return Vec::new() };
    let other = cut
        .alternative_number()
        .filter(|_| !whole_is_number)
        .and_then(|text| Phone::parse_whole(&text, home).ok());
    let other =
        other.filter(|other| other.e164 != phone.e164).map(|other| (CandidateOrigin::Alternative, other));
    let found = match cut.second_number() {
        Some(number) if find(number, home).is_ok() => Some(CandidateOrigin::BeforeSecondNumber),
        // Numbers of the North American plan have one length: it is complete.
        Some(_) => phone.e164.starts_with("+1").then_some(CandidateOrigin::BeforeNote),
        None => (!may_continue(&phone, cut)).then_some(CandidateOrigin::BeforeNote),
    };
    let Some(found) = found.or(other.as_ref().map(|_| CandidateOrigin::BeforeNote)) else {
        return Vec::new();
    };
    let reading = (found, Phone { note: cut.note(), ..phone.with_repair(Repair::NoteBesidePhone) });
    other.into_iter().chain([reading]).collect()
}

/// Whether the digits of the note after it may belong to a number.
fn may_continue(phone: &Phone, cut: &TextSplit<'_>) -> bool {
    let digits = cut.digits_of_note();
    digits.is_some_and(|digits| Phone::parse_whole(&format!("{}{digits}", phone.e164), None).is_ok())
}

/// The number of all readings; if they differ, there is none.
fn single_number(
    whole: Result<Phone, PhoneProblem>,
    mut readings: Vec<NumberCandidate>,
) -> Result<Phone, PhoneProblem> {
    let problem = match whole {
        Ok(phone) => {
            readings.push((CandidateOrigin::WholeText, phone));
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
