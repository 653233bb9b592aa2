//! Words in the text of a phone that forbid calls.

use std::sync::LazyLock;

use regex::Regex;

use super::clean_text;
use super::number_parts::compile_pattern;

/// Words that mean that the person must not be called, or that the number belongs to another person.
static DO_NOT_CALL_WORDS: LazyLock<Regex> = LazyLock::new(|| {
    compile_pattern(concat!(
        r"(?i)do[\s-]*not[\s-]+(?:call|contact|phone)|don.?t[\s-]+(?:call|contact|phone)|\bdnc\b|\bno[\s-]+calls?\b",
        r"|wrong[\s-]+number|not[\s-]+my\b|\b(?:stop|never)[\s-]+call(?:ing)?\b",
        r"|nicht\s+anrufen|keine\s+anrufe|falsche\s+nummer|ne\s+pas\s+appeler|(?:faux|mauvais)\s+num[eé]ro",
        r"|no\s+llamar|n[uú]mero\s+equivocado|non\s+chiamare|numero\s+sbagliato|n[aã]o\s+ligar|niet\s+bellen",
    ))
});

/// Whether the text of a phone forbids calls or says that the number is wrong: `415-555-0132 (do not call)`.
///
/// A condition (`do not call after 5pm`) forbids all calls, because it cannot be checked before a call.
pub fn forbids_calls(text: &str) -> bool {
    text.contains(char::is_alphabetic)
        && DO_NOT_CALL_WORDS.is_match(&clean_text::without_invisible_characters(text))
}
