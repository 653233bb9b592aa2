//! Values of arguments, with errors for people: what is wrong, and what is expected.

use std::net::SocketAddr;
use std::time::Duration;

use leadgate_domain::{KeyId, Length, Timestamp};
use uuid::Uuid;

/// The id of a lead, a submission or an entry.
pub(crate) fn id(text: &str) -> Result<Uuid, String> {
    text.trim().parse().map_err(|_| leadgate_domain::NOT_AN_ID.to_owned())
}

/// The id of a key or a URL token.
pub(crate) fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text.trim())
        .ok_or_else(|| "not the id of a key; `leadgate key list` prints the ids".to_owned())
}

/// How many things at most.
pub(crate) fn count(text: &str) -> Result<u32, String> {
    let count = text.trim().parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| format!("expected a whole number from 1 to {}", u32::MAX))
}

/// How many queues for leads.
pub(crate) fn shards(text: &str) -> Result<u16, String> {
    let count = text.trim().parse().ok().filter(|count| (1..=256).contains(count));
    count.ok_or_else(|| "expected a whole number from 1 to 256".to_owned())
}

/// The number of a version.
pub(crate) fn version(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| "expected the number of a version, such as 3; 0 is none".to_owned())
}

/// A length of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    text.parse().map(|Length(length)| length)
}

/// Where a server listens.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

/// A time with its zone (RFC 3339), a day (its first moment in UTC), or how long ago, such as `2d`.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::read_past(text, Timestamp::now())
}
