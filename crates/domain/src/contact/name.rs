//! Names of persons: whole ones into parts, and parts into whole ones.
//!
//! A guess from the shape of the words. What was said is never changed by it, and not a letter is: the parts are
//! made of the words of the whole.

/// What programs write where a name is missing.
const NOTHING: [&str; 3] = ["null", "undefined", "NaN"];

/// Titles, in lower case without their dots.
const HONORIFICS: [&str; 24] = [
    "dr",
    "dra",
    "fr",
    "frau",
    "herr",
    "hon",
    "madam",
    "miss",
    "mlle",
    "mme",
    "mr",
    "mrs",
    "ms",
    "mx",
    "prof",
    "professor",
    "rev",
    "reverend",
    "señor",
    "señora",
    "sir",
    "sr",
    "sra",
    "srta",
];

/// What follows a last name and belongs to it, in lower case without its dots.
const SUFFIXES: [&str; 25] = [
    "2nd", "3rd", "4th", "cpa", "dds", "dvm", "esq", "filho", "ii", "iii", "iv", "jnr", "jr", "junior",
    "júnior", "md", "neto", "phd", "rn", "senior", "snr", "sr", "v", "vi", "vii",
];

/// Words that begin a last name of several, in lower case without their dots.
const PARTICLES: [&str; 52] = [
    "abd", "abu", "af", "al", "an", "ap", "av", "bin", "bint", "binti", "da", "dal", "das", "de", "degli",
    "dei", "del", "dela", "della", "delle", "den", "der", "des", "di", "dos", "du", "el", "ibn", "la", "las",
    "le", "les", "lo", "los", "mac", "nic", "ould", "saint", "san", "santa", "st", "ten", "ter", "van",
    "vande", "vander", "vom", "von", "vonder", "zu", "zum", "zur",
];

/// Particles in lower case only: written otherwise they are names of their own.
const SMALL_PARTICLES: [&str; 7] = ["'t", "ben", "d", "do", "op", "te", "tot"];

/// Words between two last names of one person.
const CONNECTORS: [&str; 3] = ["e", "i", "y"];

/// Whether a whole name consists of nothing but what programs write for nothing. `Null` is a name.
pub fn is_placeholder(text: &str) -> bool {
    let mut words = text.split_whitespace().peekable();
    words.peek().is_some() && words.all(|word| NOTHING.contains(&word))
}

/// First and last name out of a full one; `None` where it does not tell.
///
/// The last word is the last name, with the particles before it and the suffixes after it; what stands before a
/// comma is, too. Titles are no part of either. A single word is a first name, after a title a last name.
pub fn split(full: &str) -> (Option<String>, Option<String>) {
    // Which part of such a name comes first is its bearer's to say.
    if full.trim().is_empty() || full.chars().any(is_east_asian) {
        return (None, None);
    }
    let (said, suffixes) = without_suffixes(full.split_whitespace().collect());
    let words: &[&str] = &said;
    let titles = Some(titles(words)).filter(|titles| *titles < words.len()).unwrap_or(0);
    let words = words.get(titles..).unwrap_or_default();
    let (first, last) = match words.iter().position(|word| word.ends_with(',')) {
        Some(comma) if comma + 1 < words.len() => {
            let (last, first) = words.split_at(comma + 1);
            (first.get(self::titles(first)..).unwrap_or_default(), last)
        }
        _ if words.len() == 1 && titles > 0 => words.split_at(0),
        _ => words.split_at(last_name(words)),
    };
    if first.is_empty() && last.is_empty() {
        return (None, None);
    }
    if last.is_empty() {
        return (join_words(first.iter().chain(&suffixes)), None);
    }
    (join_words(first), join_words(last.iter().chain(&suffixes)))
}

/// A full name out of its parts, in the order of its script.
pub fn join(first: Option<&str>, last: Option<&str>) -> Option<String> {
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    let family_first = format!("{first}{last}").chars().any(is_east_asian);
    if family_first { join_words(&[last, first]) } else { join_words(&[first, last]) }
}

/// With how many titles the words begin.
fn titles(words: &[&str]) -> usize {
    words.iter().take_while(|word| HONORIFICS.contains(&normalized_word(word).as_str())).count()
}

/// What follows the last name, apart, as long as two words remain.
fn without_suffixes(mut words: Vec<&str>) -> (Vec<&str>, Vec<&str>) {
    let mut suffixes = Vec::new();
    while let [.., _, _, last] = words.as_slice()
        && SUFFIXES.contains(&normalized_word(last).as_str())
    {
        suffixes.insert(0, *last);
        words.pop();
    }
    // `Smith, Jr.` is no last name before a comma.
    if !suffixes.is_empty()
        && let Some(last) = words.last_mut()
    {
        *last = last.trim_end_matches(',');
    }
    (words, suffixes)
}

/// Where the last name begins: at the last word, or at the first of the particles before it.
fn last_name(words: &[&str]) -> usize {
    let mut begins = words.len().saturating_sub(1).max(1);
    while begins > 1 {
        let before = words.get(begins - 1).copied().unwrap_or_default();
        let folded = normalized_word(before);
        if PARTICLES.contains(&folded.as_str()) || SMALL_PARTICLES.contains(&before) {
            begins -= 1;
        } else if CONNECTORS.contains(&before) && begins > 2 {
            begins -= 2;
        } else {
            break;
        }
    }
    begins
}

/// A word in lower case without dots and commas.
fn normalized_word(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '.' | ',')).flat_map(char::to_lowercase).collect()
}

fn join_words<'w>(words: impl IntoIterator<Item = &'w &'w str>) -> Option<String> {
    let words = words.into_iter().map(|word| word.trim_matches(',').trim());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Han, Kana, Hangul.
fn is_east_asian(c: char) -> bool {
    matches!(
        c,
        '\u{1100}'..='\u{11ff}'
            | '\u{3005}'..='\u{3007}'
            | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7af}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests;
