//! Request bodies in the formats that their senders document, with invented people.

use leadgate_domain::BodyFormat;
use serde_json::json;

pub(crate) struct Person {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    pub(crate) email: &'static str,
    pub(crate) phone: &'static str,
    pub(crate) e164: &'static str,
}

pub(crate) const PEOPLE: [Person; 2] = [
    Person {
        first: "Annabel",
        last: "Leeson",
        email: "annabel.leeson@acme.example",
        phone: "(415) 555-0132",
        e164: "+14155550132",
    },
    Person {
        first: "Benedict",
        last: "Okafor",
        email: "bokafor@mail.example",
        phone: "+1 510 555 0177",
        e164: "+15105550177",
    },
];

/// A kind of sender.
pub(crate) struct Body {
    pub(crate) name: &'static str,
    pub(crate) media: BodyFormat,
    /// Whether the field names show which values are names of people.
    pub(crate) has_names: bool,
    pub(crate) render: fn(&Person) -> String,
}

fn json_body(name: &'static str, render: fn(&Person) -> String) -> Body {
    Body { name, media: BodyFormat::Json, has_names: true, render }
}

fn form_body(name: &'static str, render: fn(&Person) -> String) -> Body {
    Body { name, media: BodyFormat::Form, has_names: true, render }
}

