//! Operations that may take minutes: erasures, reprocessing, imports, exports.

use leadgate_operations::exports::consents as exports;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::administering::ask;
use crate::raw::exchange;
use crate::world::{Answer, World, secret, send};

async fn ours(world: &World, route: &str, body: Value) -> Answer {
    ask(world, &world.key, route, body).await
}

async fn import(world: &World, key: &str, query: &str, list: impl Into<Vec<u8>>) -> Answer {
    let url = world.url(&format!("/v1/suppressions/import{query}"));
    let request = world.client.post(url).bearer_auth(key).header("content-type", "text/csv; charset=utf-8");
    send(request.body(list.into())).await
}

#[tokio::test]
async fn a_person_is_counted_and_erased() {
    let world = World::start().await;
    let ann = world.accepted(&json!({ "phone": "+14155550181", "email": "ann@example.com" })).await;
    let bob = world.accepted(&json!({ "phone": "+14155550182" })).await;
    world.work().await;
    let counted = ours(&world, "POST /v1/erasures", json!({ "leads": [ann], "dry_run": true })).await;
    let expected = json!({
        "dry_run": true, "submissions": 1, "leads": 1, "quarantined": 0, "shared": 0, "unknown_leads": [],
    });
    assert_eq!((counted.status, counted.body), (200, expected.clone()));
    let stranger = world.stranger().await;
    let theirs = ask(&world, &stranger, "POST /v1/erasures", json!({ "leads": [ann] })).await;
    assert_eq!(theirs.problem(), (422, "invalid_settings"));
    let theirs = ask(&world, &stranger, "POST /v1/erasures", json!({ "phones": ["+14155550181"] })).await;
    assert_eq!((theirs.status, &theirs.body["leads"]), (200, &json!(0)));

    let person = json!({ "phones": ["(415) 555-0181"], "phone_country": "US", "reason": "asked by mail" });
    let erased = ours(&world, "POST /v1/erasures", person.clone()).await;
    assert_eq!(
        (erased.status, &erased.body["leads"], &erased.body["dry_run"]),
        (200, &json!(1), &json!(false))
    );
    let again = ours(&world, "POST /v1/erasures", person).await;
    assert_eq!((again.status, &again.body["leads"], &again.body["submissions"]), (200, &json!(0), &json!(0)));
    assert_eq!(send(world.get(&format!("/v1/leads/{bob}"))).await.status, 200);
    let unknown = uuid::Uuid::now_v7();
    for dry_run in [true, false] {
        let partly = json!({ "phones": ["+14155550199"], "leads": [unknown], "dry_run": dry_run });
        let answer = ours(&world, "POST /v1/erasures", partly).await;
        assert_eq!(
            (answer.status, &answer.body["unknown_leads"]),
            (200, &json!([unknown])),
            "{}",
            answer.body
        );
    }

    for (wrong, detail) in [
        (json!({}), "name the person"),
        (json!({ "phones": ["415555018"] }), "phone 1"),
        (json!({ "phones": "+14155550182" }), "`phones` cannot be read"),
        (json!({ "telephone": "+14155550182" }), "cannot be read"),
    ] {
        let refused = ours(&world, "POST /v1/erasures", wrong).await;
        assert_eq!(refused.problem(), (422, "invalid_settings"));
        let sentence = refused.body["detail"].as_str().unwrap();
        assert!(sentence.contains(detail) && !sentence.contains("415555"), "{sentence}");
    }
    world.end().await;
}

#[tokio::test]
async fn leads_are_reprocessed_with_the_current_settings() {
    let world = World::start().await;
    let lead = world.accepted(&json!({ "phone": "+14155550183", "firma": "Acme" })).await;
    world.work().await;
    let mapping = json!({ "rules": [{ "to": "company", "from": ["firma"] }] });
    let set = ours(&world, &format!("PUT /v1/sources/{}/mapping", world.source), mapping).await;
    assert_eq!(set.status, 200, "{}", set.body);
    for (from, changed) in [("1d", 1), ("2020-01-01", 1), ("2100-01-01T00:00:00Z", 0)] {
        let selected = json!({ "from": from, "dry_run": true });
        let read = ours(&world, "POST /v1/reprocess", selected).await;
        assert_eq!((read.status, &read.body["changed"]), (200, &json!(changed)), "{from}: {}", read.body);
    }
    let unread = ours(&world, "POST /v1/reprocess", json!({ "from": "soon" })).await;
    assert_eq!(unread.problem(), (422, "invalid_settings"));
    for since in ["1d", "2020-01-01", "1970-01-01T00:00:00Z"] {
        let read = send(world.get(&format!("/v1/audit?since={since}"))).await;
        assert_eq!(read.status, 200, "{since}: {}", read.body);
    }
    for (dry_run, company) in [(true, Value::Null), (false, json!("Acme"))] {
        let read = ours(&world, "POST /v1/reprocess", json!({ "leads": [lead], "dry_run": dry_run })).await;
        assert_eq!((read.status, &read.body["changed"]), (200, &json!(1)), "{}", read.body);
        assert_eq!(read.body["leads"][0]["changes"]["company"]["after"], "Acme", "{}", read.body);
        assert_eq!(send(world.get(&format!("/v1/leads/{lead}"))).await.body["company"], company);
    }
    let again = ours(&world, "POST /v1/reprocess", json!({ "all": true })).await;
    assert_eq!((again.status, &again.body["unchanged"]), (200, &json!(1)), "{}", again.body);
    let stranger = world.stranger().await;
    let theirs = ask(&world, &stranger, "POST /v1/reprocess", json!({ "leads": [lead] })).await;
    assert_eq!(theirs.problem(), (422, "invalid_settings"));
    let theirs = ask(&world, &stranger, "POST /v1/reprocess", json!({ "source": world.source })).await;
    assert_eq!(theirs.problem(), (404, "not_found"));
    world.end().await;
}

