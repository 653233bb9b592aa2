//! Finds the number in a text. A text with several candidates is ambiguous.

use super::numbering_plan::NumberingPlan;
use super::text_split::{self, TextSplit};
use super::{Phone, PhoneProblem};
use crate::Repair;

/// The origin of a candidate. Of several candidates with the same number the greatest is used, because its
/// note is the most precise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CandidateOrigin {
    /// An alternative to another candidate, which is always present too.
    Alternative,
    /// The text without words in brackets.
    WithoutBracketedWords,
    /// The text before a note.
    BeforeNote,
    WholeText,
    /// The text before a second number.
    BeforeSecondNumber,
}

type NumberCandidate = (CandidateOrigin, Phone);

/// The only number that a cleaned text can be read as.
pub(super) fn find_number(
    text: &str,
    default_plan: Option<&'static NumberingPlan>,
) -> Result<Phone, PhoneProblem> {
    if text_split::has_adjacent_letter(text) {
        return Err(PhoneProblem::NotANumber);
    }
    let whole = parse_whole_text(text, default_plan);
    if text.contains(";phone-context=") {
        return whole;
    }
    let variant = match &whole {
        Ok(_) => text_split::without_group_at_end(text)
            .and_then(|text| Phone::parse_number_only(&text, default_plan).ok())
            .map(|phone| (CandidateOrigin::Alternative, phone)),
        Err(_) => text_split::without_words_in_brackets(text)
            .and_then(|text| Phone::parse_number_only(&text, default_plan).ok())
            .map(|phone| {
                (CandidateOrigin::WithoutBracketedWords, phone.with_repair(Repair::NoteBesidePhone))
            }),
    };
    let before_splits = text_split::split_points(text)
        .into_iter()
        .flat_map(|split| parse_before(&split, default_plan, whole.is_ok()));
    let candidates = variant.into_iter().chain(before_splits).collect();
    single_number(whole, candidates)
}

/// Parses the whole text. A zero in brackets is removed if the number is valid only without it.
fn parse_whole_text(text: &str, default_plan: Option<&'static NumberingPlan>) -> Result<Phone, PhoneProblem> {
    Phone::parse_number_only(text, default_plan).or_else(|problem| {
        let without = text_split::without_zero_in_brackets(text).ok_or(problem)?;
        Ok(Phone::parse_number_only(&without, default_plan)
            .map_err(|_| problem)?
            .with_repair(Repair::TrunkZero))
    })
}

/// The candidates before a split point: the text before it, if it is a number and the digits after it do not
/// belong to it.
fn parse_before(
    split: &TextSplit<'_>,
    default_plan: Option<&'static NumberingPlan>,
    whole_is_number: bool,
) -> Vec<NumberCandidate> {
    if (split.is_dash && whole_is_number) || split.is_within_number() {
        return Vec::new();
    }
    let Ok(phone) = Phone::parse_number_only(split.first, default_plan) else { return Vec::new() };
    let other = split
        .alternative_number()
        .filter(|_| !whole_is_number)
        .and_then(|text| Phone::parse_number_only(&text, default_plan).ok());
    let other =
        other.filter(|other| other.e164 != phone.e164).map(|other| (CandidateOrigin::Alternative, other));
    let origin = match split.second_number() {
        Some(number) if find_number(number, default_plan).is_ok() => {
            Some(CandidateOrigin::BeforeSecondNumber)
        }
        // Numbers of the North American plan have a fixed length, so the number is complete.
        Some(_) => phone.e164.starts_with("+1").then_some(CandidateOrigin::BeforeNote),
        None => (!may_continue(&phone, split)).then_some(CandidateOrigin::BeforeNote),
    };
    let Some(origin) = origin.or(other.as_ref().map(|_| CandidateOrigin::BeforeNote)) else {
        return Vec::new();
    };
    let candidate = (origin, Phone { note: split.note(), ..phone.with_repair(Repair::NoteBesidePhone) });
    other.into_iter().chain([candidate]).collect()
}

/// Whether the digits of the note may belong to the number.
fn may_continue(phone: &Phone, split: &TextSplit<'_>) -> bool {
    let digits = split.digits_of_note();
    digits.is_some_and(|digits| Phone::parse_number_only(&format!("{}{digits}", phone.e164), None).is_ok())
}

/// The number of all candidates. Different numbers are an error.
fn single_number(
    whole: Result<Phone, PhoneProblem>,
    mut candidates: Vec<NumberCandidate>,
) -> Result<Phone, PhoneProblem> {
    let problem = match whole {
        Ok(phone) => {
            candidates.push((CandidateOrigin::WholeText, phone));
            PhoneProblem::NotANumber
        }
        Err(problem) => problem,
    };
    let mut numbers = candidates.iter().map(|(_, phone)| phone.e164());
    let first = numbers.next();
    if numbers.any(|number| Some(number) != first) {
        return Err(PhoneProblem::Ambiguous);
    }
    let best = candidates.into_iter().max_by_key(|(origin, _)| *origin);
    best.map(|(_, phone)| phone).ok_or(problem)
}
