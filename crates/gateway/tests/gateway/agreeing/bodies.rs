//! Generated leads: realistic ones, and malformed ones.

use std::collections::BTreeSet;

use leadgate_domain::KeyKind;
use leadgate_domain::key::PresentedKey;
use leadgate_testkit::leads::{LeadGenerator, SamplePhone};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// A body to post, with the phone and email of its person, if known.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// In E.164.
    pub(super) phone: Option<String>,
    pub(super) email: Option<String>,
    /// The keys that identify the lead.
    keys: BTreeSet<String>,
}

/// An endless iterator of bodies, deterministic for a seed.
pub(super) struct Bodies {
    leads: LeadGenerator,
    count: usize,
    people: BTreeSet<String>,
    twists: Vec<(&'static str, Value)>,
    /// Bodies about people who were already in the chunk.
    postponed: Vec<Body>,
}

impl Bodies {
    pub(super) fn new(seed: u64) -> Self {
        let leads = LeadGenerator::new(seed).repeats(15);
        Self { leads, count: 0, people: BTreeSet::new(), twists: twists(), postponed: Vec::new() }
    }

    /// Bodies about different people, so that each can be judged independently.
    pub(super) fn of_different_people(&mut self, count: usize) -> Vec<Body> {
        let (mut chunk, mut seen) = (Vec::new(), BTreeSet::new());
        let mut later = Vec::new();
        let mut waiting = std::mem::take(&mut self.postponed).into_iter();
        while chunk.len() < count {
            let body = waiting.next().or_else(|| self.next()).unwrap();
            if seen.is_disjoint(&body.keys) {
                seen.extend(body.keys.clone());
                chunk.push(body);
            } else {
                later.push(body);
            }
        }
        self.postponed = later.into_iter().chain(waiting).collect();
        chunk
    }
}

impl Iterator for Bodies {
    type Item = Body;

