//! Phone numbers in E.164.

mod clean_text;
mod do_not_call_words;
mod national_number;
mod number_candidates;
mod number_parts;
mod numbering_plan;
mod spelling;
mod text_split;

use std::fmt;
use std::str::FromStr;

use phonenumber::country;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Repair;
use clean_text::CleanText;
use national_number::NationalNumber;
use number_candidates::find_number;
use number_parts::NumberParts;
use numbering_plan::NumberingPlan;

pub use clean_text::may_lack_plus;
pub use do_not_call_words::forbids_calls;
pub use spelling::canonical_e164;
pub(crate) use spelling::spellings;

/// A region of a numbering plan: ISO 3166-1 alpha-2, upper case (`US`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region(country::Id);

impl Region {
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let region = text.trim().to_ascii_uppercase().parse().map(Self);
        region.map_err(|_| "not a region (two letters of ISO 3166-1, such as US)".to_owned())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_ref())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_ref())
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The kind of a number, according to its numbering plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PhoneKind {
    FixedLine,
    Mobile,
    FixedLineOrMobile,
    TollFree,
    PremiumRate,
    SharedCost,
    Voip,
    PersonalNumber,
    Pager,
    Other,
}

impl PhoneKind {
    /// All codes, as [`PhoneKind::as_str`] returns them.
    pub const CODES: &[&str] = <Self as strum::VariantNames>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a text is not a phone number that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PhoneProblem {
    #[error("the phone is empty")]
    Empty,
    #[error("the phone is too long (at most 64 characters)")]
    TooLong,
    #[error(
        "the phone has no country code and no region is set; set the region of the source (`--region`), or send E.164"
    )]
    NoRegion,
    #[error("the phone is not a number")]
    NotANumber,
    #[error("the phone is not valid in any numbering plan")]
    NotAssigned,
    #[error("the phone can be read as two different numbers")]
    Ambiguous,
    #[error("the phone consists of one repeated digit")]
    RepeatedDigit,
}

/// A number that is valid in its numbering plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phone {
    e164: String,
    /// The position of the national number in `e164`.
    national_start: usize,
    region: Option<Region>,
    kind: PhoneKind,
    extension: Option<String>,
    note: Option<String>,
    repairs: Vec<Repair>,
}

/// Maximum length of a number with separators and extension, in characters.
const MAX_LENGTH: usize = 64;

impl Phone {
    /// Parses a number in the formats that people use. `default_region` is the region for a number without a
    /// country code.
    ///
    /// Other text in the value, such as a second number, is stored as the note. A text that can be read as two
    /// different numbers is refused, because a call might reach the wrong person.
    pub fn parse(raw: &str, default_region: Option<Region>) -> Result<Self, PhoneProblem> {
        if raw.trim().is_empty() {
            return Err(PhoneProblem::Empty);
        }
        if raw.trim().chars().nth(MAX_LENGTH).is_some() {
            return Err(PhoneProblem::TooLong);
        }
        let CleanText { text, repairs, may_lack_plus } = CleanText::parse(raw)?;
        let default_plan = default_region.and_then(|region| NumberingPlan::for_region(region.0));
        let mut phone = find_number(&text, default_plan)?;
        phone.repairs.splice(0..0, repairs);
        let with_plus = || find_number(&format!("+{text}"), default_plan);
        if may_lack_plus && with_plus().is_ok_and(|other| other.e164 != phone.e164) {
            return Err(PhoneProblem::Ambiguous);
        }
        Ok(phone)
    }

    /// Parses a text that contains only a number and possibly an extension.
    fn parse_number_only(
        text: &str,
        default_plan: Option<&'static NumberingPlan>,
    ) -> Result<Self, PhoneProblem> {
        let parts = NumberParts::parse(text).ok_or(PhoneProblem::NotANumber)?;
        let NationalNumber { plan, national, kind, is_older } = NationalNumber::find(&parts, default_plan)?;
        let e164 = format!("+{}{national}", plan.code);
        Ok(Self {
            national_start: e164.len() - national.len(),
            e164,
            region: plan.region.map(Region),
            kind,
            extension: parts.extension,
            note: None,
            repairs: is_older.then_some(Repair::OlderSpelling).into_iter().collect(),
        })
    }

    fn with_repair(mut self, repair: Repair) -> Self {
        self.repairs.push(repair);
        self
    }

    /// `+`, country code and national number, at most 15 digits.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The digits after the country code.
    pub fn national(&self) -> &str {
        self.e164.get(self.national_start..).unwrap_or_default()
    }

    /// `None` for numbers without a country, such as `+800`.
    pub fn region(&self) -> Option<Region> {
        self.region
    }

    pub fn kind(&self) -> PhoneKind {
        self.kind
    }

    /// The digits to dial after the call is answered.
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }

    /// Other text that was sent with the number, such as `after 5pm` or a second number.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The repairs that were needed to read the number.
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }
}

#[cfg(test)]
mod tests;
