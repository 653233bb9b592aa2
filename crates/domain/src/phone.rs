//! Phone numbers in E.164.

mod number;
mod plan;
mod written;

use std::fmt;
use std::str::FromStr;

use phonenumber::country;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use number::Number;
use plan::Plan;
use written::Written;

/// A region as numbering plans know it: ISO 3166-1 alpha-2, upper case (`US`).
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

/// What a number is for, by its numbering plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Every code, as [`PhoneKind::as_str`] gives it.
    pub const CODES: [&str; 10] = [
        "fixed_line",
        "mobile",
        "fixed_line_or_mobile",
        "toll_free",
        "premium_rate",
        "shared_cost",
        "voip",
        "personal_number",
        "pager",
        "other",
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixedLine => "fixed_line",
            Self::Mobile => "mobile",
            Self::FixedLineOrMobile => "fixed_line_or_mobile",
            Self::TollFree => "toll_free",
            Self::PremiumRate => "premium_rate",
            Self::SharedCost => "shared_cost",
            Self::Voip => "voip",
            Self::PersonalNumber => "personal_number",
            Self::Pager => "pager",
            Self::Other => "other",
        }
    }
}

/// Why a text is no phone number that could be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PhoneProblem {
    #[error("the phone is empty")]
    Empty,
    #[error("the phone is longer than any phone number")]
    TooLong,
    #[error("the phone has no country code, and no region was given")]
    NoRegion,
    #[error("the phone is not a number")]
    NotANumber,
    #[error("no numbering plan has this number")]
    NotAssigned,
}

/// A number that its region's numbering plan has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phone {
    e164: String,
    /// Where the national number begins in it.
    national_at: usize,
    region: Option<Region>,
    kind: PhoneKind,
    extension: Option<String>,
}

/// No number with its decoration and extension has more characters.
const LONGEST: usize = 64;

impl Phone {
    /// Parses a number as people write it; `default_region` tells how to read one without a country code.
    pub fn parse(raw: &str, default_region: Option<Region>) -> Result<Self, PhoneProblem> {
        let raw = raw.trim();
        if raw.is_empty() {
            return Err(PhoneProblem::Empty);
        }
        if raw.chars().nth(LONGEST).is_some() {
            return Err(PhoneProblem::TooLong);
        }
        let written = Written::read(raw).ok_or(PhoneProblem::NotANumber)?;
        let home = default_region.and_then(|region| Plan::of_region(region.0));
        let Number { plan, national, kind } = Number::find(&written, home)?;
        let e164 = format!("+{}{national}", plan.code);
        Ok(Self {
            national_at: e164.len() - national.len(),
            e164,
            region: plan.region.map(Region),
            kind,
            extension: written.extension,
        })
    }

    /// `+`, country code and national number, at most 15 digits.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// What follows the country code.
    pub fn national(&self) -> &str {
        self.e164.get(self.national_at..).unwrap_or_default()
    }

    /// `None` for numbers of no country, such as `+800`.
    pub fn region(&self) -> Option<Region> {
        self.region
    }

    pub fn kind(&self) -> PhoneKind {
        self.kind
    }

    /// The digits to dial once the call is taken.
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn e164(raw: &str, region: &str) -> Result<String, PhoneProblem> {
        Phone::parse(raw, region.parse().ok()).map(|phone| phone.e164().to_owned())
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for raw in ["+1 415-555-0132", "(415) 555-0132", "1.415.555.0132", "tel:+1-415-555-0132"] {
            assert_eq!(e164(raw, "US").as_deref(), Ok("+14155550132"), "{raw}");
        }
        assert_eq!(e164("020 7946 0958", "gb").as_deref(), Ok("+442079460958"));
        assert_eq!(e164("+81 3-3224-9999", "").as_deref(), Ok("+81332249999"));
        assert_eq!(e164("+44 (0)20 7946 0958", "US").as_deref(), Ok("+442079460958"));
        assert_eq!(e164("＋８１ ３-３２２４-９９９９", "").as_deref(), Ok("+81332249999"));
        assert_eq!(e164("٤١٥٥٥٥٠١٣٢", "US").as_deref(), Ok("+14155550132"));
        assert_eq!(e164("1-800-FLOWERS", "US").as_deref(), Ok("+18003569377"));
    }

    #[test]
    fn what_is_dialled_before_a_number_is_the_regions_own() {
        assert_eq!(e164("011 358 18 1234567", "US").as_deref(), Ok("+358181234567"));
        assert_eq!(e164("00 44 20 7946 0958", "DE").as_deref(), Ok("+442079460958"));
        assert_eq!(e164("00 44 20 7946 0958", "US"), Err(PhoneProblem::NotAssigned));
        assert_eq!(e164("+00 44 20 7946 0958", "DE").as_deref(), Ok("+442079460958"));
    }

    #[test]
    fn a_number_that_begins_like_the_trunk_prefix_keeps_its_digits() {
        assert_eq!(e164("+7 800 555 35 35", "").as_deref(), Ok("+78005553535"));
        assert_eq!(e164("8 800 555 35 35", "RU").as_deref(), Ok("+78005553535"));
        assert_eq!(e164("+370 800 12345", "").as_deref(), Ok("+37080012345"));
        assert_eq!(e164("8 (800) 080-00-00", "KZ").as_deref(), Ok("+78000800000"));
    }

    #[test]
    fn an_extension_is_kept_apart() {
        for raw in
            ["415 555 0132 ext. 89", "415 555 0132 x89", "tel:+1-415-555-0132;ext=89", "4155550132,,89"]
        {
            let phone = Phone::parse(raw, "US".parse().ok()).unwrap();
            assert_eq!((phone.e164(), phone.extension()), ("+14155550132", Some("89")), "{raw}");
        }
        assert_eq!(Phone::parse("+14155550132", None).unwrap().extension(), None);
    }

    #[test]
    fn each_problem_has_its_own_name() {
        assert_eq!(e164("  ", "US"), Err(PhoneProblem::Empty));
        assert_eq!(e164(&"5".repeat(10_000), "US"), Err(PhoneProblem::TooLong));
        assert_eq!(e164("415 555 0132", ""), Err(PhoneProblem::NoRegion));
        for raw in ["call me", "+1", "4155550132 / 4155559876", "½ 415 555 0132"] {
            assert_eq!(e164(raw, "US"), Err(PhoneProblem::NotANumber), "{raw}");
        }
        for raw in ["0000000000", "+999999999999999", "112", "+1 415 555 01320", "12345678901234567"] {
            assert_eq!(e164(raw, "US"), Err(PhoneProblem::NotAssigned), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_e164(raw in "[+0-9 ()./a-z٠-٩-]{0,40}", region in "[A-Z]{2}") {
            if let Ok(phone) = Phone::parse(&raw, region.parse().ok()) {
                let digits = phone.e164().strip_prefix('+').unwrap();
                prop_assert!(digits.len() <= 15 && digits.bytes().all(|digit| digit.is_ascii_digit()), "{phone:?}");
            }
        }
    }
}
