//! Suppression lists from files, beside a running server.

use leadgate_testkit::servers::shared;
use serde_json::{Value, json};

use crate::world::{Shape, World, exit, say, try_run, until};

/// Phones, emails, domains and digests in one file, good and bad.
const FILE: &str = "\u{feff}Phone Number;E-Mail;domain;email_sha256;reason;expires_at
(415) 555-0132;;;;asked by phone;
;;example.org;;;
;;;8e7f32ab8b2a2ad5e4c7ab0d3f5bd9bd0f0d90c5a4a8f1f8c49ed37d6f1dd3f5;;2100-01-01
12;;;;;
;;;;;
;ann@;;;;
;cid@example.net;;;;2001-01-01
415-555-0132;dan@example.net;;;;
415-555-0134 (do not call);;;;;
+1 415 555 0135 wrong number;;;;;
";

async fn a_file_is_imported_row_by_row(shape: Shape) {
    let world = World::start(shape, "suppressing").await;
    let ann = lead(&world, "+14155550132", "ann@example.com").await;
    let bob = lead(&world, "+14155550133", "bob@mail.example.org").await;
    for id in [&ann, &bob] {
        assert_eq!(reasons(&world, id).await, json!([]));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.csv");
    std::fs::write(&file, FILE).unwrap();
    let file = file.to_str().unwrap();
    let import =
        ["suppression", "import", file, "--organization", "acme", "--region", "US", "--list", "spring"];
    let (code, told) = exit(world.environment(), &import).await;
    assert_eq!((code, &told["columns_left_out"]), (2, &json!([])), "some rows are refused");
    let counts = |told: &Value| {
        ["rows", "added", "extended", "kept", "refused"].map(|name| told[name].as_u64().unwrap())
    };
    assert_eq!(counts(&told), [10, 6, 0, 1, 4]);
    let results = std::fs::read_to_string(told["results"].as_str().unwrap()).unwrap();
    let rows: Vec<_> = results.lines().collect();
    assert_eq!(
        rows,
        [
            "row,result,kind,detail",
            "2,added,phone,",
            "3,added,domain,",
            "4,added,email,",
            "5,refused,,`phone`: no numbering plan has this number",
            "6,refused,,it has neither phone nor email nor domain",
            "7,refused,,`email`: the email is not an address",
            "8,refused,,`expires_at` lies in the past",
            "9,kept,phone,",
            "9,added,email,",
            "10,added,phone,",
            "11,added,phone,",
        ]
    );
    assert_eq!(reasons(&world, &ann).await, json!(["suppressed_phone"]));
    assert_eq!(reasons(&world, &bob).await, json!(["suppressed_domain"]));

    let found =
        world.cli(&["suppression", "find", "--organization", "acme", "--phone", "+14155550132"]).await;
    assert_eq!((&found[0]["list"], &found[0]["reason"]), (&json!("spring"), &json!("asked by phone")));
    let (_, again) = exit(world.environment(), &import).await;
    assert_eq!(counts(&again), [10, 0, 0, 7, 4]);
    let removed = ["suppression", "remove", "--organization", "acme", "--domain", "example.org"];
    assert_eq!(world.cli(&removed).await, json!({ "removed": 1 }));
    assert_eq!(reasons(&world, &bob).await, json!([]));
    let listed = world.cli(&["suppression", "list", "--organization", "acme"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 5);

    let digest = "8e7f32ab8b2a2ad5e4c7ab0d3f5bd9bd0f0d90c5a4a8f1f8c49ed37d6f1dd3f5";
    let removed = ["suppression", "remove", "--organization", "acme", "--email-sha256", digest];
    assert_eq!(world.cli(&removed).await, json!({ "removed": 1 }));
    let listed = world.cli(&["suppression", "list", "--organization", "acme"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 4);
}

async fn lead(world: &World, phone: &str, email: &str) -> String {
    let consent = json!({
        "consent_timestamp": "2026-01-01T00:00:00Z", "consent_text_version": "v1",
        "source_url": "https://example.com/form",
    });
    let body = json!({ "phone": phone, "email": email, "consent": consent });
    let answer: Value = world.post(body.to_string()).await.json().await.unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

async fn reasons(world: &World, id: &str) -> Value {
    until("the lead", || async {
        let (_, shown) = world.get(&format!("/v1/leads/{id}")).await;
        (shown["status"] != "queued").then(|| shown["reasons"].clone())
    })
    .await
}

#[tokio::test]
async fn embedded() {
    a_file_is_imported_row_by_row(Shape::Embedded).await;
}

#[tokio::test]
async fn production() {
    a_file_is_imported_row_by_row(Shape::Production).await;
}

#[tokio::test]
async fn a_file_that_names_nobody_is_refused_whole() {
    let world = World::start(Shape::Embedded, "suppressing").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.csv");
    std::fs::write(&file, "colour,size\nred,5\n").unwrap();
    let file = file.to_str().unwrap();
    let import = ["suppression", "import", file, "--organization", "acme"];
    let (ok, problem) = try_run(world.environment(), &import).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("names none of the columns"), "{problem}");
    std::fs::write(file, "415 555 0132\n+44 20 7946 0958\n").unwrap();
    let told = world
        .cli(&["suppression", "import", file, "--organization", "acme", "--kind", "phone", "--region", "US"])
        .await;
    assert_eq!((&told["rows"], &told["added"]), (&json!(2), &json!(2)));
}

/// A contact list as spreadsheets write it, with several columns of phones and emails.
const CONTACTS: &str = "Name;Mobile Phone;Phone 2;Work Email;Email Address 2;Reason
Jörg Ärzte;(415) 555-0132;(415) 555-0133;jörg@example.com;joerg@example.org;wünscht keine Anrufe
Zoë;;415 555 0134;;;
";

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
}

/// Every letter of [`CONTACTS`] has the same number in windows-1252 as in Unicode.
fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}

#[tokio::test]
async fn a_file_is_imported_in_its_encoding_with_all_of_its_phones_and_emails() {
    let world = World::start(Shape::Embedded, "encodings").await;
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("UTF-8", CONTACTS.as_bytes().to_vec()),
        ("windows-1252", windows_1252(CONTACTS)),
        ("UTF-16LE", utf_16(CONTACTS, u16::to_le_bytes)),
        ("UTF-16BE", utf_16(CONTACTS, u16::to_be_bytes)),
    ];
    for (encoding, bytes) in files {
        let file = folder.path().join(encoding);
        std::fs::write(&file, bytes).unwrap();
        let file = file.to_str().unwrap();
        let import =
            ["suppression", "import", file, "--organization", "acme", "--region", "US", "--list", encoding];
        let (code, told) = exit(world.environment(), &import).await;
        assert_eq!((code, &told["added"], &told["refused"]), (0, &json!(5), &json!(0)), "{told}");
        assert_eq!((&told["encoding"], &told["columns_left_out"]), (&json!(encoding), &json!(["Name"])));
        let (_, complaints) = say(world.environment(), &import).await;
        assert!(complaints.contains("columns left out: Name"), "{complaints}");
    }
    for (kind, value) in [
        ("--phone", "+14155550132"),
        ("--phone", "+14155550133"),
        ("--phone", "+14155550134"),
        ("--email", "jörg@example.com"),
        ("--email", "joerg@example.org"),
    ] {
        let found = world.cli(&["suppression", "find", "--organization", "acme", kind, value]).await;
        let found = found.as_array().unwrap();
        assert_eq!(found.len(), 4, "one entry for each file: {found:?}");
        let reasons: Vec<_> = found.iter().map(|entry| &entry["reason"]).collect();
        let expected = if value.ends_with('4') { Value::Null } else { json!("wünscht keine Anrufe") };
        assert_eq!(reasons, [&expected; 4]);
    }
}

