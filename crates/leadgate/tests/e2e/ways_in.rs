//! What people really send for a phone, by every way in: each is read as the same number, or by none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::systems::Way;
use crate::world::{Shape, World, http, until};

/// A number, or why there is none.
type Read = Result<&'static str, &'static str>;

/// Region, phone, and what it is read as.
const PHONES: [(&str, &str, Read); 54] = [
    ("US", "+4722334455", Ok("+4722334455")),
    ("US", " 4587654321", Err("ambiguous")),
    ("DE", "309018204.0", Ok("+49309018204")),
    ("AT", "66123456.0", Ok("+4366123456")),
    ("US", "4155550132.00", Ok("+14155550132")),
    ("US", "4.155550132E+09", Ok("+14155550132")),
    ("US", "4.15555E+09", Err("not_a_number")),
    ("US", "4155550132.25", Err("not_a_number")),
    ("US", "+917878787xyz", Err("not_a_number")),
    ("US", "+44 7400 123abc", Err("not_a_number")),
    ("US", "415-555-0132 (cell)", Ok("+14155550132")),
    ("US", "415-555-0132 after 5pm", Ok("+14155550132")),
    ("US", "415-555-0132 (do not call)", Ok("+14155550132")),
    ("US", "415-555-0132 wrong number", Ok("+14155550132")),
    ("US", "415-555-0132/415-555-0199", Ok("+14155550132")),
    ("US", "415-555-0132; 415-555-0199", Ok("+14155550132")),
    ("US", "415-555-0132 or 415-555-0199", Ok("+14155550132")),
    ("US", "415-555-0132, 415-555-0199", Ok("+14155550132")),
    ("US", "Mobile: 415-555-0132 Home: 415-555-0199", Ok("+14155550132")),
    ("US", "1-800-FLOWERS", Ok("+18003569377")),
    ("US", "555-0132 abc", Err("not_a_number")),
    ("US", "415-555-XXXX", Err("not_a_number")),
    ("US", "415-555-****", Err("not_a_number")),
    ("US", "415 555 O132", Err("not_a_number")),
    ("US", "415-555-0132 ext.", Ok("+14155550132")),
    ("US", "8888888888", Err("one_digit")),
    ("US", "+1\u{fe0d}-415-555-0132", Ok("+14155550132")),
    ("US", "\u{202d}(415)\u{a0}555\u{2011}0132\u{202c}", Ok("+14155550132")),
    ("US", "415\u{2009}555\u{3000}0132", Ok("+14155550132")),
    ("US", "4\u{fe0f}\u{20e3}155550132", Ok("+14155550132")),
    ("US", "'4155550132", Ok("+14155550132")),
    ("MX", "+5215512345678", Ok("+525512345678")),
    ("MX", "+525512345678", Ok("+525512345678")),
    ("MX", "044 55 1234 5678", Ok("+525512345678")),
    ("AR", "011 15 6677-3399", Ok("+5491166773399")),
    ("AR", "+54 9 11 6677-3399", Ok("+5491166773399")),
    ("AR", "+54 11 6677-3399", Ok("+541166773399")),
    ("BR", "+55 31 8888-8888", Ok("+5531988888888")),
    ("BR", "0xx31 98888-8888", Ok("+5531988888888")),
    ("PL", "+48 (0) 22 512 34 56", Ok("+48225123456")),
    ("GB", "+44 (UK) 7400 123456", Ok("+447400123456")),
    ("FR", "06 12 34 56 78 / 06 98 76 54 32", Ok("+33612345678")),
    ("DE", "030/9018204", Ok("+49309018204")),
    ("DE", "030 12345/67", Err("ambiguous")),
    ("DE", "0171 1234567 (privat)", Ok("+491711234567")),
    ("DE", "+49 30 90180 xx", Err("not_a_number")),
    ("JP", "090-1234-5678（携帯）", Ok("+819012345678")),
    ("IN", "+91-98765-43210, +91-98765-43211", Ok("+919876543210")),
    ("RU", "8 (912) 345-67-89 Иван", Ok("+79123456789")),
    ("SA", "٠٥٠١٢٣٤٥٦٧ جوال", Ok("+966501234567")),
    ("US", "call me", Err("not_a_number")),
    ("US", "12", Err("not_assigned")),
    ("US", "415-555-0132?", Err("not_a_number")),
    ("US", "p:+14155550132", Ok("+14155550132")),
];

/// A space and a plus that is not escaped are one in a form: there it is the plus.
fn in_a_form(phone: &str, read: Read) -> Read {
    if phone == " 4587654321" { Ok("+4587654321") } else { read }
}

/// By which email a lead is known again.
fn email(way: &str, number: usize) -> String {
    format!("{way}{number}@example.com")
}

/// As `application/x-www-form-urlencoded`; the plus at the start stays as it is: many clients do not escape it. A space
/// becomes one.
fn form(way: &str, number: usize, (region, phone, _): (&str, &str, Read)) -> String {
    let (plus, digits) = phone.strip_prefix(['+', ' ']).map_or(("", phone), |digits| ("+", digits));
    let digits: String = digits.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("email={}&phone={plus}{digits}&phone_country={region}", email(way, number))
}

fn multipart(way: &str, number: usize, (region, phone, _): (&str, &str, Read)) -> String {
    let email = email(way, number);
    let parts = [("email", email.as_str()), ("phone", phone), ("phone_country", region)];
    let part = |(name, text): (&str, &str)| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    parts.map(part).concat() + "--B--\r\n"
}

async fn sent(request: reqwest::RequestBuilder) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
}

