use serde_json::{Value, json};

use super::*;

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    assert!(size < 29, "longer ones are written differently");
    let size = u8::try_from(size).unwrap();
    match kind {
        0..=7 => out.push(kind << 5 | size),
        // Kinds beyond seven are written as an extension.
        _ => out.extend([size, kind - 7]),
    }
}

/// A value of the format's data section (MaxMind DB file format 2.0), as far as a city needs.
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

/// A database of one node: the lower half of all addresses of version 4 is one place, the upper is none.
pub(crate) fn database(place: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The record points beyond the node and the separator's 16 bytes, to the start of the data.
    bytes.extend([0, 0, 1 + 16, 0, 0, 1]);
    bytes.extend([0; 16]);
    encode("", place, &mut bytes);
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

/// The file by which other rooms test: this very database.
#[test]
fn the_file_is_the_one_that_is_written_here() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/geolocation/reno.mmdb");
    assert_eq!(std::fs::read(file).unwrap(), database(&reno()));
}

#[test]
fn an_address_has_a_place_or_none() {
    let places = GeoDatabase::of(database(&reno())).unwrap();
    let found = places.find("12.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        json!({"country": "US", "state": "NV", "city": "Reno", "timezone": "America/Los_Angeles"})
    );
    assert_eq!(places.find("::ffff:12.0.0.1".parse().unwrap()), Some(found), "version 4 within version 6");
    assert_eq!(places.find("200.0.0.1".parse().unwrap()), None);
    assert_eq!(places.find("2001:db8::1".parse().unwrap()), None, "the file has no version 6");
}

#[test]
fn what_is_unknown_is_left_out() {
    let places = GeoDatabase::of(database(&json!({ "country": { "iso_code": "DE" } }))).unwrap();
    let place = places.find("12.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(serde_json::to_value(place).unwrap(), json!({"country": "DE"}));
    let places = GeoDatabase::of(database(&json!({ "traits": { "x": "y" } }))).unwrap();
    assert_eq!(places.find("12.0.0.1".parse().unwrap()), None);
}

#[test]
fn what_is_no_database_is_refused() {
    assert!(GeoDatabase::of(b"nothing of the kind".to_vec()).is_err());
    assert!(GeoDatabase::open(Path::new("/nowhere/at/all.mmdb")).is_err());
}