/// Good rows are imported; people and scripts learn of the others.
#[tokio::test]
async fn a_file_with_refused_rows_exits_with_2() {
    let world = World::start(Shape::Embedded, "refused").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.csv");
    std::fs::write(&file, "phone\n+14155550132\n12\n").unwrap();
    let file = file.to_str().unwrap();
    let import = ["suppression", "import", file, "--organization", "acme"];
    let (code, told) = exit(world.environment(), &import).await;
    assert_eq!((code, &told["added"], &told["refused"]), (2, &json!(1), &json!(1)), "{told}");
    let (answer, complaints) = say(world.environment(), &import).await;
    assert!(answer.contains("1 already listed, 1 refused"), "{answer}");
    assert!(complaints.contains("1 rows or values of the file were refused"), "{complaints}");
    std::fs::write(file, "phone\n+14155550132\n").unwrap();
    assert_eq!(exit(world.environment(), &import).await.0, 0);
}

/// Locks the suppression lists against writes from another session.
async fn lock_lists(url: &str, seconds: u32) -> tokio::task::JoinHandle<()> {
    let postgres = shared().postgres().await.unwrap();
    let lock =
        format!("BEGIN; LOCK TABLE suppressions IN EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT");
    let of = url.to_owned();
    let locked = tokio::spawn(async move { drop(postgres.sql(&of, &lock).await) });
    let held =
        "SELECT count(*) FROM pg_locks WHERE relation = 'suppressions'::regclass AND mode = 'ExclusiveLock'
                AND granted";
    until("the lock", || async { (postgres.sql(url, held).await.unwrap().trim() != "0").then_some(()) })
        .await;
    locked
}

#[tokio::test]
async fn an_import_outlasts_a_lock_and_takes_none_for_what_is_in() {
    let world = World::start(Shape::Production, "importing").await;
    let url = world.environment().iter().find(|(name, _)| name == "LEADGATE_STORE_URL").unwrap().1.clone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.csv");
    let rows: String = (0..2_500).map(|n| format!("+1415555{n:04}\n")).collect();
    std::fs::write(&file, rows).unwrap();
    let file = file.to_str().unwrap();
    let import = ["suppression", "import", file, "--organization", "acme", "--kind", "phone"];
    // A statement gives up after two seconds.
    let lock = lock_lists(&url, 4).await;
    assert_eq!(world.cli(&import).await["added"], 2_500);
    lock.await.unwrap();

    let lock = lock_lists(&url, 600).await;
    assert_eq!(world.cli(&import).await["kept"], 2_500);
    assert!(!lock.is_finished());
    shared().postgres().await.unwrap().terminate_backends(&url).await.unwrap();
    lock.await.unwrap();
}
