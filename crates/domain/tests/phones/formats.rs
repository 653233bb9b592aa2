//! The formats in which people write a number.

use rlibphonenumber::PhoneNumberFormat;

use crate::samples::Sample;

/// Regions with their exit codes, the prefixes for international calls.
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

pub(crate) fn all(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let mut texts = international(sample);
    texts.extend(with_extension(sample));
    texts.extend(with_exit_code(sample));
    if let Some(default_region) = sample.default_region() {
        texts.extend(national(sample, default_region));
    }
    texts
}

/// With a country code, and in national formats.
pub(crate) fn plain(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let Sample { code, national, .. } = sample;
    [format!("+{code}{national}"), format!("{code}{national}"), national.clone(), format!("0{national}")]
        .map(|text| ("invalid", text, sample.default_region()))
        .into()
}

fn international(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let e164 = format!("+{}{}", sample.code, sample.national);
    let spaced = sample.format(PhoneNumberFormat::International);
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
        ("tel:", sample.format(PhoneNumberFormat::RFC3966)),
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
    let default_regions = [None, Some("US"), Some("DE"), sample.default_region()];
    let with_default_region =
        |(place, (format_name, text)): (usize, (&'static str, String))| -> FormattedNumber<'_> {
            (format_name, text, default_regions[place % 4])
        };
    texts.into_iter().enumerate().map(with_default_region).collect()
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
fn with_exit_code(sample: &Sample) -> Vec<FormattedNumber<'_>> {
    let (code, national) = (sample.code, &sample.national);
    let mut texts = Vec::new();
    for (default_region, prefix) in EXIT_CODES {
        texts.push(("exit code", format!("{prefix} {code} {national}"), Some(default_region)));
    }
    for default_region in [None, Some("US"), Some("GB"), Some("IN"), sample.default_region()] {
        texts.push(("00 anywhere", format!("00{code}{national}"), default_region));
        texts.push(("011 anywhere", format!("011{code}{national}"), default_region));
        texts.push(("plus and 00", format!("+00{code}{national}"), default_region));
        texts.push(("no plus", format!("{code}{national}"), default_region));
        texts.push(("no code", national.clone(), default_region));
    }
    texts
}

fn national<'s>(sample: &'s Sample, default_region: &'s str) -> Vec<FormattedNumber<'s>> {
    let written = sample.format(PhoneNumberFormat::National);
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
    .map(|(format_name, text)| (format_name, text, Some(default_region)))
    .into()
}
