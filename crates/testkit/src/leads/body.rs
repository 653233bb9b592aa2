//! One submission about a person: some of what there is to say, in one of the ways to say it.

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

/// A body with a phone or an email or both, and what is known about its phone.
pub(super) fn write(dice: &mut SeededRandom, person: &SamplePerson) -> (Value, SamplePhone) {
    let mut body = Map::new();
    let phone = contact(dice, person, &mut body);
    names(dice, person, &mut body);
    for (field, value) in
        [("company", &person.company), ("external_id", &person.external_id), ("line_id", &person.line_id)]
    {
        if let Some(value) = value.as_ref().filter(|_| dice.chance(80)) {
            body.insert(field.to_owned(), json!(value));
        }
    }
    circumstances(dice, &mut body);
    if let Some(consent) = consent(dice) {
        body.insert("consent".to_owned(), consent);
    }
    if dice.chance(40) {
        body.insert("attribution".to_owned(), attribution(dice));
    }
    if dice.chance(40) {
        body.insert("custom_fields".to_owned(), custom_fields(dice));
    }
    (Value::Object(body), phone)
}

fn contact(dice: &mut SeededRandom, person: &SamplePerson, body: &mut Map<String, Value>) -> SamplePhone {
    let (has_phone, has_email) = match dice.random_below(10) {
        0 | 1 => (true, false),
        2 => (false, true),
        _ => (true, true),
    };
    if has_email {
        let email = if dice.chance(10) { person.email.to_uppercase() } else { person.email.clone() };
        body.insert("email".to_owned(), json!(email));
    }
    if !has_phone {
        return SamplePhone::Absent;
    }
    let written = person.number.write(dice);
    body.insert("phone".to_owned(), json!(written.text));
    if let Some(region) = written.region {
        body.insert("phone_country".to_owned(), json!(region));
    }
    written.known
}

fn names(
    dice: &mut SeededRandom,
    SamplePerson { given, family, .. }: &SamplePerson,
    body: &mut Map<String, Value>,
) {
    let full = if family.is_empty() { given.clone() } else { format!("{given} {family}") };
    let kind = dice.random_below(6);
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

fn circumstances(dice: &mut SeededRandom, body: &mut Map<String, Value>) {
    let choices = [
        ("state", STATES),
        ("timezone", TIMEZONES),
        ("locale", LOCALES),
        ("currency", CURRENCIES),
        ("source", SOURCES),
        ("page_url", PAGES),
    ];
    for (field, values) in choices {
        if dice.chance(35) {
            let value = dice.pick(values);
            body.insert(field.to_owned(), json!(value));
        }
    }
    if dice.chance(40) {
        let mut tags: Vec<&str> = (0..dice.random_below(4)).map(|_| dice.pick(TAGS)).collect();
        tags.dedup();
        body.insert("tags".to_owned(), json!(tags));
    }
}

/// All of it, some of it, or nothing.
fn consent(dice: &mut SeededRandom) -> Option<Value> {
    let timestamp = dice.digits("2025-0") + dice.pick(&["3-14", "7-01", "9-30"]) + &dice.digits("T1#:2#:3#Z");
    let whole = [
        ("consent_timestamp", json!(timestamp)),
        ("consent_text_version", json!(dice.pick(&["v1", "2025-03", "tcpa-7"]))),
        ("source_url", json!(dice.pick(PAGES))),
    ];
    match dice.random_below(10) {
        0..=5 => Some(whole.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        6 | 7 => {
            let said = whole.into_iter().filter(|_| dice.chance(50));
            Some(said.map(|(name, value)| (name.to_owned(), value)).collect())
        }
        _ => None,
    }
}

fn attribution(dice: &mut SeededRandom) -> Value {
    json!({
        "utm_source": dice.pick(&["google", "facebook", "newsletter", "Straße"]),
        "utm_medium": dice.pick(&["cpc", "email"]),
        "utm_campaign": dice.pick(&["spring", "été 2025"]),
        "gclid": dice.digits("Cj0KCQ####"),
    })
}

fn custom_fields(dice: &mut SeededRandom) -> Value {
    let mut fields = json!({
        "budget": dice.random_below(50_000),
        "ratio": 0.1,
        "interested": dice.chance(50),
        "note": dice.pick(&["call after 5 pm", "line one\nline two", "\"quoted\" \\ and / slashed", "🏡👨‍👩‍👧"]),
        "nothing": null,
    });
    if let Some(fields) = fields.as_object_mut().filter(|_| dice.chance(50)) {
        let property =
            json!({ "rooms": dice.random_below(9), "roof": { "kind": "flat", "ages": [1, 2.5, "new"] } });
        fields.insert("property".to_owned(), property);
    }
    fields
}
