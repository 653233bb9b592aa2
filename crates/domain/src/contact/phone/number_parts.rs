//! Splits a text into plus sign, digits and extension. No numbering plan is used yet. The patterns are those
//! of Google's libphonenumber (`phonenumberutil.cc`), so that Leadgate and libphonenumber accept the same
//! texts as numbers.

use std::sync::LazyLock;

use regex::Regex;

/// The digit zero of each script of the Basic Multilingual Plane. The other nine digits follow it.
const ZERO_DIGITS: [u32; 37] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
    0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

const PLUS_SIGNS: [char; 2] = ['+', '\u{FF0B}'];

/// Dashes, spaces, dots, slashes, brackets, tildes, and the `x` that is a placeholder for a carrier.
const PUNCTUATION: &str = r"-x\x{2010}-\x{2015}\x{2212}\x{30FC}\x{FF0D}-\x{FF0F} \x{A0}\x{AD}\x{200B}\x{2060}\x{3000}()\x{FF08}\x{FF09}\x{FF3B}\x{FF3D}.\[\]/~\x{2053}\x{223C}";

/// Forms of an extension. The less specific the sign is, the fewer digits may follow it, so that a second
/// number is not read as an extension.
const EXTENSION: &str = concat!(
    r";ext=([0-9]{1,20})",
    r"|[ \x{A0}\t,]*(?:e?xt(?:ensi(?:o\x{301}?|\x{F3}))?n?|\x{FF45}?\x{FF58}\x{FF54}\x{FF4E}?|доб|anexo)",
    r"[:.\x{FF0E}]?[ \x{A0}\t,-]*([0-9]{1,20})#?",
    r"|[ \x{A0}\t,]*(?:[x\x{FF58}#\x{FF03}~\x{FF5E}]|int|\x{FF49}\x{FF4E}\x{FF54})",
    r"[:.\x{FF0E}]?[ \x{A0}\t,-]*([0-9]{1,9})#?",
    r"|[- ]+([0-9]{1,6})#",
    r"|[ \x{A0}\t]*(?:,{2}|;)[:.\x{FF0E}]?[ \x{A0}\t,-]*([0-9]{1,15})#?",
    r"|[ \x{A0}\t]*,+[:.\x{FF0E}]?[ \x{A0}\t,-]*([0-9]{1,9})#?",
);

#[expect(clippy::expect_used, reason = "the patterns are constants, and tests compile them")]
pub(super) fn compile_pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

/// A text with the characters of a phone number, and possibly an extension. libphonenumber calls it *viable*.
static NUMBER_SYNTAX: LazyLock<Regex> = LazyLock::new(|| {
    compile_pattern(&format!(
        r"(?i)^(?:[+\x{{FF0B}}]*(?:[{PUNCTUATION}*]*[0-9]){{3,}}[{PUNCTUATION}*a-z0-9]*|[0-9]{{2}})(?:{EXTENSION})?$"
    ))
});
static ENDS_IN_EXTENSION: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(&format!("(?i)(?:{EXTENSION})$")));
static BEFORE_SECOND_NUMBER: LazyLock<Regex> = LazyLock::new(|| compile_pattern(r"(.*)[\\/] *x"));
static PHONE_CONTEXT: LazyLock<Regex> = LazyLock::new(|| compile_pattern(r"^\+[0-9().-]*[0-9][0-9().-]*$"));

/// A toll-free number of the North American plan with letters in its last seven characters: `1-800-FLOWERS`.
/// After other area codes letters are a name (`312 Chicago`).
static VANITY_NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    compile_pattern(
        r"(?i)^(?:\+?1[-. ]*)?\(?8(?:00|33|44|55|66|77|88)\)?[-. ]*(?:[0-9a-z][-. ]*){6}[0-9a-z]$",
    )
});
/// Words of seven letters that mean that there is no number, and placeholder letters for digits
/// (`800-NNN-NNNN`).
static NOT_A_VANITY_WORD: LazyLock<Regex> = LazyLock::new(|| {
    compile_pattern(
        r"(?i)(?:unknown|private|invalid|refused|nophone|missing|blocked|n{3}|x{3}|a{3}|d{3}|abcd)$",
    )
});
/// The placeholder for the carrier code in Brazil: `0xx31 …`.
static CARRIER_PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| compile_pattern(r"(?i)^(\(?0)xx([0-9])"));

