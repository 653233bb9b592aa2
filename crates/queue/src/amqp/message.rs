//! Properties and headers of messages.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use leadgate_domain::Timestamp;

use super::queue_names::{PARKED_AT_HEADER, REASON_HEADER};
use crate::raw_delivery::ParkReason;

/// The AMQP delivery mode of a message that is written to disk.
const PERSISTENT: u8 = 2;

/// Properties of a new message: persistent, with an id and a timestamp.
pub(crate) fn properties(headers: FieldTable) -> BasicProperties {
    let seconds = u64::try_from(Timestamp::now().as_microseconds() / 1_000_000).unwrap_or(0);
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_message_id(format!("{:032x}", rand::random::<u128>()).as_str().into())
        .with_timestamp(seconds)
        .with_headers(headers)
}

/// Properties of a reply, which is not written to disk.
pub(crate) fn transient_properties() -> BasicProperties {
    BasicProperties::default().with_content_type("application/json".into())
}

pub(crate) fn parked_properties(reason: ParkReason) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(REASON_HEADER.into(), AMQPValue::LongString(reason.code().into()));
    headers.insert(PARKED_AT_HEADER.into(), AMQPValue::LongLongInt(Timestamp::now().as_microseconds()));
    properties(headers)
}

/// When the message was published. Other programs may omit it.
pub(crate) fn published_at(properties: &BasicProperties) -> Option<Timestamp> {
    let seconds = i64::try_from((*properties.timestamp())?).ok()?;
    Some(Timestamp::from_microseconds(seconds.checked_mul(1_000_000)?))
}

/// Number of earlier deliveries, as counted by the quorum queue.
pub(crate) fn delivery_count(properties: &BasicProperties, redelivered: bool) -> u32 {
    let counted =
        header(properties, "x-delivery-count").and_then(number).and_then(|count| u32::try_from(count).ok());
    counted.unwrap_or(u32::from(redelivered))
}

/// Why the message is parked: the header of Leadgate, or the dead-letter history of the broker.
pub(crate) fn reason(properties: &BasicProperties) -> String {
    match header(properties, REASON_HEADER) {
        Some(AMQPValue::LongString(reason)) => reason.to_string(),
        _ => match death(properties).and_then(|death| death.inner().get("reason")) {
            Some(AMQPValue::LongString(reason)) => format!("dead_lettered: {reason}"),
            _ => "unknown".to_owned(),
        },
    }
}

pub(crate) fn parked_at(properties: &BasicProperties) -> Option<Timestamp> {
    if let Some(micros) = header(properties, PARKED_AT_HEADER).and_then(number) {
        return Some(Timestamp::from_microseconds(micros));
    }
    match death(properties)?.inner().get("time")? {
        AMQPValue::Timestamp(seconds) => {
            Some(Timestamp::from_microseconds(i64::try_from(*seconds).ok()?.checked_mul(1_000_000)?))
        }
        _ => None,
    }
}

/// The id of the message, or an id computed from its payload, which stays the same while the message is
/// parked.
pub(crate) fn id(properties: &BasicProperties, payload: &[u8]) -> String {
    match properties.message_id() {
        Some(id) if !id.as_str().is_empty() => id.to_string(),
        _ => format!("payload-{:016x}", fnv(payload)),
    }
}

/// FNV-1a: an id for a payload, not a cryptographic hash.
fn fnv(payload: &[u8]) -> u64 {
    payload.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

/// The latest entry of the header `x-death`.
fn death(properties: &BasicProperties) -> Option<&FieldTable> {
    match header(properties, "x-death")? {
        AMQPValue::FieldArray(deaths) => match deaths.as_slice().first()? {
            AMQPValue::FieldTable(death) => Some(death),
            _ => None,
        },
        _ => None,
    }
}

/// Brokers of different versions write the same number in different widths.
fn number(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some(i64::from(*number)),
        AMQPValue::LongUInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortUInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortShortInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortShortUInt(number) => Some(i64::from(*number)),
        _ => None,
    }
}
