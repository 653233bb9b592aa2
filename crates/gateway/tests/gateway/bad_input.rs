//! Malformed phones, emails and names, posted to every dialect.

use leadgate_domain::Dialect;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::world::{World, send};

/// Submitted phones and their results, in a source with the region US.
fn phones() -> Vec<(Value, &'static str)> {
    vec![
        (json!(""), "refused"),
        (json!("   "), "refused"),
        (json!("+"), "not_a_number"),
        (json!("+1"), "not_a_number"),
        (json!("0000000000"), "not_assigned"),
        (json!("+999999999999999"), "not_assigned"),
        (json!("12345678901234567"), "not_assigned"),
        (json!("5".repeat(10_000)), "refused"),
        (json!("(415) 555-0132 ext. 89"), "+14155550132"),
        (json!("tel:+1-415-555-0132;ext=1"), "+14155550132"),
        (json!("00442079460958"), "not_assigned"),
        (json!("011442079460958"), "+442079460958"),
        (json!("011 358 18 1234567"), "+358181234567"),
        (json!("+7 800 555-35-35"), "+78005553535"),
        (json!("+44 (0)20 7946 0958"), "+442079460958"),
        (json!("٤١٥٥٥٥٠١٣٢"), "+14155550132"),
        (json!("＋１４１５５５５０１３２"), "+14155550132"),
        (json!("1-800-FLOWERS"), "+18003569377"),
        (json!("4155550132 / 4155559876"), "+14155550132"),
        (json!(" 4587654321"), "ambiguous"),
        (json!("8888888888"), "repeated_digit"),
        (json!("\u{202a}+14155550132\u{202c}"), "+14155550132"),
        (json!("415\u{a0}555\u{2011}0132"), "+14155550132"),
        (json!(14155550132_u64), "+14155550132"),
        (json!(1.4155550132e10), "+14155550132"),
        (json!(4155550132.5), "refused"),
        (json!(-14155550132_i64), "refused"),
        (json!(null), "refused"),
        (json!(["+14155550132"]), "refused"),
        (json!("5️⃣5️⃣5️⃣"), "not_assigned"),
        (json!("+1415555013\u{0}"), "refused"),
        (json!("'+14155550132"), "+14155550132"),
        (json!("=+14155550132"), "+14155550132"),
        (json!("112"), "not_assigned"),
    ]
}

fn emails() -> Vec<(Value, &'static str)> {
    vec![
        (json!("a@b"), "not_an_address"),
        (json!("a@@b.com"), "not_an_address"),
        (json!("a b@c.com"), "not_an_address"),
        (json!("\"quoted local\"@x.com"), "\"quoted local\"@x.com"),
        (json!("a@[127.0.0.1]"), "not_an_address"),
        (json!("ü@münchen.de"), "ü@xn--mnchen-3ya.de"),
        (json!("u@xn--mnchen-3ya.de"), "u@xn--mnchen-3ya.de"),
        (json!("аdmin@example.com"), "аdmin@example.com"),
        (json!(format!("{}@example.com", "l".repeat(65))), "local_too_long"),
        (json!(format!("a@{}.com", "d".repeat(64))), "label_too_long"),
        (json!(format!("a@{}com", "abcdefgh.".repeat(28))), "too_long"),
        (json!("a@b.com."), "a@b.com"),
        (json!("a@b..com"), "not_an_address"),
        (json!(" \u{a0}a@b.com\u{200b} "), "a@b.com"),
        (json!("First.Last+tag@GMail.com"), "First.Last+tag@gmail.com"),
        (json!("a@b.com,c@d.com"), "a@b.com"),
        (json!("Name <a@b.com>"), "a@b.com"),
        (json!("a@b.com\r\nBcc:x@y.com"), "not_an_address"),
        (json!(format!("{}@example.com", "a".repeat(60_000))), "refused"),
        (json!("mailto:a@b.com"), "a@b.com"),
        (json!("e\u{301}@example.com"), "é@example.com"),
        (json!("a@xn--"), "bad_punycode"),
        (json!("a@उदाहरण.मराठी"), "a@xn--p1b6ci4b4b3a.xn--d2b1ag0dl"),
        (json!(7), "refused"),
        (json!({}), "refused"),
    ]
}

fn names() -> Vec<Value> {
    vec![
        json!(null),
        json!("null"),
        json!("undefined"),
        json!("NaN"),
        json!("X"),
        json!("Madonna"),
        json!("x".repeat(10_000)),
        json!("O'Brien"),
        json!("Robert'); DROP TABLE leads;--"),
        json!("<script>alert(1)</script>"),
        json!("{{7*7}}"),
        json!("${jndi:ldap://x}"),
        json!("محمد"),
        json!("a\u{202e}b"),
        json!("👨‍👩‍👧‍👦🇺🇸👍🏽"),
        json!(format!("Z{}", "\u{301}".repeat(1_000))),
        json!("a\u{0}b"),
        json!("a\u{1b}[2J\u{7f}\u{85}\u{2028}b"),
        json!("a\u{feff}b"),
        json!("\u{fffe}\u{10ffff}\u{e000}"),
        json!("\u{200b}\u{200c}"),
        json!("ﷺßİı﷽"),
        json!("=cmd|' /C calc'!A0"),
        json!("\t@x"),
        json!(["a"]),
        json!(5),
    ]
}