fn read_of(phone: &Value) -> Result<String, String> {
    let text = |name: &str| phone[name].as_str().map(str::to_owned);
    text("e164").ok_or_else(|| text("reason").unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_read_alike_by_every_way_in() {
    let world = World::start(Shape::Embedded, "ways-in").await;
    let unlimited = ["--policy", "create", "--rate", "100000/min"];
    let native = Way::with(&world, "native", &unlimited).await;
    let token = Way::with(&world, "kickofflabs", &unlimited).await;
    let mapped = Way::with(&world, "native", &unlimited).await;
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("mapping.toml");
    let rule = |to: &str, from: &str| format!("[[rules]]\nto = \"{to}\"\nfrom = [\"{from}\"]\n");
    std::fs::write(
        &mapping,
        rule("phone", "/person/tel") + &rule("email", "/person/mail") + &rule("phone_country", "land"),
    )
    .unwrap();
    let set = ["mapping", "set", "--source", &mapped.id, mapping.to_str().unwrap(), "--organization", "acme"];
    world.cli(&set).await;
    let validate = |key: &str, body: Value| {
        http().post(format!("{}/v1/leads/validate", world.base)).bearer_auth(key).json(&body)
    };
    until("the gateway to know the mapping", || async {
        let told =
            validate(&mapped.key, json!({ "person": { "tel": "+14155550132" } })).send().await.unwrap();
        (told.json::<Value>().await.unwrap()["phone"]["e164"] == "+14155550132").then_some(())
    })
    .await;

    let leads = format!("{}/v1/leads", world.base);
    for (number, case) in PHONES.into_iter().enumerate() {
        let (region, phone, read) = case;
        let body =
            |way: &str| json!({ "email": email(way, number), "phone": phone, "phone_country": region });
        let form_type = "application/x-www-form-urlencoded";
        let posted = |url: &str| http().post(url);
        sent(posted(&leads).bearer_auth(&native.key).json(&body("json"))).await;
        sent(
            posted(&leads)
                .bearer_auth(&native.key)
                .header("content-type", "text/plain")
                .body(body("plain").to_string()),
        )
        .await;
        for (way, url) in [("form", &token.url), ("nativeform", &native.url)] {
            sent(posted(url).header("content-type", form_type).body(form(way, number, case))).await;
        }
        let kind = "multipart/form-data; boundary=B";
        sent(posted(&token.url).header("content-type", kind).body(multipart("multipart", number, case)))
            .await;
        sent(posted(&format!("{}?{}", token.url, form("query", number, case)))).await;
        let person = json!({ "person": { "tel": phone, "mail": email("mapped", number) }, "land": region });
        sent(posted(&mapped.url).json(&person)).await;
        let told =
            validate(&native.key, body("validated")).send().await.unwrap().json::<Value>().await.unwrap();
        let told = read_of(&told["phone"]);
        assert_eq!(told.as_deref().map_err(String::as_str), read, "validated: {phone:?} of {region}");
    }
    let ways = ["json", "plain", "form", "nativeform", "multipart", "query", "mapped"];
    let count = ways.len() * PHONES.len();
    until("all leads", || async { (world.observed().await.len() == count).then_some(()) }).await;
    let mut stored = BTreeMap::new();
    let mut next = String::new();
    loop {
        let (_, page) = world.get(&format!("/v1/leads?limit=100{next}")).await;
        for lead in page["data"].as_array().unwrap() {
            stored.insert(lead["email"]["address"].as_str().unwrap().to_owned(), lead.clone());
        }
        let Some(after) = page["next"].as_str() else { break };
        next = format!("&after={after}");
    }
    assert_eq!(stored.len(), count);
    for (number, (region, phone, read)) in PHONES.into_iter().enumerate() {
        for way in ways {
            let lead = &stored[&email(way, number)];
            let unescaped = matches!(way, "form" | "nativeform" | "query");
            let expected = if unescaped { in_a_form(phone, read) } else { read };
            let told = read_of(&lead["phone"]);
            assert_eq!(told.as_deref().map_err(String::as_str), expected, "{way}: {phone:?} of {region}");
            let held = lead["reasons"]
                .as_array()
                .unwrap()
                .iter()
                .any(|reason| reason.as_str().unwrap().starts_with("phone_"));
            assert_eq!(held, expected.is_err(), "{way}: {phone:?}: {}", lead["reasons"]);
            if phone.contains("do not call") || phone.contains("wrong number") {
                let reasons = lead["reasons"].as_array().unwrap();
                assert!(reasons.contains(&json!("opted_out")), "{way}: {phone:?}: {reasons:?}");
            }
        }
    }
    on_a_suppression_list(&world, folder.path()).await;
}

/// In a file and by the command, a value that is no clear number is refused.
async fn on_a_suppression_list(world: &World, folder: &std::path::Path) {
    for (number, (region, phone, read)) in PHONES.into_iter().enumerate() {
        let file = folder.join(format!("{number}.csv"));
        std::fs::write(&file, format!("phone\n\"{}\"\n", phone.replace('"', "\"\""))).unwrap();
        let list = format!("list{number}");
        let file = file.to_str().unwrap();
        let import =
            ["suppression", "import", file, "--organization", "acme", "--region", region, "--list", &list];
        let told = crate::world::try_run(world.environment(), &import).await.1;
        // A space before a value is the layout of a file or of a command.
        let expected = read.is_ok() || phone.starts_with(' ');
        let added = told["added"].as_u64().unwrap_or_default();
        assert_eq!(added, u64::from(expected), "import: {phone:?} of {region}: {told}");
        let add = [
            "suppression",
            "add",
            "--organization",
            "acme",
            "--region",
            region,
            "--phone",
            phone,
            "--list",
            &list,
        ];
        let (ok, told) = crate::world::try_run(world.environment(), &add).await;
        assert_eq!(ok, expected, "add: {phone:?} of {region}: {told}");
    }
}
