//! Generates the body of a submission: some of the person's data, in one of several formats.

use serde_json::{Map, Value, json};

use super::people::SamplePerson;
use super::phones::SamplePhone;
use super::seeded_random::SeededRandom;

const STATES: &[&str] = &["CA", "New York", "Bayern", "Île-de-France", "大阪府"];
const TIMEZONES: &[&str] = &["America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo", "Asia/Kathmandu", "UTC"];
const LOCALES: &[&str] = &["en-US", "de", "pt-BR", "zh-Hant-TW", "ar"];
const CURRENCIES: &[&str] = &["USD", "EUR", "JPY", "KWD"];
const SOURCES: &[&str] = &["landing-page", "Messe München", "partner:solar", "ads"];
const TAGS: &[&str] = &["solar", "roof", "VIP", "déjà-vu", "follow up", "热门"];
const PAGES: &[&str] = &[
    "https://www.example.com/offer?utm_source=ads&utm_campaign=spring#form",
    "https://landing.example/%E2%98%80",
    "http://example.org/",
];

/// A body with a phone, an email or both, and the kind of its phone.
pub(super) fn write(random: &mut SeededRandom, person: &SamplePerson) -> (Value, SamplePhone) {
    let mut body = Map::new();
    let phone = contact(random, person, &mut body);
    names(random, person, &mut body);
    for (field, value) in
        [("company", &person.company), ("external_id", &person.external_id), ("line_id", &person.line_id)]
    {
        if let Some(value) = value.as_ref().filter(|_| random.chance(80)) {
            body.insert(field.to_owned(), json!(value));
        }
    }
    other_fields(random, &mut body);
    if let Some(consent) = consent(random) {
        body.insert("consent".to_owned(), consent);
    }
    if random.chance(40) {
        body.insert("attribution".to_owned(), attribution(random));
    }
    if random.chance(40) {
        body.insert("custom_fields".to_owned(), custom_fields(random));
    }
    (Value::Object(body), phone)
}

fn contact(random: &mut SeededRandom, person: &SamplePerson, body: &mut Map<String, Value>) -> SamplePhone {
    let (has_phone, has_email) = match random.random_below(10) {
        0 | 1 => (true, false),
        2 => (false, true),
        _ => (true, true),
    };
    if has_email {
        let email = if random.chance(10) { person.email.to_uppercase() } else { person.email.clone() };
        body.insert("email".to_owned(), json!(email));
    }
    if !has_phone {
        return SamplePhone::Absent;
    }
    let formatted = person.number.write(random);
    body.insert("phone".to_owned(), json!(formatted.text));
    if let Some(region) = formatted.region {
        body.insert("phone_country".to_owned(), json!(region));
    }
    formatted.phone
}

fn names(
    random: &mut SeededRandom,
    SamplePerson { given, family, .. }: &SamplePerson,
    body: &mut Map<String, Value>,
) {
    let full = if family.is_empty() { given.clone() } else { format!("{given} {family}") };
    let kind = random.random_below(6);
    if matches!(kind, 0..=2 | 5) {
        body.insert("full_name".to_owned(), json!(full));
    }
    if matches!(kind, 2..=4) {
        body.insert("first_name".to_owned(), json!(given));
    }
    if matches!(kind, 2 | 3) && !family.is_empty() {
        body.insert("last_name".to_owned(), json!(family));
    }
}

fn other_fields(random: &mut SeededRandom, body: &mut Map<String, Value>) {
    let choices = [
        ("state", STATES),
        ("timezone", TIMEZONES),
        ("locale", LOCALES),
        ("currency", CURRENCIES),
        ("source", SOURCES),
        ("page_url", PAGES),
    ];
    for (field, values) in choices {
        if random.chance(35) {
            let value = random.pick(values);
            body.insert(field.to_owned(), json!(value));
        }
    }
    if random.chance(40) {
        let mut tags: Vec<&str> = (0..random.random_below(4)).map(|_| random.pick(TAGS)).collect();
        tags.dedup();
        body.insert("tags".to_owned(), json!(tags));
    }
}

/// A complete consent, a partial one, or none.
fn consent(random: &mut SeededRandom) -> Option<Value> {
    let timestamp =
        random.digits("2025-0") + random.pick(&["3-14", "7-01", "9-30"]) + &random.digits("T1#:2#:3#Z");
    let complete = [
        ("consent_timestamp", json!(timestamp)),
        ("consent_text_version", json!(random.pick(&["v1", "2025-03", "tcpa-7"]))),
        ("source_url", json!(random.pick(PAGES))),
    ];
    match random.random_below(10) {
        0..=5 => Some(complete.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        6 | 7 => {
            let partial = complete.into_iter().filter(|_| random.chance(50));
            Some(partial.map(|(name, value)| (name.to_owned(), value)).collect())
        }
        _ => None,
    }
}

fn attribution(random: &mut SeededRandom) -> Value {
    json!({
        "utm_source": random.pick(&["google", "facebook", "newsletter", "Straße"]),
        "utm_medium": random.pick(&["cpc", "email"]),
        "utm_campaign": random.pick(&["spring", "été 2025"]),
        "gclid": random.digits("Cj0KCQ####"),
    })
}

fn custom_fields(random: &mut SeededRandom) -> Value {
    let mut fields = json!({
        "budget": random.random_below(50_000),
        "ratio": 0.1,
        "interested": random.chance(50),
        "note": random.pick(&["call after 5 pm", "line one\nline two", "\"quoted\" \\ and / slashed", "🏡👨‍👩‍👧"]),
        "nothing": null,
    });
    if let Some(fields) = fields.as_object_mut().filter(|_| random.chance(50)) {
        let property =
            json!({ "rooms": random.random_below(9), "roof": { "kind": "flat", "ages": [1, 2.5, "new"] } });
        fields.insert("property".to_owned(), property);
    }
    fields
}
