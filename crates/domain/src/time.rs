//! Points in time as Leadgate keeps them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in whole microseconds, PostgreSQL's resolution: what was stored compares equal to
/// what was sent. Written as RFC 3339 in UTC with six digits, so that text sorts as time does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The current time of the machine's clock.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    pub fn from_microseconds(microseconds: i64) -> Self {
        // The last second is only half there for jiff: what it parses in it, it cannot print.
        let latest = jiff::Timestamp::MAX.as_second() * 1_000_000;
        Self(microseconds.clamp(jiff::Timestamp::MIN.as_microsecond(), latest))
    }

    pub fn as_microseconds(self) -> i64 {
        self.0
    }

    pub fn as_milliseconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Parses RFC 3339; digits beyond the microsecond are cut.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self::from_microseconds(at.as_microsecond()))
    }

    /// How long before `self` the other point lies; zero if it lies after.
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
    fn text_has_six_digits_and_comes_back() {
        let at = Timestamp::from_microseconds(1_700_000_000_120_000);
        assert_eq!(at.to_string(), "2023-11-14T22:13:20.120000Z");
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        assert_eq!(Timestamp::parse("2023-11-14T23:13:20.12+01:00"), Some(at));
        assert_eq!(Timestamp::parse("2023-11-14T22:13:20"), None, "a time without a zone is no instant");
    }

    #[test]
    fn the_ends_of_time_print_as_they_are() {
        for micros in [i64::MIN, i64::MAX] {
            let end = Timestamp::from_microseconds(micros);
            assert_eq!(Timestamp::parse(&end.to_string()), Some(end));
        }
        let last = Timestamp::parse("9999-12-30T22:00:00.9Z").unwrap();
        assert_eq!(last.to_string(), "9999-12-30T22:00:00.000000Z");
    }

    #[test]
    fn earlier_than_zero_is_zero() {
        let (early, late) = (Timestamp::from_microseconds(1), Timestamp::from_microseconds(5));
        assert_eq!(late.since(early), Duration::from_micros(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
