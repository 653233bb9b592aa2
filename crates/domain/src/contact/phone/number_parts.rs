//! What a text says before any numbering plan is asked: its digits, whether they begin with a country code, an
//! extension. The forms are those of Google's libphonenumber (`phonenumberutil.cc`), so that what is taken for a
//! number here is taken for one there.

use std::sync::LazyLock;

use regex::Regex;

/// The digit zero of each script of the Basic Multilingual Plane; the other nine follow it.
const ZEROS: [u32; 37] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
    0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

const PLUS: [char; 2] = ['+', '\u{FF0B}'];

/// Dashes, spaces, dots, slashes, brackets, tildes, and the `x` that stands for a carrier.
const PUNCTUATION: &str = r"-x\x{2010}-\x{2015}\x{2212}\x{30FC}\x{FF0D}-\x{FF0F} \x{A0}\x{AD}\x{200B}\x{2060}\x{3000}()\x{FF08}\x{FF09}\x{FF3B}\x{FF3D}.\[\]/~\x{2053}\x{223C}";

/// Ways to begin an extension. The vaguer the sign, the fewer digits may follow, lest a second number be taken for one.
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

#[expect(clippy::expect_used, reason = "the patterns are constants, and every test compiles them")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

static VIABLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)^(?:[+\x{{FF0B}}]*(?:[{PUNCTUATION}*]*[0-9]){{3,}}[{PUNCTUATION}*a-z0-9]*|[0-9]{{2}})(?:{EXTENSION})?$"
    ))
});
static ENDS_IN_EXTENSION: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("(?i)(?:{EXTENSION})$")));
static BEFORE_A_SECOND: LazyLock<Regex> = LazyLock::new(|| pattern(r"(.*)[\\/] *x"));
static CONTEXT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\+[0-9().-]*[0-9][0-9().-]*$"));

/// A toll-free number of the North American plan with letters among its last seven characters: `1-800-FLOWERS`. After
/// another area code letters are a name (`312 Chicago`).
static SPELLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^(?:\+?1[-. ]*)?\(?8(?:00|33|44|55|66|77|88)\)?[-. ]*(?:[0-9a-z][-. ]*){6}[0-9a-z]$")
});
/// Words of seven letters that say that there is no number, and letters in the place of digits (`800-NNN-NNNN`).
static NO_WORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)(?:unknown|private|invalid|refused|nophone|missing|blocked|n{3}|x{3}|a{3}|d{3}|abcd)$")
});
/// How Brazil writes the place of a carrier's code: `0xx31 …`.
static CARRIER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^(\(?0)xx([0-9])"));

/// A text that could be a phone number.
pub(super) struct NumberParts {
    /// It begins with a plus sign.
    pub(super) plus: bool,
    /// The digits after it; the letters of a number of the North American plan read as the keys they are on.
    pub(super) digits: String,
    pub(super) extension: Option<String>,
}

impl NumberParts {
    /// Of a tidy text. Letters make it no number, unless the whole number is spelled.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = trim_to_number(text)?;
        if !VIABLE.is_match(&text) {
            return None;
        }
        let (number, extension) = split_extension(&text);
        let number = CARRIER.replace(number, "${1}${2}");
        let letters = replace_keypad_letters(&number).chars().count();
        let spelled =
            letters >= 3 && SPELLED.is_match(&number) && !NO_WORD.is_match(&replace_keypad_letters(&number));
        if !spelled && letters > 0 {
            return None;
        }
        let digits = number.trim_start_matches(PLUS).chars().filter_map(|c| key(c, spelled)).collect();
        Some(Self { plus: number.starts_with(PLUS), digits, extension })
    }
}

fn replace_keypad_letters(number: &str) -> String {
    number.chars().filter(|c| c.is_alphabetic()).collect()
}

/// Every script's digits as 0 to 9. Other signs that count (`½`, `①`) make the text no number: skipped, what is
/// left might be a different one.
pub(super) fn ascii_digits(raw: &str) -> Option<String> {
    let digit = |c: char| {
        let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&u32::from(c)))?;
        char::from_digit(u32::from(c) - zero, 10)
    };
    raw.chars().map(|c| if c.is_numeric() { digit(c) } else { Some(c) }).collect()
}

/// The part of a text that may be the number: without what stands before the first digit or plus and after the
/// last letter or digit, without a second number; for RFC 3966 with the code that its context names.
fn trim_to_number(text: &str) -> Option<String> {
    let found = match text.split_once(";phone-context=") {
        Some((number, context)) => {
            let context = context.split_once(';').map_or(context, |(context, _)| context);
            if !CONTEXT.is_match(context) {
                return None;
            }
            let number = number.split_once("tel:").map_or(number, |(_, number)| number);
            format!("{context}{number}")
        }
        None => {
            let start = text.find(|c: char| c.is_ascii_digit() || PLUS.contains(&c))?;
            let found = text.get(start..)?.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '#');
            let first = BEFORE_A_SECOND.captures(found).and_then(|parts| parts.get(1));
            first.map_or(found, |first| first.as_str()).to_owned()
        }
    };
    Some(found.split_once(";isub=").map_or(found.as_str(), |(number, _)| number).to_owned())
}

/// The number and its extension, which only follows what could be a number without it.
fn split_extension(text: &str) -> (&str, Option<String>) {
    let apart = ENDS_IN_EXTENSION.captures(text).and_then(|parts| {
        let number = text.get(..parts.get(0)?.start())?;
        let extension = parts.iter().skip(1).flatten().find(|digits| !digits.is_empty())?;
        VIABLE.is_match(number).then(|| (number, Some(extension.as_str().to_owned())))
    });
    apart.unwrap_or((text, None))
}

/// The key of a telephone that a character is on.
fn key(c: char, spelled: bool) -> Option<char> {
    match c.to_ascii_uppercase() {
        '0'..='9' => Some(c),
        _ if !spelled => None,
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