#[tokio::test]
async fn a_list_is_imported_and_its_refused_rows_are_named() {
    let world = World::start().await;
    let lead = world.accepted(&json!({ "phone": "+14155550184" })).await;
    world.work().await;
    let list = "Phone;E-Mail;Farbe\n(415) 555-0184;;rot\n12;;\n;ann@example.com;\n";
    let query = "?list=dnc&reason=bought&expires_at=2100-01-01&phone_country=US";
    for (added, already_listed) in [(2, 0), (0, 2)] {
        let imported = import(&world, &world.key, query, list).await;
        assert_eq!(imported.status, 200, "{}", imported.body);
        let counts =
            ["rows", "added", "already_listed", "refused"].map(|name| imported.body[name].as_u64().unwrap());
        assert_eq!(counts, [3, added, already_listed, 1], "{}", imported.body);
        assert_eq!(imported.body["refused_rows"][0]["row"], 3, "the header is row 1");
        assert_eq!(imported.body["ignored_columns"], json!(["Farbe"]));
    }
    let held = send(world.get(&format!("/v1/leads/{lead}"))).await;
    assert!(held.body["reasons"].to_string().contains("suppressed_phone"), "{}", held.body);
    let digests = "6c5b0f1f4dfb5ed0ab6f0ab5d9a4d2f0d93ee3c2bb76e1d3ea3f2b51bd1dbd3a\n";
    let imported = import(&world, &world.key, "?kind=phone&sha256=true", digests).await;
    assert_eq!((imported.status, &imported.body["added"]), (200, &json!(1)), "{}", imported.body);

    let stranger = world.stranger().await;
    assert_eq!(
        send(world.client.get(world.url("/v1/suppressions")).bearer_auth(&stranger)).await.body["data"],
        json!([])
    );
    for (query, list, status, code) in [
        ("", "colour\nred\n", 422, "invalid_settings"),
        ("?kind=domain&sha256=true", digests, 422, "invalid_settings"),
        ("?sha256=true", list, 400, "invalid_parameter"),
        ("?kind=fax", list, 400, "invalid_parameter"),
        ("?phone_country=ZZ", list, 400, "invalid_parameter"),
    ] {
        assert_eq!(import(&world, &world.key, query, list).await.problem(), (status, code), "{query}");
    }
    for query in ["list=erased", "list=%20", "expires_at=soon", "expires_at=2020-01-01", "reason=a%00b"] {
        let head = format!(
            "POST /v1/suppressions/import?{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: text/csv\r\ncontent-length: 100\r\n\r\n",
            world.key
        );
        let refused = exchange(world.address, head.as_bytes()).await.expect("it waits for no body");
        assert_eq!(refused.problem(), (400, "invalid_parameter"), "{query}");
        assert_eq!(refused.body["errors"][0]["parameter"], query.split('=').next().unwrap());
    }
    let json = ours(&world, "POST /v1/suppressions/import", json!({})).await;
    assert_eq!(json.problem(), (415, "unsupported_media_type"));
    let large = import(&world, &world.key, "", vec![b'\n'; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(large.problem(), (413, "body_too_large"));
    world.end().await;
}

#[tokio::test]
async fn an_organization_has_one_operation_at_a_time() {
    let world = World::start().await;
    let mut slow = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "POST /v1/suppressions/import HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: text/csv\r\ncontent-length: 100\r\n\r\nphone\n",
        world.key
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let person = json!({ "phones": ["+14155550185"] });
    let refused = loop {
        let answer = ours(&world, "POST /v1/erasures", person.clone()).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(refused.problem(), (503, "operation_running"));
    assert_eq!(refused.header("retry-after"), "5");
    let stranger = world.stranger().await;
    assert_eq!(ask(&world, &stranger, "POST /v1/erasures", person.clone()).await.status, 200);
    drop(slow);
    while ours(&world, "POST /v1/erasures", person.clone()).await.status != 200 {}
    world.end().await;
}

#[tokio::test]
async fn evidence_of_consent_is_exported_and_signed() {
    let world = World::start().await;
    let consent = json!({ "consent_timestamp": "2026-01-01T00:00:00Z", "consent_text_version": "v1" });
    let mut last = String::new();
    for number in 0..600 {
        last = world.accepted(&json!({ "phone": format!("+1415555{number:04}"), "consent": consent })).await;
    }
    world.work().await;
    let export = async |key: &str, request: &Value| {
        let post = world.client.post(world.url("/v1/consents/export")).bearer_auth(key).json(request);
        let answer = post.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"application/x-ndjson".parse().unwrap())
        );
        answer.bytes().await.unwrap()
    };
    let trusted = secret().export_signatures().public_keys();
    let key = ours(&world, "GET /v1/consents/public-key", Value::Null).await;
    assert_eq!(key.body, json!({ "public_key": trusted[0] }));
    let stranger = world.stranger().await;
    for (key, request, rows, people) in [
        (&world.key, json!({}), 600, 600),
        (&world.key, json!({ "submission": last }), 1, 1),
        (&world.key, json!({ "submission": last, "without_people": true }), 1, 0),
    ] {
        let exported = export(key, &request).await;
        let verified = exports::verify(&exported[..], &trusted).unwrap();
        assert_eq!(
            (verified.rows, verified.people, &verified.problems[..]),
            (rows, people, &[][..]),
            "{request}"
        );
    }
    for request in [json!({ "submission": last }), json!({ "lead": last })] {
        let theirs = ask(&world, &stranger, "POST /v1/consents/export", request).await;
        assert_eq!(theirs.problem(), (404, "not_found"));
    }
    world.end().await;
}
