//! Phones.

use leadgate_domain::SuppressionKind;

use super::{Means, Person, Written};
use crate::story::{Entry, Listing, Which};

/// A zero of another script in place of `0` to `9`.
fn shifted(text: &str, zero: char) -> String {
    let shift =
        |c: char| c.to_digit(10).and_then(|digit| char::from_u32(u32::from(zero) + digit)).unwrap_or(c);
    text.chars().map(shift).collect()
}

impl Person {
    /// The ten digits of a person's number in the United States.
    fn ten_digits(self, which: Which) -> (&'static str, String) {
        let area = match which {
            Which::First => "415",
            Which::Second => "212",
        };
        (area, format!("{:04}", self.number))
    }

    fn e164(self, which: Which) -> String {
        let (area, last) = self.ten_digits(which);
        format!("+1{area}555{last}")
    }

    pub(crate) fn phone(self, which: Which) -> Written {
        let words = match which {
            Which::First => "with its phone",
            Which::Second => "with another phone",
        };
        Written::new(words, self.e164(which), Means::Own(which))
    }

    /// The first number in the ways in which people and programs write it.
    pub(crate) fn phones_written(self) -> Vec<Written> {
        let last = self.ten_digits(Which::First).1;
        let shown =
            |text: String| Written::new(format!("with the phone `{text}`"), text, Means::Own(Which::First));
        let told = |words: &str, text: String| {
            Written::new(format!("with the phone {words}"), text, Means::Own(Which::First))
        };
        let e164 = self.e164(Which::First);
        vec![
            shown(format!("+1 415 555 {last}")),
            shown(format!("+1 (415) 555-{last}")),
            shown(format!("+1.415.555.{last}")),
            shown(format!("tel:+1-415-555-{last}")),
            shown(format!("+1 415 555 {last} ext. 89")),
            shown(format!("+1 415 555 {last} x89")),
            shown(format!("'{e164}")),
            shown(format!("+1415555{last} / +1212555{last}")),
            shown(format!("+1 415 555 {last} (cell)")),
            shown(format!("(415) 555-{last}")).of("US"),
            shown(format!("1 415 555 {last}")).of("US"),
            shown(format!("415555{last}")).of("CA"),
            shown(format!("00 1 415 555 {last}")).of("DE"),
            told("in full-width digits", shifted(&e164, '０')),
            told("in Arabic digits", shifted(&e164, '٠')),
            told("between invisible marks of direction", format!("\u{202a}{e164}\u{202c}")),
            told("with zero-width spaces inside", format!("+1\u{200b}415\u{200b}555{last}")),
            told("with hyphens that do not break", format!("+1\u{2011}415\u{2011}555\u{2011}{last}")),
        ]
    }

    /// The same number as the country of the source has it.
    pub(crate) fn national_phone(self) -> Written {
        let text = format!("(415) 555-{}", self.ten_digits(Which::First).1);
        Written::new(format!("with the phone `{text}`"), text, Means::Own(Which::First))
    }

    /// What nobody can call, and what is no phone at all.
    pub(crate) fn bad_phones(self) -> Vec<Written> {
        let last = self.ten_digits(Which::First).1;
        let bad = |text: &str| Written::new(format!("with the phone `{text}`"), text, Means::Unreadable);
        let nothing = |words: &str, text: &str| Written::new(words, text, Means::Nothing);
        vec![
            bad("12"),
            bad("call me"),
            bad("0000000000"),
            bad("+1 555"),
            bad("+999999999999999"),
            bad(&format!("+1 415 555 {last}9")),
            bad(&format!("(415) 555-{last}")),
            Written { means: Means::Ambiguous, ..bad(&format!(" 458765{:04}", self.number)) }.of("US"),
            Written { text: None, ..nothing("with a phone that is null", "") },
            nothing("with an empty phone", ""),
            nothing("with a phone of spaces", "   "),
        ]
    }

    pub(crate) fn unreadable_phone(self) -> Written {
        Written::new("with a phone that is no number", "call me", Means::Unreadable)
    }

    pub(crate) fn null_phone(self) -> Written {
        Written { text: None, ..Written::new("with a phone that is null", "", Means::Nothing) }
    }

    pub(crate) fn phone_entry(self, which: Which) -> Entry {
        let words = match which {
            Which::First => "its phone",
            Which::Second => "the other phone",
        };
        self.entry(words, SuppressionKind::Phone, self.e164(which), Some(which))
    }

    /// The three spellings of which a digest is recognized.
    pub(crate) fn phone_digests(self) -> [Entry; 3] {
        let e164 = self.e164(Which::First);
        let of = |words: &str, text: &str| {
            self.digest(words, SuppressionKind::Phone, text.to_owned(), Some(Which::First))
        };
        [
            of("the digest of its phone in E.164", &e164),
            of("the digest of its phone without the plus", &e164[1..]),
            of("the digest of its phone in ten digits", &e164[2..]),
        ]
    }

    /// The entry in the ways in which lists are written.
    pub(crate) fn phone_entries_written(self) -> Vec<Entry> {
        let last = self.ten_digits(Which::First).1;
        let shown = |text: String, region| Entry {
            words: format!("its phone as `{text}`{}", region_words(region)),
            value: Listing::Plain { text, region },
            ..self.phone_entry(Which::First)
        };
        let told = |words: &str, text: String| Entry {
            words: format!("its phone {words}"),
            value: Listing::Plain { text, region: None },
            ..self.phone_entry(Which::First)
        };
        vec![
            shown(format!("+1 (415) 555-{last}"), None),
            shown(format!("tel:+1-415-555-{last}"), None),
            shown(format!("(415) 555-{last}"), Some("US")),
            shown(format!("1-415-555-{last}"), Some("US")),
            shown(format!("00 1 415 555 {last}"), Some("DE")),
            shown(format!("+1 415 555 {last} ext. 4"), None),
            told("in full-width digits", shifted(&self.e164(Which::First), '０')),
            told("with zero-width spaces inside", format!("+1\u{200b}415\u{200b}555{last}")),
        ]
    }

    /// Entries that look like the lead's phone and are somebody else's.
    pub(crate) fn other_phones(self) -> Vec<Entry> {
        let last = self.ten_digits(Which::First).1;
        let kind = SuppressionKind::Phone;
        vec![
            Entry {
                holds: None,
                words: "a phone of the same last digits".into(),
                ..self.phone_entry(Which::Second)
            },
            self.entry("a phone with one other digit", kind, format!("+1415556{last}"), None),
            self.digest("the digest of another phone", kind, self.e164(Which::Second), None),
            self.digest("the digest of its phone with its hyphens", kind, format!("+1-415-555-{last}"), None),
        ]
    }
}

fn region_words(region: Option<&str>) -> String {
    region.map(|region| format!(" ({region})")).unwrap_or_default()
}
