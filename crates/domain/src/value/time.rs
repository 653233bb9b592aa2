//! Timestamps.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Zone;

/// Why a text is not a plausible time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TimeProblem {
    #[error("the time has no zone (expected an offset or `Z`)")]
    NoZone,
    #[error("the time is out of range (expected 1970 to 9998)")]
    OutOfRange,
    #[error("not a time (RFC 3339, or seconds or milliseconds since 1970)")]
    NotATime,
}

/// A point in time in whole microseconds, the resolution of PostgreSQL, so that a stored time equals the
/// original. It is written as RFC 3339 in UTC with six digits, so that texts sort like times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The current time of the system clock.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    pub fn from_microseconds(microseconds: i64) -> Self {
        // jiff can parse times within its last second, but it cannot print them.
        let latest = jiff::Timestamp::MAX.as_second() * 1_000_000;
        Self(microseconds.clamp(jiff::Timestamp::MIN.as_microsecond(), latest))
    }

    pub fn as_microseconds(self) -> i64 {
        self.0
    }

    pub fn as_milliseconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Parses RFC 3339. Digits after the microsecond are truncated.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self::from_microseconds(at.as_microsecond()))
    }

    /// Parses a time of a client: RFC 3339, also with a space instead of `T` or without the colon of the
    /// offset; or seconds, milliseconds or microseconds since 1970, distinguished by their number of digits.
    ///
    /// A leap second is read as the second before it. Values that programs send for "never", such as the year
    /// 1 or 9999, are out of range.
    pub fn read(text: &str) -> Result<Self, TimeProblem> {
        let text = text.trim();
        let digits = text.strip_prefix('-').unwrap_or(text).split('.').next().unwrap_or_default();
        if text.parse::<f64>().is_ok() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Self::from_epoch(text, digits.len());
        }
        let at = match text.parse::<jiff::Timestamp>() {
            Ok(at) => Self::from_microseconds(at.as_microsecond()),
            Err(_) if text.parse::<jiff::civil::DateTime>().is_ok() => return Err(TimeProblem::NoZone),
            Err(_) => return Err(TimeProblem::NotATime),
        };
        at.check_plausible()
    }

    /// [`Timestamp::read`] with a zone for a time that has none.
    ///
    /// For a local time that clocks skip or show twice, the earlier moment is used: then consent expires
    /// sooner, and is not later than an opt-out between the two.
    pub fn read_in(text: &str, zone: &Zone) -> Result<Self, TimeProblem> {
        let Err(TimeProblem::NoZone) = Self::read(text) else { return Self::read(text) };
        let local = text.trim().parse().map_err(|_| TimeProblem::NotATime)?;
        zone.earliest(local).ok_or(TimeProblem::OutOfRange)?.check_plausible()
    }

    /// The minimum is nine digits (the year 1973), so that `20240101` is not read as a day of 1970. Twelve
    /// digits are refused, so that `202401011030` is not read as a day of 1976.
    fn from_epoch(text: &str, digits: usize) -> Result<Self, TimeProblem> {
        let unit: i64 = match digits {
            _ if text.starts_with('-') => return Err(TimeProblem::OutOfRange),
            9..=10 => 1_000_000,
            13 => 1_000,
            15..=16 => 1,
            11 | 12 | 14 | 17 => return Err(TimeProblem::OutOfRange),
            _ => return Err(TimeProblem::NotATime),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mut micros = whole.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(unit);
        let mut place = unit;
        for digit in fraction.chars().filter_map(|digit| digit.to_digit(10)) {
            place /= 10;
            micros = micros.saturating_add(i64::from(digit) * place);
        }
        Self(micros).check_plausible()
    }

    /// The first moment of 1970 is what programs send for no time.
    fn check_plausible(self) -> Result<Self, TimeProblem> {
        if self.0 == 0 { Err(TimeProblem::OutOfRange) } else { self.in_range() }
    }

    /// The one range of times that are read: 1970 to 9998.
    pub(crate) fn in_range(self) -> Result<Self, TimeProblem> {
        const YEAR_9999: i64 = 253_370_764_800_000_000;
        if (0..YEAR_9999).contains(&self.0) { Ok(self) } else { Err(TimeProblem::OutOfRange) }
    }

    /// The duration from `earlier` to `self`; zero if `earlier` is after `self`.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_microseconds(self.0.saturating_add(micros))
    }

    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_microseconds(self.0.saturating_sub(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(formatter, "{at:.6}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 timestamp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_time_has_six_digits_and_parses_to_the_same_time() {
        let at = Timestamp::from_microseconds(1_700_000_000_120_000);
        assert_eq!(at.to_string(), "2023-11-14T22:13:20.120000Z");
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        assert_eq!(Timestamp::parse("2023-11-14T23:13:20.12+01:00"), Some(at));
        assert_eq!(Timestamp::parse("2023-11-14T22:13:20"), None, "a time without a zone is not an instant");
    }

    #[test]
    fn the_formats_of_clients_are_accepted() {
        let at = |text: &str| Timestamp::parse(text);
        let noon = at("2024-02-29T12:00:00Z");
        for text in [
            "2024-02-29T12:00:00Z",
            "2024-02-29t12:00:00z",
            " 2024-02-29 12:00:00Z ",
            "2024-02-29T12:00:00+00:00",
            "2024-02-29 12:00:00+0000",
            "2024-02-29T07:00:00-0500",
            "2024-02-29T17:30:00.000+05:30",
            "1709208000",
            "1709208000.0",
            "1709208000000",
            "1709208000000000",
        ] {
            assert_eq!(Timestamp::read(text).ok(), noon, "{text}");
        }
        assert_eq!(Timestamp::read("1709208000.25").ok(), at("2024-02-29T12:00:00.25Z"));
        assert_eq!(Timestamp::read("2016-12-31T23:59:60Z").ok(), at("2016-12-31T23:59:59Z"));
        assert_eq!(Timestamp::read("2147483648").ok(), at("2038-01-19T03:14:08Z"), "beyond 32 bits");
    }

    #[test]
    fn an_invalid_time_has_a_problem_code() {
        use TimeProblem::{NoZone, NotATime, OutOfRange};
        for (text, problem) in [
            ("2024-02-29T12:00:00", NoZone),
            ("2024-02-29 12:00", NoZone),
            ("2024-02-29", NoZone),
            ("2023-02-29T12:00:00Z", NotATime),
            ("2024-02-29T25:00:00Z", NotATime),
            ("02/29/2024", NotATime),
            ("yesterday", NotATime),
            ("", NotATime),
            ("20240229", NotATime),
            ("1", NotATime),
            ("1e9", NotATime),
            ("NaN", NotATime),
            ("202601151030", OutOfRange),
            ("1709208000000000000", NotATime),
            ("-1709208000", OutOfRange),
            ("-1", OutOfRange),
            ("0001-01-01T00:00:00Z", OutOfRange),
            ("0000-01-01T00:00:00Z", OutOfRange),
            ("-000001-01-01T00:00:00Z", OutOfRange),
            ("1970-01-01T00:00:00Z", OutOfRange),
            ("9999-01-01T00:00:00Z", OutOfRange),
            ("99999999999", OutOfRange),
            ("99999999999999999", OutOfRange),
            ("9999-12-31T23:59:59Z", NotATime),
            ("+10000-01-01T00:00:00Z", NotATime),
        ] {
            assert_eq!(Timestamp::read(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_read_in_the_given_zone() {
        for (zone, text, expected) in [
            ("America/New_York", "2026-01-15 12:00", Ok("2026-01-15T17:00:00Z")),
            ("America/New_York", "2026-07-15T12:00:00.5", Ok("2026-07-15T16:00:00.5Z")),
            ("America/New_York", "2026-07-15T12:00:00Z", Ok("2026-07-15T12:00:00Z")),
            ("America/New_York", "1784116800", Ok("2026-07-15T12:00:00Z")),
            ("Europe/Berlin", "2026-07-15", Ok("2026-07-14T22:00:00Z")),
            // Clocks show this time twice: at 00:30 UTC, and an hour later.
            ("Europe/Berlin", "2026-10-25 02:30", Ok("2026-10-25T00:30:00Z")),
            // Clocks skip this time: it is read as if the clocks had already changed.
            ("Europe/Berlin", "2026-03-29 02:30", Ok("2026-03-29T00:30:00Z")),
            ("America/New_York", "2026-03-08 02:30", Ok("2026-03-08T06:30:00Z")),
            ("Pacific/Apia", "2011-12-30 12:00", Ok("2011-12-29T22:00:00Z")),
            ("UTC", "1970-01-01 00:00", Err(TimeProblem::OutOfRange)),
            ("Asia/Tokyo", "9998-12-31 23:59", Ok("9998-12-31T14:59:00Z")),
            ("America/Los_Angeles", "9999-12-31 23:59", Err(TimeProblem::OutOfRange)),
            ("UTC", "yesterday", Err(TimeProblem::NotATime)),
        ] {
            let expected = expected.map(|at| Timestamp::parse(at).unwrap());
            assert_eq!(Timestamp::read_in(text, &zone.parse().unwrap()), expected, "{text} in {zone}");
        }
    }

    #[test]
    fn the_limits_can_be_printed_and_parsed() {
        for micros in [i64::MIN, i64::MAX] {
            let end = Timestamp::from_microseconds(micros);
            assert_eq!(Timestamp::parse(&end.to_string()), Some(end));
        }
        let last = Timestamp::parse("9999-12-30T22:00:00.9Z").unwrap();
        assert_eq!(last.to_string(), "9999-12-30T22:00:00.000000Z");
    }

    #[test]
    fn a_negative_duration_is_zero() {
        let (early, late) = (Timestamp::from_microseconds(1), Timestamp::from_microseconds(5));
        assert_eq!(late.since(early), Duration::from_micros(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
