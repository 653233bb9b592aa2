//! Canonical texts, without invisible characters.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const BLACK_FLAG: char = '\u{1f3f4}';

/// A text in canonical form: composed (NFC), without control and invisible characters, with collapsed white
/// space.
///
/// Joiners are kept where a script or an emoji needs them: between two characters that join.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let printable: String = visible(text).chars().filter(|c| c.is_whitespace() || !c.is_control()).collect();
    let mut clean = String::with_capacity(printable.len());
    for word in printable.split_whitespace() {
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.extend(word.nfc());
    }
    Cow::Owned(clean)
}

/// A name in lower case without `_`, `-` and spaces, so that different spellings are equal.
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        let letters = name.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
        return letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    }
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Whether a text is printable ASCII with single spaces between words, as most texts are.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("  ")
}

/// A text without invisible characters: bidi marks and overrides, zero-width spaces, noncharacters.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().filter(|c| !is_invisible(*c)).peekable();
    while let Some(c) = chars.next() {
        let before = kept.chars().next_back();
        let is_kept = match c {
            ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER => {
                before.is_some_and(is_joining_script)
                    && chars.peek().is_some_and(|after| is_joining_script(*after))
            }
            // Tags are part of flags. Elsewhere they are an invisible text.
            '\u{e0000}'..='\u{e007f}' => before.is_some_and(|before| before == BLACK_FLAG || is_tag(before)),
            _ => true,
        };
        if is_kept {
            kept.push(c);
        }
    }
    Cow::Owned(kept)
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007e}')
}

fn is_invisible(c: char) -> bool {
    let is_noncharacter =
        matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff) || matches!(c, '\u{fdd0}'..='\u{fdef}');
    is_noncharacter
        || matches!(
            c,
            // Soft hyphen, Hangul fillers, Mongolian vowel separator, zero width space, word joiner, byte
            // order mark.
            '\u{ad}' | '\u{3164}' | '\u{ffa0}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
            // Bidi marks, embeddings, overrides, isolates.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
        )
}

/// Whether a character belongs to a script that is written with joiners (Arabic to Adlam, the Indic ones), or
/// is part of an emoji.
fn is_joining_script(c: char) -> bool {
    matches!(
        c,
        '\u{600}'..='\u{dff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{18af}'
            | '\u{1a00}'..='\u{1c4f}'
            | '\u{a840}'..='\u{a8ff}'
            | '\u{a980}'..='\u{abff}'
            | '\u{fb50}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefe}'
            | '\u{10a00}'..='\u{11fff}'
            | '\u{1e900}'..='\u{1e95f}'
            | '\u{2190}'..='\u{2bff}'
            | '\u{fe0f}'
            | '\u{1f000}'..='\u{1faff}'
            | '\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn invisible_characters_are_removed_and_visible_ones_are_kept() {
        for (text, expected) in [
            ("  Ann \t  Lee\n", "Ann Lee"),
            ("Jose\u{301}", "José"),
            ("O'Brien", "O'Brien"),
            ("Robert'); DROP TABLE leads;--", "Robert'); DROP TABLE leads;--"),
            ("Ann\u{a0}\u{3000}Lee", "Ann Lee"),
            ("a\u{202e}b\u{2069}", "ab"),
            ("a\u{1b}[2J\u{7f}\u{85}\u{2028}b", "a[2J b"),
            ("\u{feff}A\u{200b}n\u{ad}n\u{2060}", "Ann"),
            ("\u{200b}\u{200c}\u{200d}", ""),
            ("A\u{200d}n\u{200c}n", "Ann"),
            ("\u{fffe}\u{fdd0}x\u{10ffff}", "x"),
            ("x\u{e0041}\u{e0042}", "x"),
            ("\u{3164}", ""),
            ("محمد", "محمد"),
            // A Persian word, a Sinhala word and a family emoji need their joiners.
            ("علی\u{200c}رضا", "علی\u{200c}رضا"),
            ("ශ්\u{200d}රී", "ශ්\u{200d}රී"),
            ("👨\u{200d}👩\u{200d}👧 👍🏽 🇺🇸", "👨\u{200d}👩\u{200d}👧 👍🏽 🇺🇸"),
            ("❤\u{fe0f}\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
            ("🏴\u{e0067}\u{e0062}\u{e007f}", "🏴\u{e0067}\u{e0062}\u{e007f}"),
            ("ﷺßİı﷽", "ﷺßİı﷽"),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn all_spellings_of_a_name_are_folded_alike(name in "[ -~]{0,20}") {
            // A name with another character takes the slower way.
            prop_assert_eq!(fold(&name) + "é", fold(&(name + "É")));
        }

        #[test]
        fn a_canonical_text_does_not_change(text: String) {
            let once = clean(&text).into_owned();
            prop_assert_eq!(clean(&once), once.as_str());
            prop_assert!(!once.chars().any(char::is_control));
        }
    }
}
