//! When a failed delivery is attempted again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ParsedDuration;

const MAX_ATTEMPTS: usize = 30;
const MAX_DELAY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The delays before the attempts of a delivery: before the first one, before the second one, and so on. After the
/// last attempt the delivery is exhausted.
///
/// As JSON a list of durations such as `["0s", "5s", "1m"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct RetrySchedule(Vec<Duration>);

impl Default for RetrySchedule {
    /// Eleven attempts in about three days.
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let seconds = [
            0,
            5,
            MINUTE,
            5 * MINUTE,
            30 * MINUTE,
            2 * HOUR,
            5 * HOUR,
            10 * HOUR,
            14 * HOUR,
            20 * HOUR,
            24 * HOUR,
        ];
        Self(seconds.into_iter().map(Duration::from_secs).collect())
    }
}

impl RetrySchedule {
    /// The delay before the first attempt.
    pub fn first_delay(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }

    /// The delay after `attempts` failed attempts, varied by up to 20 %: `random` is from 0 to 1. `None` if no attempt
    /// is left.
    pub fn delay_after(&self, attempts: u32, random: f64) -> Option<Duration> {
        let delay = self.0.get(usize::try_from(attempts).ok()?)?;
        Some(delay.mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0)))
    }
}

impl TryFrom<Vec<String>> for RetrySchedule {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        if !(1..=MAX_ATTEMPTS).contains(&texts.len()) {
            return Err(format!("a schedule has 1 to {MAX_ATTEMPTS} delays"));
        }
        let delay = |text: String| match text.parse::<ParsedDuration>() {
            Ok(ParsedDuration(delay)) if delay <= MAX_DELAY => Ok(delay),
            Ok(_) => Err("a delay is at most 7d".to_owned()),
            Err(_) => Err(format!("`{text}` is not a duration, such as 5m")),
        };
        texts.into_iter().map(delay).collect::<Result<_, _>>().map(Self)
    }
}

impl From<RetrySchedule> for Vec<String> {
    fn from(schedule: RetrySchedule) -> Self {
        schedule.0.into_iter().map(|delay| humantime::format_duration(delay).to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_attempted_eleven_times_in_three_days() {
        let schedule = RetrySchedule::default();
        let delays: Vec<_> = (0..12).map(|attempts| schedule.delay_after(attempts, 0.5)).collect();
        assert_eq!((delays[0], delays[1]), (Some(Duration::ZERO), Some(Duration::from_secs(5))));
        assert_eq!((delays[10], delays[11]), (Some(Duration::from_secs(24 * 60 * 60)), None));
        let total: Duration = delays.into_iter().flatten().sum();
        assert_eq!(total.as_secs() / 3_600, 75);
        let seconds = |random| schedule.delay_after(1, random).unwrap().as_secs_f64();
        assert_eq!((seconds(0.0), seconds(1.0)), (4.0, 6.0));
    }

    #[test]
    fn a_schedule_is_a_list_of_durations() {
        let read = |text: &str| serde_json::from_str::<RetrySchedule>(text);
        let schedule = read(r#"["0s","90s","2h"]"#).unwrap();
        assert_eq!(serde_json::to_string(&schedule).unwrap(), r#"["0s","1m 30s","2h"]"#);
        for text in ["[]", r#"["soon"]"#, r#"["8d"]"#, &format!("[{}\"1s\"]", "\"1s\",".repeat(30))] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
