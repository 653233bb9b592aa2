//! Results of `rlibphonenumber`, which serve as the oracle.

use leadgate_domain::PhoneKind;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

#[derive(Debug)]
pub(crate) struct OracleNumber {
    pub(crate) e164: String,
    pub(crate) region: Option<String>,
    pub(crate) kind: PhoneKind,
    pub(crate) extension: Option<String>,
}

/// Parses a text. `None` if it is not a valid number.
pub(crate) fn parse(text: &str, default_region: Option<&str>) -> Option<OracleNumber> {
    let number = PHONE_NUMBER_UTIL.parse(text, default_region.map(region)).ok()?;
    PHONE_NUMBER_UTIL.is_valid_number(&number).then(|| OracleNumber {
        e164: format(&number, PhoneNumberFormat::E164),
        region: country_region(&number).map(|region| region.to_string()),
        kind: kind(PHONE_NUMBER_UTIL.get_number_type(&number)),
        extension: number.extension,
    })
}

pub(crate) fn region(code: &str) -> Region {
    Region::from_code(code).unwrap()
}

pub(crate) fn format(number: &PhoneNumber, format: PhoneNumberFormat) -> String {
    PHONE_NUMBER_UTIL.format(number, format).into_owned()
}

fn country_region(number: &PhoneNumber) -> Option<Region> {
    PHONE_NUMBER_UTIL.get_region_for_number(number).filter(|region| *region != Region::World)
}

pub(crate) fn kind(kind: PhoneNumberType) -> PhoneKind {
    match kind {
        PhoneNumberType::FixedLine => PhoneKind::FixedLine,
        PhoneNumberType::Mobile => PhoneKind::Mobile,
        PhoneNumberType::FixedLineOrMobile => PhoneKind::FixedLineOrMobile,
        PhoneNumberType::TollFree => PhoneKind::TollFree,
        PhoneNumberType::PremiumRate => PhoneKind::PremiumRate,
        PhoneNumberType::SharedCost => PhoneKind::SharedCost,
        PhoneNumberType::VoIP => PhoneKind::Voip,
        PhoneNumberType::PersonalNumber => PhoneKind::PersonalNumber,
        PhoneNumberType::Pager => PhoneKind::Pager,
        PhoneNumberType::UAN | PhoneNumberType::VoiceMail | PhoneNumberType::Unknown => PhoneKind::Other,
    }
}