/// Posts each document, runs the worker, and returns the results.
async fn outcomes(world: &World, key: &str, documents: Vec<Value>, shown: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for document in documents {
        let request = world
            .client
            .post(world.url("/v1/leads"))
            .bearer_auth(key)
            .header(CONTENT_TYPE, "application/json");
        let answer = send(request.body(document.to_string())).await;
        assert!(matches!(answer.status, 202 | 400 | 413 | 422), "{document}: {}", answer.body);
        ids.push((answer.status == 202).then(|| answer.body["id"].as_str().unwrap().to_owned()));
    }
    world.work().await;
    let mut results = Vec::new();
    for id in ids {
        let Some(id) = id else {
            results.push("refused".to_owned());
            continue;
        };
        let found = send(world.get(&format!("/v1/leads/{id}"))).await;
        assert_eq!(found.status, 200, "{}", found.body);
        let view = &found.body[shown];
        let text = ["e164", "address", "reason"].into_iter().find_map(|name| view[name].as_str());
        results.push(text.unwrap_or("nothing").to_owned());
    }
    results
}

#[tokio::test]
async fn phones_are_read_correctly_or_refused() {
    let world = World::start().await;
    let (_, key) = world
        .source_of(Dialect::Native, |source| {
            source.default_region = "US".parse().ok();
            source.rate = "100000/min".parse().ok();
            source.policy = leadgate_domain::DuplicatePolicy::Create;
        })
        .await;
    let documents = phones().into_iter().map(|(phone, _)| json!({ "phone": phone })).collect();
    let results = outcomes(&world, &key, documents, "phone").await;
    for ((phone, expected), result) in phones().iter().zip(&results) {
        assert_eq!(result, expected, "{phone:.80}");
    }
    world.end().await;
}

#[tokio::test]
async fn emails_are_read_correctly_or_refused() {
    let world = World::start().await;
    let (_, key) = world.source_of(Dialect::Native, |source| source.rate = "100000/min".parse().ok()).await;
    let documents = emails().into_iter().map(|(email, _)| json!({ "email": email })).collect();
    let results = outcomes(&world, &key, documents, "email").await;
    for ((email, expected), result) in emails().iter().zip(&results) {
        assert_eq!(result, expected, "{email:.80}");
    }
    world.end().await;
}

/// Submitted names and the names that the lead shows.
const NAMES: [(&str, Option<&str>); 12] = [
    ("null", None),
    ("undefined", None),
    ("NaN", None),
    ("Null", Some("Null")),
    ("\u{200b}\u{200c}", None),
    ("O'Brien", Some("O'Brien")),
    ("Robert'); DROP TABLE leads;--", Some("Robert'); DROP TABLE leads;--")),
    ("Jose\u{301}\u{a0} \tDi\u{301}az", Some("José Díaz")),
    ("a\u{202e}b", Some("ab")),
    ("a\u{1b}[2J\u{7f}\u{85}\u{2028}b", Some("a[2J b")),
    ("a\u{feff}b", Some("ab")),
    ("👨‍👩‍👧‍👦🇺🇸👍🏽", Some("👨‍👩‍👧‍👦🇺🇸👍🏽")),
];

#[tokio::test]
async fn a_name_is_normalized_and_its_original_is_kept() {
    let world = World::start().await;
    let (_, key) = world.source_of(Dialect::Native, |source| source.rate = "100000/min".parse().ok()).await;
    let mut sent = Vec::new();
    for (number, (name, _)) in NAMES.iter().enumerate() {
        let document = json!({ "email": format!("a{number}@example.com"), "full_name": name });
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(&key);
        let answer = send(request.header(CONTENT_TYPE, "application/json").body(document.to_string())).await;
        sent.push(answer.body["id"].as_str().unwrap().to_owned());
    }
    world.work().await;
    for ((name, shown), id) in NAMES.iter().zip(sent) {
        let lead = send(world.get(&format!("/v1/leads/{id}"))).await.body;
        assert_eq!(lead["full_name"].as_str(), *shown, "{name:?}");
        let submission = send(world.get(&format!("/v1/submissions/{id}"))).await.body;
        assert_eq!(submission["fields"]["full_name"], *name);
    }
    world.end().await;
}

