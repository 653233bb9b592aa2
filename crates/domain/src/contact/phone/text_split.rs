//! The positions at which a number can end and a note or a second number can begin.

use std::sync::LazyLock;

use regex::Regex;

use super::number_parts::compile_pattern;

/// A text that is split into the possible number and the rest.
pub(super) struct TextSplit<'t> {
    pub(super) first: &'t str,
    pub(super) rest: &'t str,
    /// The split is at a dash between spaces. Dashes are common within numbers, so it is used only if the
    /// whole text is not a number.
    pub(super) is_dash: bool,
    is_word: bool,
}

/// Digits after an opening bracket without a closing one.
static OPEN_BRACKET: LazyLock<Regex> = LazyLock::new(|| compile_pattern(r"[(\[][^)\]]*[0-9][^)\]]*$"));
/// A word for a digit, or letters directly before a digit: `O6`.
static DIGIT_IN_LETTERS: LazyLock<Regex> = LazyLock::new(|| {
    compile_pattern(concat!(
        r"(?i)^(?:\pL+[0-9]|(?:null|zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|eins|zwei|drei|vier|",
        r"f\x{FC}nf|sechs|sieben|acht|neun|doppel)\b)"
    ))
});
/// A last group of at most two digits, or two such groups: a time or a count that belongs to the words after
/// it.
static SHORT_GROUP: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"[\s(\[.,:-]+[0-9]{1,2}(?:\s*[-.:]\s*[0-9]{1,2})?[\s)\].,:-]*$"));
/// A last group in brackets, or a range of numbers.
static GROUP_AT_END: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"(?:[(\[]\s*[0-9]{1,4}\s*[)\]]|\s[0-9]{1,2}\s*-\s*[0-9]{1,2})\s*$"));
static SECOND_NUMBER_SEPARATOR: LazyLock<Regex> = LazyLock::new(|| {
    compile_pattern(r"(?i)^[\s/;,|&\\-]*(?:(?:or|and|oder|und|ou|et|o|u|y|e|of|en|eller|og)\b[\s.:]*)?")
});
static DIGITS: LazyLock<Regex> = LazyLock::new(|| compile_pattern("[0-9]+"));
/// Maximum number of digits at the beginning of a note, such as the `01` of `18 00/01`.
const MAX_NOTE_DIGITS: usize = 4;
static FEW_DIGITS: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"^[^\pL0-9]*([0-9]{1,4})(?:[^0-9]|$)"));

impl<'t> TextSplit<'t> {
    /// Whether the split point is within a number.
    pub(super) fn is_within_number(&self) -> bool {
        OPEN_BRACKET.is_match(self.first) || (self.is_word && DIGIT_IN_LETTERS.is_match(self.rest))
    }

    /// The rest from the beginning of a possible second number.
    pub(super) fn second_number(&self) -> Option<&'t str> {
        let separator = SECOND_NUMBER_SEPARATOR.find(self.rest);
        let second = separator.and_then(|found| self.rest.get(found.end()..)).unwrap_or(self.rest);
        let is_number_start = second.starts_with(|c: char| c.is_ascii_digit() || "+(".contains(c));
        (is_number_start && self.digit_groups().map(str::len).sum::<usize>() > MAX_NOTE_DIGITS)
            .then_some(second)
    }

    /// All digits of the note, if they may belong to the number: more than a time or a count.
    pub(super) fn digits_of_note(&self) -> Option<String> {
        self.digit_groups().any(|run| run.len() > 2).then(|| self.digit_groups().collect())
    }

    /// The note after the number.
    pub(super) fn note(&self) -> Option<String> {
        let note = self.rest.trim_matches(|c: char| c.is_whitespace() || "()[]/;,|&\\-".contains(c));
        (!note.is_empty()).then(|| note.to_owned())
    }

    fn digit_groups(&self) -> impl Iterator<Item = &'t str> {
        DIGITS.find_iter(self.rest).map(|run| run.as_str())
    }

    /// An alternative number: without a short last group that belongs to the words after it, or with the few
    /// digits that follow a separator.
    pub(super) fn alternative_number(&self) -> Option<String> {
        if self.is_word {
            return remove_match(&SHORT_GROUP, self.first);
        }
        let few = FEW_DIGITS.captures(self.rest)?.get(1)?;
        Some(format!("{}{}", self.first, few.as_str()))
    }
}

/// The text without a last group that may not belong to the number.
pub(super) fn without_group_at_end(text: &str) -> Option<String> {
    remove_match(&GROUP_AT_END, text)
}

fn remove_match(pattern: &Regex, text: &str) -> Option<String> {
    let group = pattern.find(text)?;
    text.get(..group.start()).map(str::to_owned)
}

/// The split points: each separator that can stand between two numbers, and each word that does not touch a
/// digit.
pub(super) fn split_points(text: &str) -> Vec<TextSplit<'_>> {
    let mut splits = Vec::new();
    let mut before = None;
    for (at, c) in text.char_indices() {
        let (first, rest) = text.split_at(at);
        let is_word = c.is_alphabetic() && before.is_some_and(|before: char| !before.is_alphanumeric());
        let is_dash = c == '-' && first.ends_with(' ') && rest.starts_with("- ");
        if is_dash || is_word || "/;,|&\n\\".contains(c) {
            splits.push(TextSplit { first, rest, is_dash, is_word });
        }
        before = Some(c);
    }
    splits
}

/// Whether a letter touches the first digit, as in `abc4155550132`. The letters may belong to the number.
pub(super) fn has_adjacent_letter(text: &str) -> bool {
    let Some(at) = text.find(|c: char| c.is_ascii_digit() || c == '+' || c == '\u{FF0B}') else {
        return false;
    };
    let starts_with_digit = text.get(at..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    starts_with_digit && text.get(..at).is_some_and(|label| label.ends_with(char::is_alphabetic))
}

static WORDS_IN_BRACKETS: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"[(\[][^()\[\]0-9]*\pL[^()\[\]0-9]*[)\]]"));
static ZERO_IN_BRACKETS: LazyLock<Regex> =
    LazyLock::new(|| compile_pattern(r"^([^0-9]*\+[\s(]*[1-9][0-9]{0,2}[\s).-]*)[(\[]\s*0\s*[)\]]"));

/// The text without words in brackets: `+44 (UK) 7400 123456`.
pub(super) fn without_words_in_brackets(text: &str) -> Option<String> {
    WORDS_IN_BRACKETS.is_match(text).then(|| WORDS_IN_BRACKETS.replace_all(text, " ").into_owned())
}

/// The text without the zero of `+48 (0) 22 512 34 56`.
pub(super) fn without_zero_in_brackets(text: &str) -> Option<String> {
    ZERO_IN_BRACKETS.is_match(text).then(|| ZERO_IN_BRACKETS.replace(text, "$1 ").into_owned())
}
