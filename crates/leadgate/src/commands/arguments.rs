//! Parsers of argument values. Their errors say what is expected.

use std::net::SocketAddr;
use std::time::Duration;

use leadgate_domain::{KeyId, Timestamp};
use uuid::Uuid;

/// The id of a lead, a submission or an entry.
pub(crate) fn id(text: &str) -> Result<Uuid, String> {
    text.trim().parse().map_err(|_| leadgate_domain::NOT_AN_ID.to_owned())
}

/// The id of a key or a URL token.
pub(crate) fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text.trim())
        .ok_or_else(|| "not the id of a key; `leadgate key list` prints the ids of keys".to_owned())
}

/// A number of items, at least 1.
pub(crate) fn count(text: &str) -> Result<u32, String> {
    let count = text.trim().parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| format!("expected a whole number from 1 to {}", u32::MAX))
}

/// A number of queues for leads.
pub(crate) fn shards(text: &str) -> Result<u16, String> {
    let count = text.trim().parse().ok().filter(|count| (1..=256).contains(count));
    count.ok_or_else(|| "expected a whole number from 1 to 256".to_owned())
}

/// The number of a version.
pub(crate) fn version(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| "expected the number of a version, such as 3, or 0".to_owned())
}

/// A length of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| "expected a length of time, such as 90s, 24h or 7d".to_owned())
}

/// An address on which a server listens.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

/// A time with its zone (RFC 3339), a day (its beginning in UTC), or a time ago, such as `2d`.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let day = || Timestamp::read(&format!("{text}T00:00:00Z")).ok();
    let ago = || humantime::parse_duration(text).map(|ago| Timestamp::now().minus(ago)).ok();
    Timestamp::read(text).or_else(|problem| {
        day().or_else(ago).ok_or_else(|| {
            format!(
                "{problem}; expected a time such as 2026-11-21T00:00:00Z, 2026-11-21, or 2d for two days ago"
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_a_day_or_a_time_ago() {
        let day = Timestamp::parse("2026-01-31T00:00:00Z");
        for text in ["2026-01-31", "2026-01-31T01:00:00+01:00", "2026-01-31T00:00:00Z"] {
            assert_eq!(moment(text).ok(), day, "{text}");
        }
        let since = Timestamp::now().since(moment("2d").unwrap()).as_secs();
        assert!((2 * 86_400 - 1..2 * 86_400 + 60).contains(&since), "{since}");
        for text in ["2026-02-30", "yesterday", "2026-01-31T00:00:00", ""] {
            let problem = moment(text).unwrap_err();
            assert!(problem.contains("expected a time such as"), "{text}: {problem}");
        }
    }
}
