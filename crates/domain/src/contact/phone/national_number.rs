//! Which number somebody means: country code and national number.
//!
//! The steps are those of Google's libphonenumber, over the plans that `phonenumber` carries. Why not
//! `phonenumber::parse`: `docs/decisions/phones.md`.

use std::borrow::Cow;

use super::number_parts::NumberParts;
use super::numbering_plan::{Length, NumberingPlan};
use super::{PhoneKind, PhoneProblem, spelling};

const SHORTEST: usize = 2;
/// Google's bound: some plans, the German for one, have numbers that nobody could dial from abroad.
const LONGEST: usize = 17;
/// E.164's bound, which Google does not ask for.
const LONGEST_WITH_CODE: usize = 15;

/// A number that its plan has.
#[derive(Debug)]
pub(super) struct NationalNumber {
    pub(super) plan: &'static NumberingPlan,
    pub(super) national: String,
    pub(super) kind: PhoneKind,
    /// It was written as its plan had it once.
    pub(super) is_older: bool,
}

impl NationalNumber {
    pub(super) fn find(
        written: &NumberParts,
        home: Option<&'static NumberingPlan>,
    ) -> Result<Self, PhoneProblem> {
        let DigitsInPlan { plan, digits } = locate(written, home)?;
        if digits.len() < SHORTEST {
            return Err(PhoneProblem::NotANumber);
        }
        let stripped = plan.without_national_prefix(&digits);
        // What would then be too short may be a short number that begins like the prefix.
        let national = match plan.length(&stripped) {
            Length::Possible | Length::TooLong => &stripped,
            Length::LocalOnly | Length::TooShort | Length::InvalidLength => &digits,
        };
        if !(SHORTEST..=LONGEST).contains(&national.len()) {
            return Err(PhoneProblem::NotANumber);
        }
        let plan = match NumberingPlan::of_code(plan.code) {
            [only] => Some(only),
            sharing => sharing.iter().find(|plan| plan.has_leading_digits(national)),
        };
        let plan = plan.ok_or(PhoneProblem::NotAssigned)?;
        let assigned =
            |national: String, is_older| Some(Self { kind: plan.kind(&national)?, plan, national, is_older });
        let found = assigned(national.to_string(), false)
            .or_else(|| assigned(spelling::current_format(plan.code, national)?, true))
            .ok_or(PhoneProblem::NotAssigned)?;
        if plan.code.to_string().len() + found.national.len() > LONGEST_WITH_CODE {
            return Err(PhoneProblem::NotAssigned);
        }
        let mut digits = found.national.bytes();
        let first = digits.next();
        if digits.all(|digit| Some(digit) == first) {
            return Err(PhoneProblem::OneDigit);
        }
        Ok(found)
    }
}

/// Digits whose country is known.
struct DigitsInPlan<'d> {
    /// Of several that share a country code the main one, unless the code was not written.
    plan: &'static NumberingPlan,
    /// What follows the country code.
    digits: Cow<'d, str>,
}

fn locate<'d>(
    written: &'d NumberParts,
    home: Option<&'static NumberingPlan>,
) -> Result<DigitsInPlan<'d>, PhoneProblem> {
    let digits = written.digits.as_str();
    if !written.plus {
        let plan = home.ok_or(PhoneProblem::NoRegion)?;
        return Ok(coded(digits, plan)?.unwrap_or(DigitsInPlan { plan, digits: digits.into() }));
    }
    match (after_code(digits), home) {
        // A plus, and then what one dials instead of it: `+00 44 20 …`.
        (Err(PhoneProblem::NotAssigned), Some(home)) => coded(digits, home)?.ok_or(PhoneProblem::NotAssigned),
        (located, _) => located,
    }
}

/// Digits that name a country code without a plus: after the region's prefix for calls abroad, or its own code
/// before what could not be a number with it.
fn coded<'d>(
    digits: &'d str,
    home: &'static NumberingPlan,
) -> Result<Option<DigitsInPlan<'d>>, PhoneProblem> {
    if let Some(abroad) = home.without_exit_code(digits) {
        return after_code(abroad).map(Some);
    }
    let Some(rest) = digits.strip_prefix(&home.code.to_string()) else { return Ok(None) };
    let rest = home.without_national_prefix(rest);
    let better = !home.is_possible_number(digits) && home.is_possible_number(&rest);
    if !better && home.length(digits) != Length::TooLong {
        return Ok(None);
    }
    Ok(NumberingPlan::of_code(home.code).first().map(|plan| DigitsInPlan { plan, digits: rest }))
}

/// Digits that begin with a country code; no code is the beginning of another.
fn after_code(digits: &str) -> Result<DigitsInPlan<'_>, PhoneProblem> {
    if digits.len() <= SHORTEST {
        return Err(PhoneProblem::NotANumber);
    }
    let located = |length| {
        let (code, rest) = digits.split_at_checked(length)?;
        let code = Some(code).filter(|code| !code.starts_with('0'))?.parse().ok()?;
        Some(DigitsInPlan { plan: NumberingPlan::of_code(code).first()?, digits: rest.into() })
    };
    (1..=3).find_map(located).ok_or(PhoneProblem::NotAssigned)
}
