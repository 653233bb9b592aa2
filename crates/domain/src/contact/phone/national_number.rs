//! The country code and the national number of a text.
//!
//! The steps are those of Google's libphonenumber, over the plans in the crate `phonenumber`. For the reason
//! why `phonenumber::parse` is not used, see `docs/decisions/phones.md`.

use std::borrow::Cow;

use super::number_parts::NumberParts;
use super::numbering_plan::{LengthCheck, NumberingPlan};
use super::{PhoneKind, PhoneProblem, spelling};

const MIN_DIGITS: usize = 2;
/// Google's limit: some plans, such as the German one, have numbers that cannot be dialled from other
/// countries.
const MAX_DIGITS: usize = 17;
/// The limit of E.164, which Google does not enforce.
const MAX_DIGITS_WITH_CODE: usize = 15;

/// A number that is valid in its plan.
#[derive(Debug)]
pub(super) struct NationalNumber {
    pub(super) plan: &'static NumberingPlan,
    pub(super) national: String,
    pub(super) kind: PhoneKind,
    /// Whether the number was written in an older format and was converted.
    pub(super) is_older: bool,
}

impl NationalNumber {
    pub(super) fn find(
        parts: &NumberParts,
        default_plan: Option<&'static NumberingPlan>,
    ) -> Result<Self, PhoneProblem> {
        let DigitsInPlan { plan, digits } = find_plan(parts, default_plan)?;
        if digits.len() < MIN_DIGITS {
            return Err(PhoneProblem::NotANumber);
        }
        let stripped = plan.without_national_prefix(&digits);
        // If the rest is too short, the number may be a short one that begins with the same digits as the
        // prefix.
        let national = match plan.length(&stripped) {
            LengthCheck::Possible | LengthCheck::TooLong => &stripped,
            LengthCheck::LocalOnly | LengthCheck::TooShort | LengthCheck::InvalidLength => &digits,
        };
        if !(MIN_DIGITS..=MAX_DIGITS).contains(&national.len()) {
            return Err(PhoneProblem::NotANumber);
        }
        let plan = match NumberingPlan::for_code(plan.code) {
            [single] => Some(single),
            plans => plans.iter().find(|plan| plan.has_leading_digits(national)),
        };
        let plan = plan.ok_or(PhoneProblem::NotAssigned)?;
        let in_plan =
            |national: String, is_older| Some(Self { kind: plan.kind(&national)?, plan, national, is_older });
        let number = in_plan(national.to_string(), false)
            .or_else(|| in_plan(spelling::current_format(plan.code, national)?, true))
            .ok_or(PhoneProblem::NotAssigned)?;
        if plan.code.to_string().len() + number.national.len() > MAX_DIGITS_WITH_CODE {
            return Err(PhoneProblem::NotAssigned);
        }
        let mut digits = number.national.bytes();
        let first = digits.next();
        if digits.all(|digit| Some(digit) == first) {
            return Err(PhoneProblem::RepeatedDigit);
        }
        Ok(number)
    }
}

/// Digits with a known country code.
struct DigitsInPlan<'d> {
    /// The main plan of the country code, or the plan of the default region if the code was not written.
    plan: &'static NumberingPlan,
    /// The digits after the country code.
    digits: Cow<'d, str>,
}

fn find_plan<'d>(
    parts: &'d NumberParts,
    default_plan: Option<&'static NumberingPlan>,
) -> Result<DigitsInPlan<'d>, PhoneProblem> {
    let digits = parts.digits.as_str();
    if !parts.has_plus {
        let plan = default_plan.ok_or(PhoneProblem::NoRegion)?;
        return Ok(
            find_code_without_plus(digits, plan)?.unwrap_or(DigitsInPlan { plan, digits: digits.into() })
        );
    }
    match (split_code(digits), default_plan) {
        // A plus, followed by the prefix that is dialled instead of it: `+00 44 20 …`.
        (Err(PhoneProblem::NotAssigned), Some(default_plan)) => {
            find_code_without_plus(digits, default_plan)?.ok_or(PhoneProblem::NotAssigned)
        }
        (result, _) => result,
    }
}

/// Finds a country code that was written without a plus. After the exit code of the region, every country code
/// is recognized. Without an exit code, only the region's own country code is recognized, and only if the
/// digits are too long or are a possible number only without it.
fn find_code_without_plus<'d>(
    digits: &'d str,
    default_plan: &'static NumberingPlan,
) -> Result<Option<DigitsInPlan<'d>>, PhoneProblem> {
    if let Some(international) = default_plan.without_exit_code(digits) {
        return split_code(international).map(Some);
    }
    let Some(rest) = digits.strip_prefix(&default_plan.code.to_string()) else { return Ok(None) };
    let rest = default_plan.without_national_prefix(rest);
    let only_without_code =
        !default_plan.is_possible_number(digits) && default_plan.is_possible_number(&rest);
    if !only_without_code && default_plan.length(digits) != LengthCheck::TooLong {
        return Ok(None);
    }
    Ok(NumberingPlan::for_code(default_plan.code).first().map(|plan| DigitsInPlan { plan, digits: rest }))
}

/// Splits digits that begin with a country code. No code is a prefix of another one.
fn split_code(digits: &str) -> Result<DigitsInPlan<'_>, PhoneProblem> {
    if digits.len() <= MIN_DIGITS {
        return Err(PhoneProblem::NotANumber);
    }
    let split_at = |length| {
        let (code, rest) = digits.split_at_checked(length)?;
        let code = Some(code).filter(|code| !code.starts_with('0'))?.parse().ok()?;
        Some(DigitsInPlan { plan: NumberingPlan::for_code(code).first()?, digits: rest.into() })
    };
    (1..=3).find_map(split_at).ok_or(PhoneProblem::NotAssigned)
}
