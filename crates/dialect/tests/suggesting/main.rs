//! Mappings suggested from what form builders, ad platforms and CRMs send.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]

mod bodies;

use bodies::{Body, PEOPLE, Person, bodies};
use leadgate_dialect::{Document, MappingSuggestion, protocol};
use leadgate_domain::mapping::Mapping;
use leadgate_domain::{BodyFormat, Dialect, Email, Phone, Region, TextField};
use serde_json::json;

fn us() -> Option<Region> {
    "US".parse().ok()
}

fn document(media: &BodyFormat, body: &str) -> Document {
    protocol(Dialect::FiveHundredLeads).read_document(media, body.as_bytes(), None).unwrap()
}

fn suggestion(documents: &[Document]) -> MappingSuggestion {
    let members: Vec<_> = documents.iter().map(|document| &document.members).collect();
    MappingSuggestion::from_bodies(&members, us())
}

fn documents(body: &Body) -> Vec<Document> {
    PEOPLE.iter().map(|person| document(&body.media, &(body.render)(person))).collect()
}

fn mapping(text: &str) -> Mapping {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn a_suggested_mapping_reads_the_contact_of_each_body() {
    for body in &bodies() {
        let documents = documents(body);
        let file = suggestion(&documents).to_string();
        let mapping = mapping(&file);
        for (person, document) in PEOPLE.iter().zip(&documents) {
            let fields = protocol(Dialect::FiveHundredLeads).decode(document, Some(&mapping)).unwrap();
            let email = fields.email.value().and_then(|email| Email::parse(email).ok());
            assert_eq!(email.as_ref().map(Email::address), Some(person.email), "{}\n{file}", body.name);
            let phone = fields.phone.value().and_then(|phone| Phone::parse(phone, us()).ok());
            assert_eq!(phone.as_ref().map(Phone::e164), Some(person.e164), "{}\n{file}", body.name);
            let name = match (fields.text(TextField::FullName), fields.text(TextField::FirstName)) {
                (Some(full), _) => Some(full.to_owned()),
                (None, Some(first)) => {
                    Some(format!("{first} {}", fields.text(TextField::LastName).unwrap_or_default()))
                }
                (None, None) => None,
            };
            let expected = body.has_names.then(|| format!("{} {}", person.first, person.last));
            assert_eq!(name, expected, "{}\n{file}", body.name);
        }
    }
}

#[test]
fn a_suggestion_contains_no_value_of_a_body() {
    for body in &bodies() {
        let file = suggestion(&documents(body)).to_string();
        for Person { first, last, email, phone, e164 } in PEOPLE {
            for value in [first, last, email, phone, e164] {
                assert!(!file.contains(value), "{}: {value}\n{file}", body.name);
            }
        }
    }
}

#[test]
fn names_that_may_be_personal_data_are_not_suggested() {
    let documents = [
        json!({ "ann@example.com": { "email": "ann@example.com" }, "4155550132": { "phone": "+14155550132" } }),
        json!({ "people": [{ "name": "Ann Lee", "email": "ann@example.com" }, { "name": "Ben", "email": "b@x.example" }] }),
    ];
    let documents = documents.map(|body| document(&BodyFormat::Json, &body.to_string()));
    let file = suggestion(&documents).to_string();
    assert!(
        file.contains("\"/people/0/email\"") && !file.contains("Ann") && !file.contains("4155550132"),
        "{file}"
    );
    assert!(!file.contains('@'), "{file}");
}

#[test]
fn each_path_has_the_number_of_bodies_and_kinds_of_values() {
    let bodies = [
        json!({ "Kontakt": { "E-Mail": "ann@example.com", "Handy": "(415) 555-0132" } }),
        json!({ "Kontakt": { "E-Mail": "later", "Handy": "" }, "tel": "+1 415 555 0133" }),
        json!({ "Kontakt": { "E-Mail": "ben@example.com" }, "agent_email": "sales@example.com", "budget": 5_000_000 }),
    ];
    let documents = bodies.map(|body| document(&BodyFormat::Json, &body.to_string()));
    insta::assert_snapshot!(suggestion(&documents).to_string(), @r#"
    # Suggested from 3 bodies. Check each path before you use the file.

    [[rules]]
    to = "email"
    from = [
        "/Kontakt/E-Mail", # in 3 of 3 bodies: 2 emails, 1 text
    ]

    [[rules]]
    to = "phone"
    from = [
        "tel", # in 1 of 3 bodies: 1 phone
        "/Kontakt/Handy", # in 1 of 3 bodies: 1 phone
    ]
    "#);
}

#[test]
fn bodies_without_a_contact_give_a_suggestion_without_rules() {
    let documents = [document(&BodyFormat::Json, r#"{"note":"hello","count":4155550}"#)];
    let suggestion = suggestion(&documents);
    assert!(!suggestion.has_contact());
    assert_eq!(mapping(&suggestion.to_string()).rules(), []);
}

#[test]
fn a_suggested_path_can_be_parsed() {
    let name = "/odd \"name\" \\ with\ttabs~";
    let documents =
        [document(&BodyFormat::Json, &json!({ name: { "e-mail": "ann@example.com" } }).to_string())];
    let mapping = mapping(&suggestion(&documents).to_string());
    let fields = protocol(Dialect::FiveHundredLeads).decode(&documents[0], Some(&mapping)).unwrap();
    assert_eq!(fields.email.value().map(String::as_str), Some("ann@example.com"));
}
