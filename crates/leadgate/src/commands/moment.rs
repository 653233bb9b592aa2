//! Times, as they are said on the command line.

use leadgate_domain::Timestamp;

/// A time with its zone (RFC 3339), a day (its first moment in UTC), or how long ago, such as `2d`.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let day = || Timestamp::read(&format!("{text}T00:00:00Z")).ok();
    let ago = || humantime::parse_duration(text).map(|ago| Timestamp::now().minus(ago)).ok();
    let read = Timestamp::read(text).map_err(|problem| problem.to_string());
    read.or_else(|problem| day().or_else(ago).ok_or(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_a_day_or_how_long_ago() {
        let day = Timestamp::parse("2026-01-31T00:00:00Z");
        for text in ["2026-01-31", "2026-01-31T01:00:00+01:00", "2026-01-31T00:00:00Z"] {
            assert_eq!(moment(text).ok(), day, "{text}");
        }
        let since = Timestamp::now().since(moment("2d").unwrap()).as_secs();
        assert!((2 * 86_400 - 1..2 * 86_400 + 60).contains(&since), "{since}");
        for text in ["2026-02-30", "yesterday", "2026-01-31T00:00:00", ""] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
