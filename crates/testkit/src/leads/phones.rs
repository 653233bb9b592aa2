//! Generates phone numbers of many countries, in many formats.

use super::seeded_random::SeededRandom;

/// The kind of a lead's `phone`, with the valid number in E.164.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SamplePhone {
    /// The lead has no phone.
    Absent,
    /// A valid number in a common format.
    Standard(String),
    /// A valid number with irregular characters: other digits, invisible characters, an apostrophe from a
    /// spreadsheet.
    Irregular(String),
    /// Not a phone number.
    Invalid,
}

/// The number formats of a country.
#[derive(Debug)]
pub(super) struct SampleCountry {
    region: &'static str,
    code: &'static str,
    /// The trunk prefix, which is dialled before the number inside the country.
    trunk: &'static str,
    patterns: &'static [&'static str],
}

const fn country(
    region: &'static str,
    code: &'static str,
    trunk: &'static str,
    patterns: &'static [&'static str],
) -> SampleCountry {
    SampleCountry { region, code, trunk, patterns }
}

pub(super) const COUNTRIES: &[SampleCountry] = &[
    country("US", "1", "", &["2122######", "4153######", "3125######", "6465######"]),
    country("CA", "1", "", &["4162######", "6043######"]),
    country("GB", "44", "0", &["7400######", "2079460###"]),
    country("DE", "49", "0", &["1512#######", "3012345##"]),
    country("FR", "33", "0", &["612######", "1402#####"]),
    country("ES", "34", "", &["612######", "912######"]),
    country("IT", "39", "", &["3471######", "06698#####"]),
    country("NL", "31", "0", &["612######", "2026#####"]),
    country("BE", "32", "0", &["470######"]),
    country("CH", "41", "0", &["781######"]),
    country("AT", "43", "0", &["6641######"]),
    country("SE", "46", "0", &["701######"]),
    country("NO", "47", "", &["406#####"]),
    country("DK", "45", "", &["2012####"]),
    country("PL", "48", "", &["512######"]),
    country("CZ", "420", "", &["601######"]),
    country("PT", "351", "", &["912######"]),
    country("GR", "30", "", &["691#######"]),
    country("TR", "90", "0", &["5012######"]),
    country("UA", "380", "0", &["501######"]),
    country("RU", "7", "8", &["9123######"]),
    country("IL", "972", "0", &["502######"]),
    country("AE", "971", "0", &["501######"]),
    country("SA", "966", "0", &["512######"]),
    country("EG", "20", "0", &["1001######"]),
    country("ZA", "27", "0", &["711######"]),
    country("NG", "234", "0", &["8021######"]),
    country("KE", "254", "0", &["712######"]),
    country("IN", "91", "0", &["9876######", "8123######"]),
    country("PK", "92", "0", &["3012######"]),
    country("BD", "880", "0", &["1812######"]),
    country("CN", "86", "0", &["1312#######"]),
    country("TW", "886", "0", &["912######"]),
    country("HK", "852", "", &["5123####"]),
    country("JP", "81", "0", &["9012######", "312######"]),
    country("KR", "82", "0", &["1020######"]),
    country("SG", "65", "", &["8123####"]),
    country("TH", "66", "0", &["812######"]),
    country("PH", "63", "0", &["9051######"]),
    country("AU", "61", "0", &["412######"]),
    country("NZ", "64", "0", &["211######"]),
    country("BR", "55", "", &["11961######"]),
    country("MX", "52", "", &["2221######"]),
    country("CL", "56", "", &["961######"]),
    country("CO", "57", "", &["3211######"]),
];

const INVALID: &[&str] = &[
    "0000000000",
    "+999999999999999",
    "+1",
    "+1 555",
    "12",
    "112",
    "n/a",
    "call me",
    "none",
    "5551234567 / 5559876543",
    "+49 0",
    "☎",
];

/// A person's number, without a format.
#[derive(Clone, Debug)]
pub(super) struct SampleNumber {
    country: &'static SampleCountry,
    national: String,
}

/// A formatted number, with its region if the number has no country code.
pub(super) struct FormattedNumber {
    pub(super) text: String,
    pub(super) region: Option<&'static str>,
    pub(super) phone: SamplePhone,
}

impl SampleNumber {
    pub(super) fn new(random: &mut SeededRandom, country: &'static SampleCountry) -> Self {
        let pattern = random.pick(country.patterns);
        Self { country, national: random.digits(pattern) }
    }

    fn e164(&self) -> String {
        format!("+{}{}", self.country.code, self.national)
    }

    /// Formats the number in a random way. Returns an invalid text in 4 % of the calls.
    pub(super) fn write(&self, random: &mut SeededRandom) -> FormattedNumber {
        if random.chance(4) {
            let text = random.pick(INVALID).to_owned();
            return FormattedNumber { text, region: None, phone: SamplePhone::Invalid };
        }
        if random.chance(6) {
            return self.write_irregularly(random);
        }
        let Self { country: SampleCountry { code, trunk, region, .. }, national } = self;
        let separator = random.pick(&[" ", "-", ".", "\u{a0}"]);
        let grouped = grouped(national, separator);
        let (text, needs_region) = match random.random_below(8) {
            0 => (format!("+{code} {grouped}"), false),
            1 => (format!("+{code}-{grouped}"), false),
            2 => (format!("+{code} ({}) {}", &national_head(national), national_tail(national)), false),
            3 => (format!("tel:{}", self.e164()), false),
            4 => (format!("+{code} {grouped} ext. {}", random.digits("4##")), false),
            5 => (format!("{trunk}{national}"), true),
            6 => (format!("{trunk}{grouped}"), true),
            _ => (self.e164(), false),
        };
        // Some senders also send the region of a number with a country code.
        let region = (needs_region || random.chance(20)).then_some(*region);
        FormattedNumber { text, region, phone: SamplePhone::Standard(self.e164()) }
    }

    fn write_irregularly(&self, random: &mut SeededRandom) -> FormattedNumber {
        let e164 = self.e164();
        let text = match random.random_below(5) {
            0 => format!("\u{202a}{e164}\u{202c}"),
            1 => format!("'{e164}"),
            2 => with_digits_of(&e164, '０'),
            3 => with_digits_of(&e164, '٠'),
            _ => format!("+{} {}", self.country.code, grouped(&self.national, "\u{2011}")),
        };
        FormattedNumber { text, region: None, phone: SamplePhone::Irregular(e164) }
    }
}

/// Replaces the digits with those of another script, whose zero is `zero`.
fn with_digits_of(text: &str, zero: char) -> String {
    let replace =
        |c: char| c.to_digit(10).and_then(|digit| char::from_u32(u32::from(zero) + digit)).unwrap_or(c);
    text.chars().map(replace).collect()
}

fn grouped(digits: &str, separator: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    let groups: Vec<String> = digits.chunks(3).map(|group| group.iter().collect()).collect();
    groups.join(separator)
}

fn national_head(national: &str) -> String {
    national.chars().take(3).collect()
}

fn national_tail(national: &str) -> String {
    national.chars().skip(3).collect()
}
