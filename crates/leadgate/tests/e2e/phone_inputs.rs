//! Phones as people write them are read as the same number by all inputs: JSON, forms, query, mapping,
//! suppression lists.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::systems::TestSource;
use crate::world::{Shape, World, http, until};

/// The number in E.164, or the reason why the phone is invalid.
type ExpectedPhone = Result<&'static str, &'static str>;

/// Region, phone, and the expected number.
const PHONES: [(&str, &str, ExpectedPhone); 54] = [
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
    ("US", "8888888888", Err("repeated_digit")),
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

/// In a form, an unescaped plus and a space are the same. A leading one is read as a plus.
fn expected_in_form(phone: &str, expected_phone: ExpectedPhone) -> ExpectedPhone {
    if phone == " 4587654321" { Ok("+4587654321") } else { expected_phone }
}

/// The email that identifies the lead of an input.
fn email(input: &str, number: usize) -> String {
    format!("{input}{number}@example.com")
}

/// `application/x-www-form-urlencoded`. A plus or space at the start becomes an unescaped plus, because many
/// clients do not escape it.
fn form(input: &str, number: usize, (region, phone, _): (&str, &str, ExpectedPhone)) -> String {
    let (plus, digits) = phone.strip_prefix(['+', ' ']).map_or(("", phone), |digits| ("+", digits));
    let digits: String = digits.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("email={}&phone={plus}{digits}&phone_country={region}", email(input, number))
}

fn multipart(input: &str, number: usize, (region, phone, _): (&str, &str, ExpectedPhone)) -> String {
    let email = email(input, number);
    let parts = [("email", email.as_str()), ("phone", phone), ("phone_country", region)];
    let part = |(name, text): (&str, &str)| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    parts.map(part).concat() + "--B--\r\n"
}

async fn assert_sent(request: reqwest::RequestBuilder) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
}

fn phone_result(phone: &Value) -> Result<String, String> {
    let text = |name: &str| phone[name].as_str().map(str::to_owned);
    text("e164").ok_or_else(|| text("reason").unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_inputs_read_the_same_phone() {
    let world = World::start(Shape::Embedded, "ways-in").await;
    let unlimited = ["--policy", "create", "--rate", "100000/min"];
    let native = TestSource::create_with(&world, "native", &unlimited).await;
    let token = TestSource::create_with(&world, "kickofflabs", &unlimited).await;
    let mapped = TestSource::create_with(&world, "native", &unlimited).await;
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
        let response =
            validate(&mapped.key, json!({ "person": { "tel": "+14155550132" } })).send().await.unwrap();
        (response.json::<Value>().await.unwrap()["phone"]["e164"] == "+14155550132").then_some(())
    })
    .await;

    let leads = format!("{}/v1/leads", world.base);
    for (number, case) in PHONES.into_iter().enumerate() {
        let (region, phone, expected_phone) = case;
        let body =
            |input: &str| json!({ "email": email(input, number), "phone": phone, "phone_country": region });
        let form_type = "application/x-www-form-urlencoded";
        let posted = |url: &str| http().post(url);
        assert_sent(posted(&leads).bearer_auth(&native.key).json(&body("json"))).await;
        assert_sent(
            posted(&leads)
                .bearer_auth(&native.key)
                .header("content-type", "text/plain")
                .body(body("plain").to_string()),
        )
        .await;
        for (input, url) in [("form", &token.url), ("nativeform", &native.url)] {
            assert_sent(posted(url).header("content-type", form_type).body(form(input, number, case))).await;
        }
        let kind = "multipart/form-data; boundary=B";
        assert_sent(posted(&token.url).header("content-type", kind).body(multipart(
            "multipart",
            number,
            case,
        )))
        .await;
        assert_sent(posted(&format!("{}?{}", token.url, form("query", number, case)))).await;
        let person = json!({ "person": { "tel": phone, "mail": email("mapped", number) }, "land": region });
        assert_sent(posted(&mapped.url).json(&person)).await;
        let output =
            validate(&native.key, body("validated")).send().await.unwrap().json::<Value>().await.unwrap();
        let result = phone_result(&output["phone"]);
        assert_eq!(
            result.as_deref().map_err(String::as_str),
            expected_phone,
            "validated: {phone:?} of {region}"
        );
    }
    let inputs = ["json", "plain", "form", "nativeform", "multipart", "query", "mapped"];
    let count = inputs.len() * PHONES.len();
    until("all leads", || async { (world.observed_submissions().await.len() == count).then_some(()) }).await;
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
    for (number, (region, phone, expected_phone)) in PHONES.into_iter().enumerate() {
        for input in inputs {
            let lead = &stored[&email(input, number)];
            let unescaped = matches!(input, "form" | "nativeform" | "query");
            let expected = if unescaped { expected_in_form(phone, expected_phone) } else { expected_phone };
            let result = phone_result(&lead["phone"]);
            assert_eq!(result.as_deref().map_err(String::as_str), expected, "{input}: {phone:?} of {region}");
            let is_held = lead["reasons"]
                .as_array()
                .unwrap()
                .iter()
                .any(|reason| reason.as_str().unwrap().starts_with("phone_"));
            assert_eq!(is_held, expected.is_err(), "{input}: {phone:?}: {}", lead["reasons"]);
            if phone.contains("do not call") || phone.contains("wrong number") {
                let reasons = lead["reasons"].as_array().unwrap();
                assert!(reasons.contains(&json!("opted_out")), "{input}: {phone:?}: {reasons:?}");
            }
        }
    }
    suppression_lists_read_the_same_phones(&world, folder.path()).await;
}

/// `suppression import` and `suppression add` refuse a phone that is not valid.
async fn suppression_lists_read_the_same_phones(world: &World, folder: &std::path::Path) {
    for (number, (region, phone, expected_phone)) in PHONES.into_iter().enumerate() {
        let file = folder.join(format!("{number}.csv"));
        std::fs::write(&file, format!("phone\n\"{}\"\n", phone.replace('"', "\"\""))).unwrap();
        let list = format!("list{number}");
        let file = file.to_str().unwrap();
        let import =
            ["suppression", "import", file, "--organization", "acme", "--region", region, "--list", &list];
        let output = crate::world::try_run(world.environment(), &import).await.1;
        // A space before a value is ignored in a file and in a command.
        let expected = expected_phone.is_ok() || phone.starts_with(' ');
        let added = output["added"].as_u64().unwrap_or_default();
        assert_eq!(added, u64::from(expected), "import: {phone:?} of {region}: {output}");
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
        let (ok, output) = crate::world::try_run(world.environment(), &add).await;
        assert_eq!(ok, expected, "add: {phone:?} of {region}: {output}");
    }
}
