//! Cleans a text before it is parsed: removes invisible characters and undoes changes by spreadsheets.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::number_parts::{ascii_digits, compile_pattern};
use super::{PhoneProblem, Repair};

/// Format characters, variation selectors, the keycap character, and filler letters.
static INVISIBLE: LazyLock<Regex> = LazyLock::new(|| {
    compile_pattern(
        r"[\p{Cf}\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}\x{20E3}\x{034F}\x{115F}\x{1160}\x{3164}\x{FFA0}]",
    )
});
/// A number that a spreadsheet converted to a decimal.
static SPREADSHEET_DECIMAL: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"^(\s*'?\+?[0-9]{5,})[.,]0+\s*$"));
/// A space before the first digit and no letter before it. The space may have been a plus: `( 47) 22…`.
static SPACE_BEFORE_DIGIT: LazyLock<Regex> = LazyLock::new(|| compile_pattern(r"^[^\pL0-9+]* [0-9]"));
/// A decimal fraction, which is not a phone number.
static DECIMAL_FRACTION: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"^'?\+?[0-9]{7,}[.,][0-9]{1,2}$"));
static EXPONENT_NOTATION: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"^\s*'?(\+?)([0-9])(?:[.,]([0-9]*))?[eE]\+?([0-9]{1,2})\s*$"));
/// Placeholders for digits (`415-555-xxxx`, `030 1234***`). `0xx` is allowed: in Brazil it is the placeholder
/// for the carrier code.
static DIGIT_PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"(?i)[*?_…•●■█\x{FF0A}\x{FF1F}]|\.\s*\.|(?:^|[^0])xx|[0-9]\s*-{2,}$"));
/// Texts that resemble a phone number: dates, amounts, coordinates, URLs, negative numbers, items of a
/// numbered list.
static NOT_A_PHONE: LazyLock<Regex> = LazyLock::new(|| {
    compile_pattern(concat!(
        r"(?i)^[^0-9+]*(?:[0-3]?[0-9][./-][01]?[0-9][./-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[./-][01]?[0-9][./-][0-3]?[0-9])(?:[^0-9]|$)",
        r"|^\s*[1-9][0-9]{0,6}[.,][0-9]+\s*$|^\s*[1-9][0-9]*[.,][0-9]{3}[.,][0-9]{1,2}\s*$",
        r"|://|^\s*-|^\s*[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\s*$",
        r"|^\s*[0-9]{1,2}\s*[.)]\s+[0+(]|^\s*[0-9]{1,2}\s+-\s+[0+(]|(?:\bnr|\bno|#)\.?\s*[0-9]{1,2}\s+[0+(]",
    ))
});
/// Ten digits of the North American plan with one dot.
static NORTH_AMERICAN_WITH_DOT: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"^\s*[2-9][0-9]{2}\.[2-9][0-9]{6}\s*$"));
/// HTML entities, which some form builders send for spaces.
static HTML_ENTITY: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"(?i)&(?:[a-z]{2,6}|#[0-9]{1,5}|#x[0-9a-f]{1,4});"));

pub(super) struct CleanText {
    /// Digits of all scripts are converted to 0 to 9, and all spaces to U+0020. Line breaks are kept.
    pub(super) text: String,
    pub(super) repairs: Vec<Repair>,
    /// There is a space before the first digit, which may have been a plus.
    pub(super) may_lack_plus: bool,
}

impl CleanText {
    pub(super) fn parse(raw: &str) -> Result<Self, PhoneProblem> {
        let mut repairs = Vec::new();
        let plain = without_entities(raw);
        let visible = INVISIBLE.replace_all(&plain, "");
        if let Cow::Owned(_) = visible {
            repairs.push(Repair::InvisibleCharacters);
        }
        let spaced = visible.chars().map(separator).collect::<String>();
        let text = ascii_digits(&spaced).ok_or(PhoneProblem::NotANumber)?;
        let may_lack_plus = may_lack_plus(&text);
        let text = text.trim();
        let text = if let Some(digits) = SPREADSHEET_DECIMAL.captures(text).and_then(|parts| parts.get(1)) {
            repairs.push(Repair::DecimalZeros);
            digits.as_str().to_owned()
        } else if let Some(parts) = EXPONENT_NOTATION.captures(text) {
            repairs.push(Repair::Exponent);
            let [plus, first, rest, exponent] =
                [1, 2, 3, 4].map(|group| parts.get(group).map_or("", |part| part.as_str()));
            // With fewer digits the spreadsheet has rounded the number.
            if exponent.parse() != Ok(rest.len()) {
                return Err(PhoneProblem::NotANumber);
            }
            format!("{plus}{first}{rest}")
        } else {
            text.to_owned()
        };
        let is_not_a_phone = NOT_A_PHONE.is_match(&text) && !NORTH_AMERICAN_WITH_DOT.is_match(&text);
        if DIGIT_PLACEHOLDER.is_match(&text) || DECIMAL_FRACTION.is_match(&text) || is_not_a_phone {
            return Err(PhoneProblem::NotANumber);
        }
        Ok(Self { text, repairs, may_lack_plus })
    }
}

fn without_entities(raw: &str) -> Cow<'_, str> {
    HTML_ENTITY.replace_all(raw, " ")
}

/// A text without invisible characters.
pub(super) fn without_invisible_characters(raw: &str) -> String {
    INVISIBLE.replace_all(&without_entities(raw), "").into_owned()
}

/// Whether there is a space before the first digit and no letter before it. A form that does not escape its
/// values sends a plus as a space.
pub fn may_lack_plus(text: &str) -> bool {
    SPACE_BEFORE_DIGIT.is_match(text)
}

/// Converts middle dots, dashes and spaces of all kinds to the ASCII separators of digit groups.
fn separator(c: char) -> char {
    match c {
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        c if c.is_whitespace() => ' ',
        '\u{B7}' | '\u{2027}' | '\u{2219}' => '.',
        '\u{058A}' | '\u{05BE}' | '\u{1806}' | '\u{2E3A}' | '\u{2E3B}' | '\u{FE58}' | '\u{FE63}'
        | '\u{2043}' => '-',
        c => c,
    }
}
