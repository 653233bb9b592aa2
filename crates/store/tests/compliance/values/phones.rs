//! Phones and their spellings.

use leadgate_domain::SuppressionKind;

use super::{Meaning, Person, SubmittedValue};
use crate::story::{Entry, ListedValue, Which};

/// Replaces the digits `0` to `9` by those of another script.
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

    pub(crate) fn phone(self, which: Which) -> SubmittedValue {
        let words = match which {
            Which::First => "with its phone",
            Which::Second => "with another phone",
        };
        SubmittedValue::new(words, self.e164(which), Meaning::Own(which))
    }

    /// Spellings of the first number that people and programs use.
    pub(crate) fn phone_spellings(self) -> Vec<SubmittedValue> {
        let last = self.ten_digits(Which::First).1;
        let quoted = |text: String| {
            SubmittedValue::new(format!("with the phone `{text}`"), text, Meaning::Own(Which::First))
        };
        let described = |words: &str, text: String| {
            SubmittedValue::new(format!("with the phone {words}"), text, Meaning::Own(Which::First))
        };
        let e164 = self.e164(Which::First);
        vec![
            quoted(format!("+1 415 555 {last}")),
            quoted(format!("+1 (415) 555-{last}")),
            quoted(format!("+1.415.555.{last}")),
            quoted(format!("tel:+1-415-555-{last}")),
            quoted(format!("+1 415 555 {last} ext. 89")),
            quoted(format!("+1 415 555 {last} x89")),
            quoted(format!("'{e164}")),
            quoted(format!("+1415555{last} / +1212555{last}")),
            quoted(format!("+1 415 555 {last} (cell)")),
            quoted(format!("(415) 555-{last}")).of("US"),
            quoted(format!("1 415 555 {last}")).of("US"),
            quoted(format!("415555{last}")).of("CA"),
            quoted(format!("00 1 415 555 {last}")).of("DE"),
            described("in full-width digits", shifted(&e164, '０')),
            described("in Arabic digits", shifted(&e164, '٠')),
            described("between invisible direction marks", format!("\u{202a}{e164}\u{202c}")),
            described("with zero-width spaces inside", format!("+1\u{200b}415\u{200b}555{last}")),
            described("with non-breaking hyphens", format!("+1\u{2011}415\u{2011}555\u{2011}{last}")),
        ]
    }

    /// The first number in the national format of the source's country.
    pub(crate) fn national_phone(self) -> SubmittedValue {
        let text = format!("(415) 555-{}", self.ten_digits(Which::First).1);
        SubmittedValue::new(format!("with the phone `{text}`"), text, Meaning::Own(Which::First))
    }

    /// Phones that cannot be called, and blank ones.
    pub(crate) fn bad_phones(self) -> Vec<SubmittedValue> {
        let last = self.ten_digits(Which::First).1;
        let bad =
            |text: &str| SubmittedValue::new(format!("with the phone `{text}`"), text, Meaning::Unreadable);
        let blank = |words: &str, text: &str| SubmittedValue::new(words, text, Meaning::Absent);
        vec![
            bad("12"),
            bad("call me"),
            bad("0000000000"),
            bad("+1 555"),
            bad("+999999999999999"),
            bad(&format!("+1 415 555 {last}9")),
            bad(&format!("(415) 555-{last}")),
            SubmittedValue { meaning: Meaning::Ambiguous, ..bad(&format!(" 458765{:04}", self.number)) }
                .of("US"),
            SubmittedValue { text: None, ..blank("with a phone that is null", "") },
            blank("with an empty phone", ""),
            blank("with a phone of spaces", "   "),
        ]
    }

    pub(crate) fn unreadable_phone(self) -> SubmittedValue {
        SubmittedValue::new("with a phone that is not a number", "call me", Meaning::Unreadable)
    }

    pub(crate) fn null_phone(self) -> SubmittedValue {
        SubmittedValue { text: None, ..SubmittedValue::new("with a phone that is null", "", Meaning::Absent) }
    }

    pub(crate) fn phone_entry(self, which: Which) -> Entry {
        let words = match which {
            Which::First => "its phone",
            Which::Second => "the other phone",
        };
        self.entry(words, SuppressionKind::Phone, self.e164(which), Some(which))
    }

    /// Digests of the three spellings that are matched.
    pub(crate) fn phone_digests(self) -> [Entry; 3] {
        let e164 = self.e164(Which::First);
        let digest_of = |words: &str, text: &str| {
            self.digest(words, SuppressionKind::Phone, text.to_owned(), Some(Which::First))
        };
        [
            digest_of("the digest of its phone in E.164", &e164),
            digest_of("the digest of its phone without the plus", &e164[1..]),
            digest_of("the digest of its phone in ten digits", &e164[2..]),
        ]
    }

    /// Spellings of the listed phone.
    pub(crate) fn phone_entry_spellings(self) -> Vec<Entry> {
        let last = self.ten_digits(Which::First).1;
        let quoted = |text: String, region| Entry {
            words: format!("its phone as `{text}`{}", region_words(region)),
            value: ListedValue::Plain { text, region },
            ..self.phone_entry(Which::First)
        };
        let described = |words: &str, text: String| Entry {
            words: format!("its phone {words}"),
            value: ListedValue::Plain { text, region: None },
            ..self.phone_entry(Which::First)
        };
        vec![
            quoted(format!("+1 (415) 555-{last}"), None),
            quoted(format!("tel:+1-415-555-{last}"), None),
            quoted(format!("(415) 555-{last}"), Some("US")),
            quoted(format!("1-415-555-{last}"), Some("US")),
            quoted(format!("00 1 415 555 {last}"), Some("DE")),
            quoted(format!("+1 415 555 {last} ext. 4"), None),
            described("in full-width digits", shifted(&self.e164(Which::First), '０')),
            described("with zero-width spaces inside", format!("+1\u{200b}415\u{200b}555{last}")),
        ]
    }

    /// Entries that look like the lead's phone and do not match it.
    pub(crate) fn other_phones(self) -> Vec<Entry> {
        let last = self.ten_digits(Which::First).1;
        let kind = SuppressionKind::Phone;
        vec![
            Entry {
                holds: None,
                words: "a phone with the same last digits".into(),
                ..self.phone_entry(Which::Second)
            },
            self.entry("a phone that differs in one digit", kind, format!("+1415556{last}"), None),
            self.digest("the digest of another phone", kind, self.e164(Which::Second), None),
            self.digest("the digest of its phone with its hyphens", kind, format!("+1-415-555-{last}"), None),
        ]
    }
}

fn region_words(region: Option<&str>) -> String {
    region.map(|region| format!(" ({region})")).unwrap_or_default()
}
