//! Parsers of argument values. Their errors say what is expected.

use std::net::SocketAddr;
use std::time::Duration;

use leadgate_domain::{Eligibility, KeyId, ParsedDuration, Timestamp};
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
    text.parse().map(|ParsedDuration(duration)| duration)
}

/// An address on which a server listens.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

/// A time with its zone (RFC 3339), a day (its beginning in UTC), or a time ago, such as `2d`.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::read_past(text, Timestamp::now())
}

/// Whether a lead may be called.
pub(crate) fn eligibility(text: &str) -> Result<Eligibility, String> {
    [Eligibility::Eligible, Eligibility::Held]
        .into_iter()
        .find(|eligibility| eligibility.as_str() == text)
        .ok_or_else(|| "expected eligible or held".to_owned())
}
