use serde_json::{Value, json};

use super::*;

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    assert!(size < 29, "larger sizes have another encoding");
    let size = u8::try_from(size).unwrap();
    match kind {
        0..=7 => out.push(kind << 5 | size),
        // Types above 7 use the extended encoding.
        _ => out.extend([size, kind - 7]),
    }
}

/// Encodes a value of the data section (MaxMind DB file format 2.0). Only the types of a City database are
/// supported.
fn encode(name: &str, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::Number(number) => {
            let (kind, size) = match name {
                "node_count" => (6, 4),
                "build_epoch" => (9, 8),
                _ => (5, 2),
            };
            control(kind, size, out);
            out.extend(&number.as_u64().unwrap().to_be_bytes()[8 - size..]);
        }
        Value::Object(members) => {
            control(7, members.len(), out);
            for (name, value) in members {
                encode("", &json!(name), out);
                encode(name, value, out);
            }
        }
        Value::Array(items) => {
            control(11, items.len(), out);
            items.iter().for_each(|item| encode(name, item, out));
        }
        other => panic!("{other}"),
    }
}

/// A database with one node: the lower half of the IPv4 addresses has one location, the upper half has none.
pub(crate) fn database(location: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The record points to the start of the data, after the node and the 16 bytes of the separator.
    bytes.extend([0, 0, 1 + 16, 0, 0, 1]);
    bytes.extend([0; 16]);
    encode("", location, &mut bytes);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_700_000_000_u64,
        "database_type": "Test-City", "description": {}, "ip_version": 4, "languages": ["en"], "node_count": 1,
        "record_size": 24,
    });
    encode("", &metadata, &mut bytes);
    bytes
}

fn reno() -> Value {
    json!({
        "city": { "names": { "en": "Reno" } }, "country": { "iso_code": "US" },
        "location": { "time_zone": "America/Los_Angeles" }, "subdivisions": [{ "iso_code": "NV" }],
    })
}

/// Tests of other crates use the file.
#[test]
fn the_file_contains_the_database_of_these_tests() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/geolocation/reno.mmdb");
    assert_eq!(std::fs::read(file).unwrap(), database(&reno()));
}

#[test]
fn an_address_has_at_most_one_location() {
    let database_file = GeoDatabase::from_bytes(database(&reno())).unwrap();
    let location = database_file.find("12.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(
        serde_json::to_value(&location).unwrap(),
        json!({"country": "US", "state": "NV", "city": "Reno", "timezone": "America/Los_Angeles"})
    );
    assert_eq!(database_file.find("::ffff:12.0.0.1".parse().unwrap()), Some(location), "IPv4-mapped IPv6");
    assert_eq!(database_file.find("200.0.0.1".parse().unwrap()), None);
    assert_eq!(database_file.find("2001:db8::1".parse().unwrap()), None, "the database has no IPv6");
}

#[test]
fn unknown_members_are_omitted() {
    let database_file =
        GeoDatabase::from_bytes(database(&json!({ "country": { "iso_code": "DE" } }))).unwrap();
    let location = database_file.find("12.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(serde_json::to_value(location).unwrap(), json!({"country": "DE"}));
    let database_file = GeoDatabase::from_bytes(database(&json!({ "traits": { "x": "y" } }))).unwrap();
    assert_eq!(database_file.find("12.0.0.1".parse().unwrap()), None);
}

#[test]
fn a_file_of_another_format_is_refused() {
    assert!(GeoDatabase::from_bytes(b"another format".to_vec()).is_err());
    assert!(GeoDatabase::open(Path::new("/nowhere/at/all.mmdb")).is_err());
}