/// The parts of a text that can be a phone number.
pub(super) struct NumberParts {
    /// Whether the text begins with a plus sign.
    pub(super) has_plus: bool,
    /// The digits after the plus sign. Letters of a North American number are converted to the digits of
    /// their keys.
    pub(super) digits: String,
    pub(super) extension: Option<String>,
}

impl NumberParts {
    /// Parses a cleaned text. A text with letters is not a number, unless it is a vanity number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = trim_to_number(text)?;
        if !NUMBER_SYNTAX.is_match(&text) {
            return None;
        }
        let (number, extension) = split_extension(&text);
        let number = CARRIER_PLACEHOLDER.replace(number, "${1}${2}");
        let letters = only_letters(&number).chars().count();
        let is_vanity = letters >= 3
            && VANITY_NUMBER.is_match(&number)
            && !NOT_A_VANITY_WORD.is_match(&only_letters(&number));
        if !is_vanity && letters > 0 {
            return None;
        }
        let digits = number
            .trim_start_matches(PLUS_SIGNS)
            .chars()
            .filter_map(|c| keypad_digit(c, is_vanity))
            .collect();
        Some(Self { has_plus: number.starts_with(PLUS_SIGNS), digits, extension })
    }
}

fn only_letters(number: &str) -> String {
    number.chars().filter(|c| c.is_alphabetic()).collect()
}

/// Converts the digits of all scripts to 0 to 9. A text with other numeric characters (`½`, `①`) is refused,
/// because removing them could give a different number.
pub(super) fn ascii_digits(raw: &str) -> Option<String> {
    let digit = |c: char| {
        let zero = ZERO_DIGITS.iter().find(|zero| (**zero..**zero + 10).contains(&u32::from(c)))?;
        char::from_digit(u32::from(c) - zero, 10)
    };
    raw.chars().map(|c| if c.is_numeric() { digit(c) } else { Some(c) }).collect()
}

/// The part of a text that can be the number: from the first digit or plus to the last letter or digit,
/// without a second number. For RFC 3966 it begins with the code of the phone context.
fn trim_to_number(text: &str) -> Option<String> {
    let candidate = match text.split_once(";phone-context=") {
        Some((number, context)) => {
            let context = context.split_once(';').map_or(context, |(context, _)| context);
            if !PHONE_CONTEXT.is_match(context) {
                return None;
            }
            let number = number.split_once("tel:").map_or(number, |(_, number)| number);
            format!("{context}{number}")
        }
        None => {
            let start = text.find(|c: char| c.is_ascii_digit() || PLUS_SIGNS.contains(&c))?;
            let candidate = text.get(start..)?.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '#');
            let first = BEFORE_SECOND_NUMBER.captures(candidate).and_then(|parts| parts.get(1));
            first.map_or(candidate, |first| first.as_str()).to_owned()
        }
    };
    Some(candidate.split_once(";isub=").map_or(candidate.as_str(), |(number, _)| number).to_owned())
}

/// The number and its extension. There is an extension only if the rest can be a number.
fn split_extension(text: &str) -> (&str, Option<String>) {
    let split = ENDS_IN_EXTENSION.captures(text).and_then(|parts| {
        let number = text.get(..parts.get(0)?.start())?;
        let extension = parts.iter().skip(1).flatten().find(|digits| !digits.is_empty())?;
        NUMBER_SYNTAX.is_match(number).then(|| (number, Some(extension.as_str().to_owned())))
    });
    split.unwrap_or((text, None))
}

/// The digit on the telephone key that shows this letter.
fn keypad_digit(c: char, is_vanity: bool) -> Option<char> {
    match c.to_ascii_uppercase() {
        '0'..='9' => Some(c),
        _ if !is_vanity => None,
        'A'..='C' => Some('2'),
        'D'..='F' => Some('3'),
        'G'..='I' => Some('4'),
        'J'..='L' => Some('5'),
        'M'..='O' => Some('6'),
        'P'..='S' => Some('7'),
        'T'..='V' => Some('8'),
        'W'..='Z' => Some('9'),
        _ => None,
    }
}