/// An intake path of each dialect, with a key.
async fn intake_paths(world: &World) -> Vec<(Dialect, String, String)> {
    let mut intake_paths = Vec::new();
    for dialect in Dialect::ALL.iter().copied() {
        let (source, key) = world.source_of(dialect, |source| source.rate = "1000000/min".parse().ok()).await;
        let path = match dialect {
            Dialect::Native | Dialect::Lead2inbound => "/v1/leads".to_owned(),
            Dialect::AbcSales => "/v1/webhooks/leads".to_owned(),
            Dialect::FiveHundredLeads => {
                let bind = |token: &mut leadgate_domain::ApiKey| token.source = source.id;
                format!("/api/webhooks/{}", world.credential(leadgate_domain::KeyKind::Token, bind).await)
            }
            Dialect::KickoffLabs => format!("/v2/{}", source.campaign.as_deref().unwrap()),
            Dialect::AskAd => "/api/v1/leads/inbound".to_owned(),
        };
        intake_paths.push((dialect, path, key));
    }
    intake_paths
}

#[tokio::test]
async fn every_dialect_answers_any_document_and_the_worker_survives() {
    let config = leadgate_gateway::GatewayConfig {
        reply_timeout: std::time::Duration::from_millis(1),
        ..crate::world::config()
    };
    let world = World::with(config).await;
    let intake_paths = intake_paths(&world).await;
    let mut documents: Vec<Value> = Vec::new();
    let with = |name: &str, value: &Value| {
        let mut document = json!({ "name": "Ann Lee", "phone": "+14155550132", "phone_number": "+14155550132",
                                   "email": "ann@example.com" });
        document[name] = value.clone();
        document
    };
    for (phone, _) in phones() {
        documents.push(with("phone", &phone));
        documents.push(with("phone_number", &phone));
    }
    documents.extend(emails().iter().map(|(email, _)| with("email", email)));
    documents.extend(names().iter().map(|name| with("name", name)));
    for body in
        ["null", "[]", "\"x\"", "42", "", "{", "{\"a\":1,}", "{} {}", "\u{feff}{}", "{\"a\":1e400000}"]
    {
        documents.push(Value::from(body));
    }
    let mut accepted = 0;
    for (dialect, path, key) in &intake_paths {
        for document in &documents {
            let body = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
            let request =
                world.client.post(world.url(path)).bearer_auth(key).header(CONTENT_TYPE, "application/json");
            let answer = send(request.body(body)).await;
            assert!(answer.status < 500, "{dialect} {document:.80}: {}", answer.body);
            accepted += usize::from(answer.status < 300);
        }
    }
    world.work().await;
    let stored = world.store.submissions(world.organization, None, 10_000).await.unwrap().data;
    assert_eq!(stored.len(), accepted, "everything accepted has an outcome");
    assert!(stored.iter().all(|one| one.outcome.is_some_and(|outcome| outcome.as_str() != "quarantined")));
    world.end().await;
}

#[tokio::test]
async fn a_malformed_form_is_read_or_refused() {
    let config = leadgate_gateway::GatewayConfig {
        reply_timeout: std::time::Duration::from_millis(1),
        ..crate::world::config()
    };
    let world = World::with(config).await;
    let many: String = (0..10_000).map(|n| format!("f{n}=x&")).collect();
    let long = format!("email=a%40example.com&note={}", "x".repeat(70_000));
    let forms: [(&str, &[u16]); 14] = [
        ("email=a%2Bb%40example.com&name=Ann+Lee", &[200]),
        ("email=a@example.com&note=100%", &[200, 400]),
        ("email=a@example.com&note=%zz", &[200, 400]),
        ("email=a@example.com&note=%00", &[400]),
        ("email=a@example.com&note=%ff%fe", &[200]),
        ("email=a@example.com&phone=1&phone=2", &[200]),
        ("email=a@example.com&phone[]=%2B14155550132", &[200]),
        ("email=a@example.com&a[b][c]=1", &[200]),
        ("email=a@example.com&a[b[c]]]=1&[]=2&=3", &[200, 400]),
        (&many, &[400]),
        (&long, &[400, 413]),
        ("", &[400]),
        ("&&&", &[400]),
        ("%F0%9F%98%80=%F0%9F%98%80", &[200]),
    ];
    let intake_paths = intake_paths(&world).await;
    let (_, path, _) =
        intake_paths.iter().find(|(dialect, ..)| *dialect == Dialect::FiveHundredLeads).unwrap();
    for (form, expected) in forms {
        let request =
            world.client.post(world.url(path)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = send(request.body(form.to_owned())).await;
        assert!(expected.contains(&answer.status), "{form:.80}: {} {}", answer.status, answer.body);
    }
    for (media, body) in [
        ("multipart/form-data", "--x\r\n\r\n--x--"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na@b.com",
        ),
        ("multipart/form-data; boundary=x", "nothing of the kind"),
        ("application/x-www-form-urlencoded; charset=utf-16", "email=a@b.com"),
        ("text/plain", "email=a@b.com"),
    ] {
        let answer = send(world.client.post(world.url(path)).header(CONTENT_TYPE, media).body(body)).await;
        assert!((400..500).contains(&answer.status), "{media}: {} {}", answer.status, answer.body);
    }
    world.work().await;
    let encoded: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("email", "last@example.com").finish();
    let request =
        world.client.post(world.url(path)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(send(request.body(encoded)).await.status, 200, "the worker still runs");
    world.work().await;
    world.end().await;
}
