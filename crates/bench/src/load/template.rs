//! Prebuilt requests, in which only the person changes.

use uuid::Uuid;

/// Both placeholders have ten characters, like the number that replaces them.
const PHONE: &str = "__PHONE___";
const PERSON: &str = "__PERSON__";
const DIGITS: usize = 10;

/// Area codes of US phones; each has eight million numbers here.
const AREA_CODES: [u64; 25] = [
    212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239, 240, 248, 251, 252, 253, 254,
    256, 260, 262, 267,
];
const NUMBERS_PER_AREA: u64 = 8_000_000;
/// The number of people with different phones.
const PEOPLE: u64 = 25 * NUMBERS_PER_AREA;
/// Coprime to [`PEOPLE`], so that each person has another number, and consecutive people are not neighbours in
/// any index.
const SPREAD: u64 = 123_456_789;

/// The body of a lead with the fields of a usual form. `company` can change between posts of one person.
pub(crate) fn native_body(company: &str) -> String {
    format!(
        r#"{{"full_name":"Ann Lee","phone":"+1{PHONE}","email":"ann.lee{PERSON}@example.com","company":"{company}",{CONSENT}}}"#
    )
}

/// The same with further fields: one kilobyte.
pub(crate) fn large_body() -> String {
    let note = "Please call after five, about the roof and the garage. ".repeat(13);
    format!(
        r#"{{"full_name":"Ann Lee","phone":"+1{PHONE}","email":"ann.lee{PERSON}@example.com","company":"Acme","state":"CA","attribution":{{"utm_source":"ads","utm_campaign":"spring"}},"custom_fields":{{"note":"{note}"}},{CONSENT}}}"#
    )
}

/// A lead whose names only the mapping of [`MAPPING`] knows.
pub(crate) fn mapped_body() -> String {
    format!(
        r#"{{"kontakt":{{"telefon":"+1{PHONE}","mail":"ann.lee{PERSON}@example.com"}},"vorname":"Ann","nachname":"Lee","firma":"Acme",{CONSENT}}}"#
    )
}

/// A lead of one phone, which every post repeats.
pub(crate) fn one_phone_body(opt_out: bool) -> String {
    format!(r#"{{"full_name":"Ann Lee","phone":"+16505550132","opt_out":{opt_out},{CONSENT}}}"#)
}

const CONSENT: &str = r#""consent":{"consent_timestamp":"2026-01-31T12:00:00Z","consent_text_version":"v1","source_url":"https://acme.example/quote"}"#;

/// The mapping for [`mapped_body`].
pub(crate) const MAPPING: &str = r#"
[[rules]]
to = "full_name"
from = ["vorname", "nachname"]
join = " "
[[rules]]
to = "phone"
from = ["/kontakt/telefon"]
[[rules]]
to = "email"
from = ["/kontakt/mail"]
[[rules]]
to = "company"
from = ["firma"]
"#;

/// A `POST /v1/leads` for any person.
#[derive(Clone, Debug)]
pub(crate) struct LeadTemplate {
    request: Vec<u8>,
    phones: Vec<usize>,
    people: Vec<usize>,
    key: String,
}

impl LeadTemplate {
    pub(crate) fn new(key: &str, body: &str) -> Self {
        let request = format!(
            "POST /v1/leads HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let places = |placeholder| request.match_indices(placeholder).map(|(at, _)| at).collect();
        let (phones, people) = (places(PHONE), places(PERSON));
        Self { request: request.into_bytes(), phones, people, key: key.to_owned() }
    }

    /// Writes the request for a person to an empty buffer.
    pub(crate) fn write(&self, person: u64, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.request);
        let number = person.wrapping_mul(SPREAD) % PEOPLE;
        for at in &self.people {
            write_digits(buffer, *at, number);
        }
        for at in &self.phones {
            write_digits(buffer, *at, national_phone(number));
        }
    }

    /// The request that shows the lead of a submission.
    pub(crate) fn look_up(&self, submission: Uuid) -> Vec<u8> {
        let key = &self.key;
        format!(
            "GET /v1/leads/{submission} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n\r\n"
        )
        .into_bytes()
    }
}

/// The ten digits of a phone in the USA.
fn national_phone(number: u64) -> u64 {
    let area = usize::try_from(number / NUMBERS_PER_AREA).ok().and_then(|index| AREA_CODES.get(index));
    area.copied().unwrap_or(212) * 10_000_000 + 2_000_000 + number % NUMBERS_PER_AREA
}

fn write_digits(buffer: &mut [u8], at: usize, mut number: u64) {
    for digit in buffer.iter_mut().skip(at).take(DIGITS).rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_person_has_another_phone_and_email() {
        let template = LeadTemplate::new("key", &native_body("Acme"));
        let mut requests = HashSet::new();
        for person in (0..2_000).chain(PEOPLE - 2_000..PEOPLE) {
            let mut buffer = Vec::new();
            template.write(person, &mut buffer);
            let text = String::from_utf8(buffer).unwrap();
            let value = |name: &str| text.split(name).nth(1).unwrap().split('"').next().unwrap().to_owned();
            let (phone, email) = (value(r#""phone":""#), value(r#""email":""#));
            assert!(phone.len() == 12 && phone.bytes().skip(1).all(|byte| byte.is_ascii_digit()), "{phone}");
            assert!(requests.insert(phone) && requests.insert(email), "person {person} repeats another one");
        }
    }

    #[test]
    fn the_large_body_has_a_kilobyte() {
        assert!((950..1_100).contains(&large_body().len()), "{}", large_body().len());
    }
}
