//! Sample numbers: the examples of each region and kind, similar valid numbers, and invalid ones.

use leadgate_domain::PhoneKind;
use rand::RngExt;
use rand::rngs::StdRng;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};

use crate::{LARGEST, oracle};

const KINDS: [PhoneNumberType; 11] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::Pager,
    PhoneNumberType::UAN,
    PhoneNumberType::VoiceMail,
    PhoneNumberType::FixedLineOrMobile,
];

/// A number of a region; `001` for numbers without a region.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) region: String,
    pub(crate) kind: PhoneKind,
    pub(crate) code: i32,
    pub(crate) national: String,
}

impl Sample {
    fn new(region: &str, kind: PhoneKind, number: &PhoneNumber) -> Self {
        let national = number.get_national_significant_number();
        Self { region: region.to_owned(), kind, code: number.country_code, national }
    }

    pub(crate) fn default_region(&self) -> Option<&str> {
        Some(self.region.as_str()).filter(|region| *region != "001")
    }

    /// The country of a fixed line or a mobile, if it is one of the 40 largest countries.
    pub(crate) fn largest_country(&self) -> Option<&'static str> {
        let common =
            matches!(self.kind, PhoneKind::FixedLine | PhoneKind::Mobile | PhoneKind::FixedLineOrMobile);
        LARGEST.into_iter().find(|country| common && *country == self.region)
    }

    pub(crate) fn format(&self, as_format: PhoneNumberFormat) -> String {
        let number = PHONE_NUMBER_UTIL.parse(format!("+{}{}", self.code, self.national), None).unwrap();
        oracle::format(&number, as_format)
    }

    /// A similar number: the first `kept` digits are kept, the others are random.
    fn similar(&self, kept: usize, random: &mut StdRng) -> Self {
        let digit = |(place, digit)| if place < kept { digit } else { random.random_range('0'..='9') };
        Self { national: self.national.chars().enumerate().map(digit).collect(), ..self.clone() }
    }

    fn with(&self, national: impl Into<String>) -> Self {
        Self { national: national.into(), ..self.clone() }
    }
}

fn examples() -> Vec<Sample> {
    let mut examples = Vec::new();
    let mut regions: Vec<String> =
        PHONE_NUMBER_UTIL.get_supported_regions().map(|region| region.to_string()).collect();
    regions.sort();
    for region in regions {
        for kind in KINDS {
            let example =
                PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(oracle::region(&region), kind);
            examples.extend(example.map(|number| Sample::new(&region, oracle::kind(kind), &number)));
        }
    }
    let mut codes: Vec<i32> = PHONE_NUMBER_UTIL.get_supported_global_network_calling_codes().collect();
    codes.sort_unstable();
    for code in codes {
        let number = PHONE_NUMBER_UTIL.get_example_number_for_non_geo_entity(code).unwrap();
        examples.push(Sample::new("001", oracle::kind(PHONE_NUMBER_UTIL.get_number_type(&number)), &number));
    }
    examples
}

/// The examples, and valid numbers with the same first digits.
pub(crate) fn all(random: &mut StdRng) -> Vec<Sample> {
    let mut all = Vec::new();
    for example in examples() {
        let tries = if example.largest_country().is_some() { 8 } else { 2 };
        for kept in 0..tries {
            let sample = example.similar(2 + kept % 4, random);
            let text = format!("+{}{}", sample.code, sample.national);
            if oracle::parse(&text, None).is_some() {
                all.push(sample);
            }
        }
        all.push(example);
    }
    all
}

/// Numbers that are probably invalid: too long, too short, or random.
pub(crate) fn invalid(random: &mut StdRng) -> Vec<Sample> {
    let mut invalid = Vec::new();
    for sample in examples() {
        let national = &sample.national;
        invalid.extend([
            sample.with(format!("{national}{}", random.random_range('0'..='9'))),
            sample.with(&national[1..]),
            sample.with(&national[..national.len() - 1]),
            sample.with(format!("0{national}")),
            sample.with(format!("8{national}")),
            sample.with("0".repeat(national.len())),
            sample.with("112"),
            sample.with("1".repeat(16)),
            sample.with(national.repeat(3)),
        ]);
        let tries = if sample.largest_country().is_some() { 24 } else { 6 };
        invalid.extend((0..tries).map(|kept| sample.similar(kept % 4, random)));
    }
    invalid
}