pub(crate) fn bodies() -> Vec<Body> {
    vec![
        form_body("Elementor, simple", |p| {
            form(&[
                ("form_fields[name]", &full(p)),
                ("form_fields[email]", p.email),
                ("form_fields[phone]", p.phone),
            ])
        }),
        form_body("Elementor, advanced", |p| {
            form(&[
                ("form[id]", "4f2a"),
                ("form[name]", "Contact"),
                ("fields[name][id]", "name"),
                ("fields[name][title]", "Name"),
                ("fields[name][value]", &full(p)),
                ("fields[email][id]", "email"),
                ("fields[email][value]", p.email),
                ("fields[email][raw_value]", p.email),
                ("fields[field_a1][title]", "Phone"),
                ("fields[field_a1][type]", "tel"),
                ("fields[field_a1][value]", p.phone),
                ("meta[user_agent][value]", "Mozilla/5.0"),
                ("meta[remote_ip][value]", "203.0.113.7"),
            ])
        }),
        Body {
            has_names: false,
            ..json_body("Gravity Forms", |p| {
                json!({ "id": "151", "form_id": "1", "date_created": "2026-11-20 10:00:00", "ip": "203.0.113.7",
                    "source_url": "https://acme.example/contact", "1.3": p.first, "1.6": p.last, "2": p.email,
                    "3": p.phone, "4": "Please call in the morning" })
            .to_string()
            })
        },
        json_body("WPForms", |p| {
            json!({ "form_title": "Request a quote", "Name": full(p), "Email Address": p.email,
                "Phone Number": p.phone, "Comment or Message": "How much?" })
            .to_string()
        }),
        json_body("Contact Form 7", |p| {
            json!({ "your-name": full(p), "your-email": p.email, "tel-123": p.phone, "your-subject": "Offer" }).to_string()
        }),
        Body {
            has_names: false,
            ..json_body("Typeform", |p| {
                json!({ "event_id": "01H", "event_type": "form_response", "form_response": {
                "form_id": "lT4Z3j", "token": "a3a12ec6", "submitted_at": "2026-11-20T09:15:00Z",
                "answers": [
                    { "type": "text", "text": full(p), "field": { "id": "a", "type": "short_text" } },
                    { "type": "email", "email": p.email, "field": { "id": "b", "type": "email" } },
                    { "type": "phone_number", "phone_number": p.e164, "field": { "id": "c" } },
                    { "type": "boolean", "boolean": true, "field": { "id": "d" } },
                ] } })
                .to_string()
            })
        },
        form_body("Jotform", |p| {
            let raw = json!({ "slug": "submit/2130", "q3_name": { "first": p.first, "last": p.last }, "q4_email": p.email,
                          "q5_phoneNumber": { "full": p.phone }, "event_id": "1700000000000_2130" });
            form(&[
                ("formID", "213000000000000"),
                ("formTitle", "Quote"),
                ("ip", "203.0.113.7"),
                ("rawRequest", &raw.to_string()),
            ])
        }),
        json_body("HubSpot, contact", |p| {
            let value = |text: &str| json!({ "value": text, "versions": [{ "value": text, "timestamp": 1_763_600_000_000_u64 }] });
            json!({ "vid": 4_061_234, "portal-id": 62_515, "is-contact": true, "properties": {
                    "firstname": value(p.first), "lastname": value(p.last), "email": value(p.email),
                    "phone": value(p.phone), "hubspot_owner_email": value("sales@seller.example") },
                "identity-profiles": [{ "vid": 4_061_234, "identities": [{ "type": "EMAIL", "value": p.email }] }] })
        .to_string()
        }),
        json_body("HubSpot, form", |p| {
            let field =
                |name: &str, value: &str| json!({ "objectTypeId": "0-1", "name": name, "value": value });
            json!({ "submittedAt": "1763600000000", "context": { "pageUri": "https://acme.example", "pageName": "Demo" },
                "fields": [field("email", p.email), field("firstname", p.first), field("lastname", p.last),
                           field("mobilephone", p.phone)] })
        .to_string()
        }),
        json_body("Facebook lead ads", |p| {
            let field = |name: &str, value: &str| json!({ "name": name, "values": [value] });
            let mut fields =
                vec![field("full_name", &full(p)), field("email", p.email), field("phone_number", p.e164)];
            // The order of the fields follows the form, which can change.
            if p.first.starts_with('B') {
                fields.reverse();
            }
            json!({ "id": "104320", "created_time": "2026-11-20T10:00:00+0000", "ad_id": "6045", "form_id": "3209",
                "campaign_name": "Spring", "field_data": fields })
        .to_string()
        }),
        json_body("Google lead form", |p| {
            let column = |name: &str, id: &str, value: &str| json!({ "column_name": name, "string_value": value, "column_id": id });
            json!({ "lead_id": "TeSter-123", "api_version": "1.0", "form_id": 40_000_000_u64, "campaign_id": 12_345_678_u64,
                "google_key": "k", "is_test": false, "user_column_data": [
                    column("Full Name", "FULL_NAME", &full(p)), column("User Email", "EMAIL", p.email),
                    column("User Phone", "PHONE_NUMBER", p.e164), column("Postal Code", "POSTAL_CODE", "94105")] })
        .to_string()
        }),
        json_body("Zapier", |p| {
            json!({ "Full Name": full(p), "What is your e-mail?": p.email, "Phone (mobile)": p.phone, "zap_id": "184" })
            .to_string()
        }),
        form_body("Unbounce", |p| {
            let data = json!({ "first_name": [p.first], "last_name": [p.last], "email": [p.email], "phone_number": [p.phone],
                           "ip_address": ["203.0.113.7"] });
            form(&[("page_id", "7a3c"), ("page_name", "Offer"), ("data.json", &data.to_string())])
        }),
        json_body("a CRM's nested contact", |p| {
            json!({ "event": "contact.created", "owner": { "name": "Sally Seller", "email": "sally@seller.example" },
                "contact": { "name": { "first_name": p.first, "last_name": p.last },
                             "company": { "name": "Acme Ltd" },
                             "channels": { "email": p.email, "mobile": p.phone } } })
        .to_string()
        }),
        json_body("a CRM's lists of values", |p| {
            json!({ "current": { "first_name": p.first, "last_name": p.last,
                "email": [{ "value": "old@old.example", "primary": false, "label": "home" },
                          { "value": p.email, "primary": true, "label": "work" }],
                "phone": [{ "value": p.phone, "primary": true, "label": "mobile" }] } })
            .to_string()
        }),
        json_body("a German shop", |p| {
            json!({ "anfrage": { "Vorname": p.first, "Nachname": p.last, "E-Mail": p.email, "Telefon": p.phone, "PLZ": "10115" } })
            .to_string()
        }),
    ]
}

fn full(person: &Person) -> String {
    format!("{} {}", person.first, person.last)
}

fn form(pairs: &[(&str, &str)]) -> String {
    let pairs =
        pairs.iter().map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn percent_encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
