//! Consents: complete, incomplete, null and refused.

use leadgate_domain::{Consent, Patch, Timestamp};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A consent as submitted, with its meaning.
#[derive(Clone)]
pub(crate) struct SubmittedConsent {
    pub(crate) words: String,
    pub(crate) meaning: ConsentMeaning,
    /// `None` for an explicit null.
    parts: Option<Parts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsentMeaning {
    /// Complete, and given so many microseconds after the receipt of the submission (negative: before it).
    Given(i64),
    Incomplete,
    Absent,
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
    /// Microseconds after the receipt, and the format of the text.
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

impl SubmittedConsent {
    pub(crate) fn patch(&self, received_at: Timestamp) -> Patch<Consent> {
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

const COMPLETE_PARTS: Parts = Parts {
    time: Some(Time::After(-HOUR, Style::Rfc3339)),
    version: Some("v1"),
    page: Some("https://example.com/offer"),
    refused: false,
};

/// A complete consent, given an hour before the receipt.
pub(crate) fn complete() -> SubmittedConsent {
    SubmittedConsent {
        words: "with consent".into(),
        meaning: ConsentMeaning::Given(-HOUR),
        parts: Some(COMPLETE_PARTS),
    }
}

/// A complete consent, given so many microseconds after the receipt.
pub(crate) fn given(after: i64, words: &str) -> SubmittedConsent {
    let parts = Parts { time: Some(Time::After(after, Style::Rfc3339)), ..COMPLETE_PARTS };
    SubmittedConsent {
        words: format!("with consent given {words}"),
        meaning: ConsentMeaning::Given(after),
        parts: Some(parts),
    }
}

/// Consents that do not permit a call.
pub(crate) fn bad_consents() -> Vec<SubmittedConsent> {
    let incomplete = |words: &str, parts: Parts| SubmittedConsent {
        words: format!("with consent {words}"),
        meaning: ConsentMeaning::Incomplete,
        parts: Some(parts),
    };
    let at = |text: &'static str| Parts { time: Some(Time::Text(text)), ..COMPLETE_PARTS };
    let with_time = |text: &'static str| incomplete(&format!("given at `{text}`"), at(text));
    vec![
        SubmittedConsent {
            words: "with consent that is null".into(),
            meaning: ConsentMeaning::Absent,
            parts: None,
        },
        SubmittedConsent {
            words: "with consent that is refused".into(),
            meaning: ConsentMeaning::Refused,
            parts: Some(Parts { refused: true, ..COMPLETE_PARTS }),
        },
        incomplete("without any part", Parts::default()),
        incomplete("without a time", Parts { time: None, ..COMPLETE_PARTS }),
        incomplete("without the version of its text", Parts { version: None, ..COMPLETE_PARTS }),
        incomplete("without its page", Parts { page: None, ..COMPLETE_PARTS }),
        incomplete("with only a time", Parts { version: None, page: None, ..COMPLETE_PARTS }),
        incomplete("with only the version of its text", Parts { time: None, page: None, ..COMPLETE_PARTS }),
        incomplete("with only its page", Parts { time: None, version: None, ..COMPLETE_PARTS }),
        incomplete("with an empty time", at("")),
        incomplete("with a time of spaces", at("   ")),
        incomplete("with an empty version", Parts { version: Some(""), ..COMPLETE_PARTS }),
        incomplete("with a version of spaces", Parts { version: Some(" \t"), ..COMPLETE_PARTS }),
        incomplete("with an empty page", Parts { page: Some(""), ..COMPLETE_PARTS }),
        incomplete("with a page of spaces", Parts { page: Some("  "), ..COMPLETE_PARTS }),
        with_time("2026-09-01T12:00:00"),
        with_time("2026-09-01 12:00"),
        with_time("2026-09-01"),
        with_time("20260901"),
        with_time("09/01/2026"),
        with_time("yesterday"),
        with_time("2026-02-30T12:00:00Z"),
        with_time("2026-09-01T25:00:00Z"),
        with_time("0"),
        with_time("-1"),
        with_time("0001-01-01T00:00:00Z"),
        with_time("9999-12-31T23:59:59Z"),
    ]
}

/// Formats of a valid time, and times around the accepted clock difference of five minutes.
pub(crate) fn consent_times() -> Vec<SubmittedConsent> {
    let styled = |words: &str, style| {
        let parts = Parts { time: Some(Time::After(-HOUR, style)), ..COMPLETE_PARTS };
        let words = format!("with consent whose time {words}");
        SubmittedConsent { words, meaning: ConsentMeaning::Given(-HOUR), parts: Some(parts) }
    };
    vec![
        styled("has a space instead of the `T`", Style::WithSpace),
        styled("has an offset without a colon", Style::WithOffset),
        styled("is in seconds since 1970", Style::Seconds),
        styled("is in milliseconds since 1970", Style::Milliseconds),
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
