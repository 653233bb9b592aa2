//! Consents: complete, and in every bad shape.

use leadgate_domain::{Consent, Patch, Timestamp};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// What is said about consent, and what it is worth.
#[derive(Clone)]
pub(crate) struct Consenting {
    pub(crate) words: String,
    pub(crate) means: Consented,
    /// `None` for an explicit null.
    parts: Option<Parts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consented {
    /// Complete, and given so many microseconds after the submission was received; before it, if negative.
    Given(i64),
    /// Something is lacking.
    Incomplete,
    Nothing,
    /// The person said no.
    Refused,
}

#[derive(Clone, Default)]
struct Parts {
    time: Option<Time>,
    version: Option<&'static str>,
    page: Option<&'static str>,
    refused: bool,
}

#[derive(Clone, Copy)]
enum Time {
    Text(&'static str),
    /// Microseconds after the receipt, written in a way.
    After(i64, Style),
}

#[derive(Clone, Copy)]
enum Style {
    Rfc3339,
    WithSpace,
    WithOffset,
    Seconds,
    Milliseconds,
}

impl Style {
    fn write(self, at: Timestamp) -> String {
        let text = at.to_string();
        match self {
            Self::Rfc3339 => text,
            Self::WithSpace => text.replace('T', " "),
            Self::WithOffset => text.replace('Z', "+0000"),
            Self::Seconds => (at.as_milliseconds() / 1_000).to_string(),
            Self::Milliseconds => at.as_milliseconds().to_string(),
        }
    }
}

impl Consenting {
    pub(crate) fn said(&self, received_at: Timestamp) -> Patch<Consent> {
        let Some(parts) = &self.parts else { return Patch::Null };
        let time = parts.time.map(|time| match time {
            Time::Text(text) => text.to_owned(),
            Time::After(micros, style) => {
                style.write(Timestamp::from_microseconds(received_at.as_microseconds() + micros))
            }
        });
        Patch::Value(Consent {
            consent_timestamp: time,
            consent_text_version: parts.version.map(str::to_owned),
            source_url: parts.page.map(str::to_owned),
            consent_refused: parts.refused,
            ..Consent::default()
        })
    }
}

const WHOLE: Parts = Parts {
    time: Some(Time::After(-HOUR, Style::Rfc3339)),
    version: Some("v1"),
    page: Some("https://example.com/offer"),
    refused: false,
};

/// Given an hour before, with everything that belongs to it.
pub(crate) fn complete() -> Consenting {
    Consenting { words: "with consent".into(), means: Consented::Given(-HOUR), parts: Some(WHOLE) }
}

/// Given so many microseconds after the receipt.
pub(crate) fn given(after: i64, words: &str) -> Consenting {
    let parts = Parts { time: Some(Time::After(after, Style::Rfc3339)), ..WHOLE };
    Consenting {
        words: format!("with consent given {words}"),
        means: Consented::Given(after),
        parts: Some(parts),
    }
}

/// Every bad shape.
pub(crate) fn shapes() -> Vec<Consenting> {
    let lacking = |words: &str, parts: Parts| Consenting {
        words: format!("with consent {words}"),
        means: Consented::Incomplete,
        parts: Some(parts),
    };
    let at = |text: &'static str| Parts { time: Some(Time::Text(text)), ..WHOLE };
    let timed = |text: &'static str| lacking(&format!("given at `{text}`"), at(text));
    vec![
        Consenting { words: "with consent that is null".into(), means: Consented::Nothing, parts: None },
        Consenting {
            words: "with consent that is refused".into(),
            means: Consented::Refused,
            parts: Some(Parts { refused: true, ..WHOLE }),
        },
        lacking("of no parts", Parts::default()),
        lacking("without a time", Parts { time: None, ..WHOLE }),
        lacking("without the version of its text", Parts { version: None, ..WHOLE }),
        lacking("without its page", Parts { page: None, ..WHOLE }),
        lacking("of its time alone", Parts { version: None, page: None, ..WHOLE }),
        lacking("of its text alone", Parts { time: None, page: None, ..WHOLE }),
        lacking("of its page alone", Parts { time: None, version: None, ..WHOLE }),
        lacking("with an empty time", at("")),
        lacking("with a time of spaces", at("   ")),
        lacking("with an empty version", Parts { version: Some(""), ..WHOLE }),
        lacking("with a version of spaces", Parts { version: Some(" \t"), ..WHOLE }),
        lacking("with an empty page", Parts { page: Some(""), ..WHOLE }),
        lacking("with a page of spaces", Parts { page: Some("  "), ..WHOLE }),
        timed("2026-09-01T12:00:00"),
        timed("2026-09-01 12:00"),
        timed("2026-09-01"),
        timed("20260901"),
        timed("09/01/2026"),
        timed("yesterday"),
        timed("2026-02-30T12:00:00Z"),
        timed("2026-09-01T25:00:00Z"),
        timed("0"),
        timed("-1"),
        timed("0001-01-01T00:00:00Z"),
        timed("9999-12-31T23:59:59Z"),
    ]
}

/// Every way to write a good time, and how far ahead a clock may be.
pub(crate) fn times() -> Vec<Consenting> {
    let styled = |words: &str, style| {
        let parts = Parts { time: Some(Time::After(-HOUR, style)), ..WHOLE };
        let words = format!("with consent, its time {words}");
        Consenting { words, means: Consented::Given(-HOUR), parts: Some(parts) }
    };
    vec![
        styled("with a space for the T", Style::WithSpace),
        styled("with an offset without a colon", Style::WithOffset),
        styled("in seconds since 1970", Style::Seconds),
        styled("in milliseconds since 1970", Style::Milliseconds),
        given(0, "at the moment of receipt"),
        given(MINUTE, "a minute after the receipt"),
        given(5 * MINUTE - SECOND, "a second less than five minutes after the receipt"),
        given(5 * MINUTE, "exactly five minutes after the receipt"),
        given(5 * MINUTE + 1, "a microsecond more than five minutes after the receipt"),
        given(6 * MINUTE, "six minutes after the receipt"),
        given(DAY, "a day after the receipt"),
        given(-20 * 365 * DAY, "twenty years ago"),
    ]
}
