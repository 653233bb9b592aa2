//! The formats in which people write a number.

use rlibphonenumber::PhoneNumberFormat;

use crate::samples::Sample;

/// Regions with their prefixes for calls abroad.
const EXIT_CODES: [(&str, &str); 16] = [
    ("US", "011"),
    ("GB", "00"),
    ("DE", "00"),
    ("RU", "810"),
    ("KZ", "810"),
    ("JP", "010"),
    ("AU", "0011"),
    ("FI", "00"),
    ("FI", "999"),
    ("KR", "00700"),
    ("HK", "001"),
    ("SG", "001"),
    ("BR", "0014"),
    ("TH", "001"),
    ("CO", "009"),
    ("NG", "009"),
];

/// The name of the format, the text, and the default region of the source.
type FormattedNumber<'s> = (&'static str, String, Option<&'s str>);

pub(crate) fn formats(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let mut texts = international(sample);
    texts.extend(with_extension(sample));
    texts.extend(dialled(sample));
    if let Some(home) = sample.home() {
        texts.extend(at_home(sample, home));
    }
    texts
}

/// With a country code, and in national formats.
pub(crate) fn plain_formats(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let Sample { code, national, .. } = sample;
    [format!("+{code}{national}"), format!("{code}{national}"), national.clone(), format!("0{national}")]
        .map(|text| ("broken", text, sample.home()))
        .into()
}

fn international(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let e164 = format!("+{}{}", sample.code, sample.national);
    let spaced = sample.written(PhoneNumberFormat::International);
    let (code, national) = (sample.code, &sample.national);
    let (area, rest) = national.split_at(national.len().min(3));
    let texts = [
        ("E.164", e164.clone()),
        ("spaces", spaced.clone()),
        ("hyphens", spaced.replace(' ', "-")),
        ("dots", spaced.replace(' ', ".")),
        ("brackets", format!("+{code} ({area}) {rest}")),
        ("no-break spaces", spaced.replace(' ', "\u{a0}")),
        ("no-break hyphens", spaced.replace(' ', "\u{2011}")),
        ("slashes", spaced.replace(' ', "/")),
        ("full width", spaced.chars().map(|c| in_script(c, 0xFF10)).collect::<String>().replace('+', "＋")),
        ("Arabic-Indic", spaced.chars().map(|c| in_script(c, 0x660)).collect()),
        ("Persian", spaced.chars().map(|c| in_script(c, 0x6F0)).collect()),
        ("Devanagari", spaced.chars().map(|c| in_script(c, 0x966)).collect()),
        ("tel:", sample.written(PhoneNumberFormat::RFC3966)),
        ("tel: with context", format!("tel:{national};phone-context=+{code}")),
        ("label before", format!("Tel. {spaced}")),
        ("bidi marks", format!("\u{202a}{spaced}\u{202c}")),
        ("apostrophe", format!("'{e164}")),
        ("trunk zero in brackets", format!("+{code} (0){national}")),
        ("trunk zero after code", format!("+{code} 0{national}")),
        ("plus twice", format!("++{code} {national}")),
        ("two numbers", format!("{e164} / {e164}")),
        ("note after", format!("{e164} (mobile)")),
    ];
    let homes = [None, Some("US"), Some("DE"), sample.home()];
    let with_home = |(place, (way, text)): (usize, (&'static str, String))| -> FormattedNumber<'_> {
        (way, text, homes[place % 4])
    };
    texts.into_iter().enumerate().map(with_home).collect()
}

fn in_script(c: char, zero: u32) -> char {
    c.to_digit(10).and_then(|digit| char::from_u32(zero + digit)).unwrap_or(c)
}

fn with_extension(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let e164 = format!("+{}{}", sample.code, sample.national);
    [" ext. 89", " x89", ";ext=0123456", " #4711", ",,89", " доб. 5", " extension 12345678", ";89", " - 503#"]
        .map(|extension| ("extension", format!("{e164}{extension}"), None))
        .into()
}

/// With the digits that are dialled instead of the plus, and without them.
fn dialled(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let (code, national) = (sample.code, &sample.national);
    let mut texts = Vec::new();
    for (home, prefix) in EXIT_CODES {
        texts.push(("dialled from abroad", format!("{prefix} {code} {national}"), Some(home)));
    }
    for home in [None, Some("US"), Some("GB"), Some("IN"), sample.home()] {
        texts.push(("00 anywhere", format!("00{code}{national}"), home));
        texts.push(("011 anywhere", format!("011{code}{national}"), home));
        texts.push(("plus and 00", format!("+00{code}{national}"), home));
        texts.push(("no plus", format!("{code}{national}"), home));
        texts.push(("no code", national.clone(), home));
    }
    texts
}

fn at_home<'s>(sample: &'s Sample, home: &'s str) -> Vec<FormattedNumber<'s>> {
    let written = sample.written(PhoneNumberFormat::National);
    let national = &sample.national;
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    [
        ("national", written.clone()),
        ("national, digits only", digits),
        ("national, hyphens", written.replace(' ', "-")),
        ("trunk 0", format!("0{national}")),
        ("trunk 1", format!("1{national}")),
        ("trunk 8", format!("8{national}")),
        ("national with extension", format!("{written} x89")),
        ("carrier", format!("0 15 {national}")),
    ]
    .map(|(way, text)| (way, text, Some(home)))
    .into()
}