    fn next(&mut self) -> Option<Body> {
        let mut lead = self.leads.lead();
        self.count += 1;
        let unusual = self.count.is_multiple_of(3).then_some(self.count / 3);
        if let Some(turn) = unusual.filter(|turn| turn.is_multiple_of(9)) {
            let (bytes, key) = raw(turn / 9);
            return Some(Body { bytes, phone: None, email: None, keys: [key].into() });
        }
        let text = |name: &str| lead.body[name].as_str().map(str::to_owned);
        let mut phone = match &lead.phone {
            SamplePhone::Standard(e164) | SamplePhone::Irregular(e164) => Some(e164.clone()),
            SamplePhone::Absent | SamplePhone::Invalid => None,
        };
        let is_known = !self.people.insert(lead.person.to_string());
        let (id, email) = (text("external_id"), text("email"));
        if is_known && id.is_some() && self.count.is_multiple_of(2) {
            // The person has a new number, without a consent for it.
            let number = format!("+1415{}", 2_000_000 + self.count);
            lead.body["phone"] = json!(number);
            lead.body.as_object_mut().unwrap().remove("consent");
            phone = Some(number);
        }
        let keys = [id, phone.clone(), Some(lead.person.to_string())];
        let keys = keys.into_iter().flatten().collect();
        if let Some(turn) = unusual {
            let (name, value) = self.twists[turn % self.twists.len()].clone();
            lead.body[name] = value;
        }
        Some(Body { bytes: lead.bytes(), phone, email, keys })
    }
}

/// Unusual values of fields.
fn twists() -> Vec<(&'static str, Value)> {
    let consent = |time: Value, version: Value, page: Value| json!({ "consent_timestamp": time, "consent_text_version": version, "source_url": page });
    let at = |time: Value| consent(time, json!("v1"), json!("https://example.com/form"));
    vec![
        ("phone", json!(null)),
        ("phone", json!("")),
        ("phone", json!("   ")),
        ("phone", json!("call me")),
        ("phone", json!("+1 555")),
        ("phone", json!(" 4587654321")),
        ("phone", json!(["+14155550132"])),
        ("phone", json!("+".repeat(101))),
        ("phone", json!("+1\u{0}415")),
        ("phone_country", json!("us")),
        ("phone_country", json!("Atlantis")),
        ("email", json!(null)),
        ("email", json!("")),
        ("email", json!("\u{200b}")),
        ("email", json!("Ann Lee <ann@acme-tools.com>")),
        ("email", json!("ann@acme-tools.com\r\nBcc: x")),
        ("email", json!("mailto:Info@Acme-Tools.COM?subject=x")),
        ("email", json!("ü@müller-bau.de")),
        ("email", json!("x@mailinator.com")),
        ("email", json!(5)),
        ("sms_opt_in", json!(false)),
        ("opt_out", json!(true)),
        ("opt_out", json!("true")),
        ("opt_out", json!(null)),
        ("is_test", json!(true)),
        ("is_test", json!(1)),
        ("consent", json!(null)),
        ("consent", json!({})),
        ("consent", json!("yes")),
        ("consent", consent(json!("2026-01-01T00:00:00Z"), json!(null), json!("https://example.com"))),
        ("consent", consent(json!("2026-01-01T00:00:00Z"), json!("  "), json!("https://example.com"))),
        ("consent", at(json!("2026-01-01T00:00:00"))),
        ("consent", at(json!("01/02/2026"))),
        ("consent", at(json!(1_767_225_600))),
        ("consent", at(json!("1767225600000"))),
        ("consent", at(json!("2024-01-01T00:00:00Z"))),
        ("consent", at(json!("2099-01-01T00:00:00Z"))),
        ("consent", at(json!("9999-12-31T23:59:59Z"))),
        (
            "consent",
            json!({ "consent_timestamp": "2026-01-01T00:00:00Z", "ip": "192.0.2.7", "more": [1, null] }),
        ),
        (
            "xxTrustedFormCertUrl",
            json!("https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567"),
        ),
        ("trustedform_cert_url", json!("http://elsewhere.example/1")),
        ("universal_leadid", json!("01234567-89AB-CDEF-0123-456789ABCDEF")),
        ("tags", json!("solar, roof ,,")),
        ("tags", json!(["", " x ", "x"])),
        ("tags", json!([1, true])),
        ("tags", json!((0..150).map(|n| n.to_string()).collect::<Vec<_>>())),
        ("custom_fields", json!(null)),
        ("custom_fields", json!({ "": 0, "a/b~c": { "deep": [[[[{}]]]] }, "big": i64::MAX })),
        ("custom_fields", json!({ "their key": own_key() })),
        ("note", json!({ "key": [own_key(), " x "] })),
        ("custom_fields", json!("text")),
        ("attribution", json!({ "referrer": "https://news.example/a?b", "utm_source": null })),
        ("attribution", json!([])),
        ("page_url", json!("https://shop.example/?utm_campaign=x&gclid=abc#y")),
        ("full_name", json!("Dr. Ann van der Lee III")),
        ("full_name", json!("undefined")),
        ("full_name", json!("\u{202e}eeL nnA\u{0007}")),
        ("full_name", json!("x".repeat(501))),
        ("first_name", json!(null)),
        ("company", json!("nobody")),
        ("state", json!("california")),
        ("timezone", json!("america/chicago")),
        ("locale", json!("en_US.UTF-8")),
        ("currency", json!("usd")),
        ("automations", json!({ "subscribe": ["a"], "replace": null })),
        ("user_assignments", json!([1, "two", { "three": 3 }])),
        ("id", json!("00000000-0000-0000-0000-000000000000")),
        ("status", json!("won")),
        ("organization", json!("theirs")),
        ("long", json!("x".repeat(45_000))),
        ("long", json!("x".repeat(70_000))),
    ]
}

/// An API key, which people sometimes paste into a wrong field.
fn own_key() -> String {
    PresentedKey::generate(KeyKind::Secret).1.expose_secret().to_owned()
}

/// Bodies that are barely JSON or not JSON, with a name.
fn raw(turn: usize) -> (Vec<u8>, String) {
    let deep = [vec![b'['; 300], vec![b']'; 300]].concat();
    let all: Vec<Vec<u8>> = vec![
        b"{".to_vec(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"{\"phone\":\"\\ud800\"}".to_vec(),
        b"{\"phone\":\"\xff\"}".to_vec(),
        b"{\"phone\":\"+1 212 555 0132\",\"phone\":\"+1 212 555 0133\"}".to_vec(),
        b"\xef\xbb\xbf{\"email\":\"bom@acme-tools.com\"}".to_vec(),
        b"{\"email\":\"a@acme-tools.com\"} trailing".to_vec(),
        b"{\"email\":\"number@acme-tools.com\",\"n\":1e999}".to_vec(),
        b"{\"email\":\"digits@acme-tools.com\",\"n\":123456789012345678901234567890}".to_vec(),
        b" \t{\"email\" : \"spaces@acme-tools.com\" }\r".to_vec(),
        [b"{\"email\":\"deep@acme-tools.com\",\"deep\":".to_vec(), deep, b"}".to_vec()].concat(),
        b"{\"Email\":\"case@acme-tools.com\",\"PHONE\":\"+49 1512 3456789\"}".to_vec(),
    ];
    let place = turn % all.len();
    (all[place].clone(), format!("raw {place}"))
}
