//! Names of persons: splits full names and joins parts.
//!
//! The split is a guess from the form of the words. It never replaces a submitted value and changes no
//! letter: the parts consist of words of the full name.

/// Values that programs write for a missing name.
const PLACEHOLDERS: [&str; 3] = ["null", "undefined", "NaN"];

/// Titles, in lower case without dots.
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

/// Suffixes of a last name, in lower case without dots.
const SUFFIXES: [&str; 25] = [
    "2nd", "3rd", "4th", "cpa", "dds", "dvm", "esq", "filho", "ii", "iii", "iv", "jnr", "jr", "junior",
    "júnior", "md", "neto", "phd", "rn", "senior", "snr", "sr", "v", "vi", "vii",
];

/// Words that begin a last name of several words, in lower case without dots.
const PARTICLES: [&str; 52] = [
    "abd", "abu", "af", "al", "an", "ap", "av", "bin", "bint", "binti", "da", "dal", "das", "de", "degli",
    "dei", "del", "dela", "della", "delle", "den", "der", "des", "di", "dos", "du", "el", "ibn", "la", "las",
    "le", "les", "lo", "los", "mac", "nic", "ould", "saint", "san", "santa", "st", "ten", "ter", "van",
    "vande", "vander", "vom", "von", "vonder", "zu", "zum", "zur",
];

/// Words that are particles only in lower case. Otherwise they are names.
const SMALL_PARTICLES: [&str; 7] = ["'t", "ben", "d", "do", "op", "te", "tot"];

/// Words between the two last names of one person.
const CONNECTORS: [&str; 3] = ["e", "i", "y"];

/// Whether a full name consists only of placeholders of programs. `Null` is a name.
pub fn is_placeholder(text: &str) -> bool {
    let mut words = text.split_whitespace().peekable();
    words.peek().is_some() && words.all(|word| PLACEHOLDERS.contains(&word))
}

/// The first and last name of a full name; `None` for a part that cannot be determined.
///
/// The last word is the last name, with the particles before it and the suffixes after it. Text before a
/// comma is the last name too. Titles belong to neither part. A single word is a first name, but a last name
/// after a title.
pub fn split(full: &str) -> (Option<String>, Option<String>) {
    // The order of the parts of such a name is not known.
    if full.trim().is_empty() || full.chars().any(is_east_asian) {
        return (None, None);
    }
    let (words, suffixes) = without_suffixes(full.split_whitespace().collect());
    let words: &[&str] = &words;
    let titles = Some(titles(words)).filter(|titles| *titles < words.len()).unwrap_or(0);
    let words = words.get(titles..).unwrap_or_default();
    let (first, last) = match words.iter().position(|word| word.ends_with(',')) {
        Some(comma) if comma + 1 < words.len() => {
            let (last, first) = words.split_at(comma + 1);
            (first.get(self::titles(first)..).unwrap_or_default(), last)
        }
        _ if words.len() == 1 && titles > 0 => words.split_at(0),
        _ => words.split_at(last_name_start(words)),
    };
    if first.is_empty() && last.is_empty() {
        return (None, None);
    }
    if last.is_empty() {
        return (join_words(first.iter().chain(&suffixes)), None);
    }
    (join_words(first), join_words(last.iter().chain(&suffixes)))
}

/// Joins the parts of a name, in the order of its script.
pub fn join(first: Option<&str>, last: Option<&str>) -> Option<String> {
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    let family_first = format!("{first}{last}").chars().any(is_east_asian);
    if family_first { join_words(&[last, first]) } else { join_words(&[first, last]) }
}

/// The number of titles at the beginning.
fn titles(words: &[&str]) -> usize {
    words.iter().take_while(|word| HONORIFICS.contains(&normalized_word(word).as_str())).count()
}

/// Separates the suffixes of the last name, as long as two words remain.
fn without_suffixes(mut words: Vec<&str>) -> (Vec<&str>, Vec<&str>) {
    let mut suffixes = Vec::new();
    while let [.., _, _, last] = words.as_slice()
        && SUFFIXES.contains(&normalized_word(last).as_str())
    {
        suffixes.insert(0, *last);
        words.pop();
    }
    // The comma of `Smith, Jr.` does not follow a last name that comes first.
    if !suffixes.is_empty()
        && let Some(last) = words.last_mut()
    {
        *last = last.trim_end_matches(',');
    }
    (words, suffixes)
}

/// The index of the first word of the last name: the last word, or the first particle before it.
fn last_name_start(words: &[&str]) -> usize {
    let mut start = words.len().saturating_sub(1).max(1);
    while start > 1 {
        let before = words.get(start - 1).copied().unwrap_or_default();
        let folded = normalized_word(before);
        if PARTICLES.contains(&folded.as_str()) || SMALL_PARTICLES.contains(&before) {
            start -= 1;
        } else if CONNECTORS.contains(&before) && start > 2 {
            start -= 2;
        } else {
            break;
        }
    }
    start
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

/// Whether a character is Han, Kana or Hangul.
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
