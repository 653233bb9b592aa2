//! Times and durations as administrators write them, in HTTP requests and at the command line.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::{TimeProblem, Timestamp};

/// A duration, such as `90s`, `24h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ParsedDuration(pub Duration);

impl FromStr for ParsedDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text.trim())
            .map(Self)
            .map_err(|_| "expected a duration, such as 90s, 24h or 7d".to_owned())
    }
}

impl TryFrom<String> for ParsedDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Timestamp {
    /// Parses a time with a zone (RFC 3339), a day (its start in UTC), or a duration before now, such as `2d`.
    ///
    /// # Errors
    /// A text that names what was expected.
    pub fn read_past(text: &str, now: Self) -> Result<Self, String> {
        Self::read_moment(text, |length| now.minus(length)).map_err(|problem| {
            format!(
                "{problem}; expected a time such as 2026-11-21T00:00:00Z, 2026-11-21, or 2d for two days ago"
            )
        })
    }

    /// Parses a time with a zone, a day, or a duration from now, such as `90d`.
    ///
    /// # Errors
    /// A text that names what was expected.
    pub fn read_future(text: &str, now: Self) -> Result<Self, String> {
        Self::read_moment(text, |length| now.plus(length)).map_err(|problem| {
            format!(
                "{problem}; expected a time such as 2026-11-21T00:00:00Z, 2026-11-21, or a duration such as 90d"
            )
        })
    }

    fn read_moment(text: &str, by_length: impl FnOnce(Duration) -> Self) -> Result<Self, TimeProblem> {
        let text = text.trim();
        let day = || Self::parse(&format!("{text}T00:00:00Z"));
        if let Some(at) = Self::parse(text).or_else(day) {
            return at.in_range();
        }
        match (Self::read(text), text.parse()) {
            (Err(TimeProblem::NoZone | TimeProblem::NotATime), Ok(ParsedDuration(length))) => {
                by_length(length).in_range()
            }
            (read, _) => read,
        }
    }
}

/// For a member or a parameter that is read by [`Timestamp::read_past`].
///
/// # Errors
/// What the deserializer says, and for what is no such time.
pub fn past_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| Timestamp::read_past(&text, Timestamp::now())).transpose().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_a_day_or_a_length_from_now() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let now = at("2026-03-01T12:00:00Z");
        for text in
            ["2026-01-31", " 2026-01-31 ", "2026-01-31T01:00:00+01:00", "2026-01-31T00:00:00Z", "1769817600"]
        {
            assert_eq!(Timestamp::read_past(text, now), Ok(at("2026-01-31T00:00:00Z")), "{text}");
        }
        assert_eq!(Timestamp::read_past("2d", now), Ok(at("2026-02-27T12:00:00Z")));
        assert_eq!(Timestamp::read_future("2d", now), Ok(at("2026-03-03T12:00:00Z")));
        assert_eq!(Timestamp::read_past("1970-01-01", now), Ok(at("1970-01-01T00:00:00Z")));
        for text in ["2026-02-30", "yesterday", "2026-01-31T00:00:00", ""] {
            let problem = Timestamp::read_past(text, now).unwrap_err();
            assert!(problem.contains("expected a time such as"), "{text}: {problem}");
        }
    }

    #[test]
    fn times_are_of_1970_to_9998_however_they_are_written() {
        let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
        for text in
            ["1969-12-31", "1969-12-31T23:59:59Z", "0001-01-01", "57y", "9999-01-01", "9999-01-01T00:00:00Z"]
        {
            let problem = Timestamp::read_past(text, now).unwrap_err();
            assert!(problem.contains("out of range (expected 1970 to 9998)"), "{text}: {problem}");
        }
        let problem = Timestamp::read_future("8000y", now).unwrap_err();
        assert!(problem.contains("out of range (expected 1970 to 9998)"), "{problem}");
        assert!(Timestamp::read_future("9998-12-31", now).is_ok());
    }
}
