//! Import of suppression lists from files while a server runs.

use leadgate_testkit::servers::shared;
use serde_json::{Value, json};

use crate::world::{Shape, World, run_as_text, run_with_exit_code, try_run, until};

/// Valid and invalid phones, emails, domains and digests in one file.
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

async fn a_suppression_list_is_imported(shape: Shape) {
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
    let (code, result) = run_with_exit_code(world.environment(), &import).await;
    assert_eq!((code, &result["ignored_columns"]), (2, &json!([])), "some rows are refused");
    let counts = |result: &Value| {
        ["rows", "added", "extended", "already_listed", "refused"].map(|name| result[name].as_u64().unwrap())
    };
    assert_eq!(counts(&result), [10, 6, 0, 1, 4]);
    let results = std::fs::read_to_string(result["results"].as_str().unwrap()).unwrap();
    let rows: Vec<_> = results.lines().collect();
    assert_eq!(
        rows,
        [
            "row,result,kind,detail",
            "2,added,phone,",
            "3,added,domain,",
            "4,added,email,",
            "5,refused,,`phone`: the phone is not valid in any numbering plan",
            "6,refused,,the row has neither a phone nor an email nor a domain",
            "7,refused,,`email`: the email is not an email address (expected name@domain)",
            "8,refused,,`expires_at` is in the past",
            "9,already_listed,phone,",
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
    let (_, again) = run_with_exit_code(world.environment(), &import).await;
    assert_eq!(counts(&again), [10, 0, 0, 7, 4]);
    let remove = ["suppression", "remove", "--organization", "acme", "--domain", "example.org"];
    assert_eq!(world.cli(&remove).await, json!({ "removed": 1 }));
    assert_eq!(reasons(&world, &bob).await, json!([]));
    let listed = world.cli(&["suppression", "list", "--organization", "acme"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 5);

    let digest = "8e7f32ab8b2a2ad5e4c7ab0d3f5bd9bd0f0d90c5a4a8f1f8c49ed37d6f1dd3f5";
    let remove = ["suppression", "remove", "--organization", "acme", "--email-sha256", digest];
    assert_eq!(world.cli(&remove).await, json!({ "removed": 1 }));
    let listed = world.cli(&["suppression", "list", "--organization", "acme"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 4);
}

async fn lead(world: &World, phone: &str, email: &str) -> String {
    let consent = json!({
        "consent_timestamp": "2026-01-01T00:00:00Z", "consent_text_version": "v1",
        "source_url": "https://example.com/form",
    });
    let body = json!({ "phone": phone, "email": email, "consent": consent });
    let stdout: Value = world.post(body.to_string()).await.json().await.unwrap();
    stdout["id"].as_str().unwrap().to_owned()
}

async fn reasons(world: &World, id: &str) -> Value {
    until("the lead", || async {
        let (_, shown) = world.get(&format!("/v1/leads/{id}")).await;
        (shown["status"] != "queued").then(|| shown["reasons"].clone())
    })
    .await
}

#[tokio::test]
async fn a_suppression_list_is_imported_embedded() {
    a_suppression_list_is_imported(Shape::Embedded).await;
}

#[tokio::test]
async fn a_suppression_list_is_imported_distributed() {
    a_suppression_list_is_imported(Shape::Distributed).await;
}

#[tokio::test]
async fn a_file_without_known_columns_is_refused() {
    let world = World::start(Shape::Embedded, "suppressing").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.csv");
    std::fs::write(&file, "colour,size\nred,5\n").unwrap();
    let file = file.to_str().unwrap();
    let import = ["suppression", "import", file, "--organization", "acme"];
    let (ok, problem) = try_run(world.environment(), &import).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("names none of the columns"), "{problem}");
    std::fs::write(file, "415 555 0132\n+44 20 7946 0958\n").unwrap();
    let result = world
        .cli(&["suppression", "import", file, "--organization", "acme", "--kind", "phone", "--region", "US"])
        .await;
    assert_eq!((&result["rows"], &result["added"]), (&json!(2), &json!(2)));
}

/// A contact list as spreadsheets export it, with several columns of phones and emails.
const CONTACTS: &str = "Name;Mobile Phone;Phone 2;Work Email;Email Address 2;Reason
Jörg Ärzte;(415) 555-0132;(415) 555-0133;jörg@example.com;joerg@example.org;wünscht keine Anrufe
Zoë;;415 555 0134;;;
";

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
}

/// All characters of [`CONTACTS`] have the same number in windows-1252 and in Unicode.
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
        let (code, result) = run_with_exit_code(world.environment(), &import).await;
        assert_eq!((code, &result["added"], &result["refused"]), (0, &json!(5), &json!(0)), "{result}");
        assert_eq!((&result["encoding"], &result["ignored_columns"]), (&json!(encoding), &json!(["Name"])));
        let (_, stderr) = run_as_text(world.environment(), &import).await;
        assert!(stderr.contains("columns left out: Name"), "{stderr}");
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

/// Valid rows are imported. The exit code and standard error report the refused ones.
#[tokio::test]
async fn an_import_with_refused_rows_exits_with_2() {
    let world = World::start(Shape::Embedded, "refused").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.csv");
    std::fs::write(&file, "phone\n+14155550132\n12\n").unwrap();
    let file = file.to_str().unwrap();
    let import = ["suppression", "import", file, "--organization", "acme"];
    let (code, result) = run_with_exit_code(world.environment(), &import).await;
    assert_eq!((code, &result["added"], &result["refused"]), (2, &json!(1), &json!(1)), "{result}");
    let (stdout, stderr) = run_as_text(world.environment(), &import).await;
    assert!(stdout.contains("1 already listed, 1 refused"), "{stdout}");
    assert!(stderr.contains("1 rows or values of the file were refused"), "{stderr}");
    std::fs::write(file, "phone\n+14155550132\n").unwrap();
    assert_eq!(run_with_exit_code(world.environment(), &import).await.0, 0);
}

/// Locks the table `suppressions` against writes, in a separate session.
async fn lock_suppressions(url: &str, seconds: u32) -> tokio::task::JoinHandle<()> {
    let postgres = shared().postgres().await.unwrap();
    let lock =
        format!("BEGIN; LOCK TABLE suppressions IN EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT");
    let database_url = url.to_owned();
    let locked = tokio::spawn(async move { drop(postgres.sql(&database_url, &lock).await) });
    let is_locked =
        "SELECT count(*) FROM pg_locks WHERE relation = 'suppressions'::regclass AND mode = 'ExclusiveLock'
                AND granted";
    until("the lock", || async { (postgres.sql(url, is_locked).await.unwrap().trim() != "0").then_some(()) })
        .await;
    locked
}

#[tokio::test]
async fn an_import_waits_for_a_lock_and_needs_none_for_existing_entries() {
    let world = World::start(Shape::Distributed, "importing").await;
    let url = world.store_url().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.csv");
    let rows: String = (0..2_500).map(|n| format!("+1415555{n:04}\n")).collect();
    std::fs::write(&file, rows).unwrap();
    let file = file.to_str().unwrap();
    let import = ["suppression", "import", file, "--organization", "acme", "--kind", "phone"];
    // A statement has a time limit of two seconds, so the import retries it.
    let lock = lock_suppressions(&url, 4).await;
    assert_eq!(world.cli(&import).await["added"], 2_500);
    lock.await.unwrap();

    let lock = lock_suppressions(&url, 600).await;
    assert_eq!(world.cli(&import).await["already_listed"], 2_500);
    assert!(!lock.is_finished());
    shared().postgres().await.unwrap().terminate_backends(&url).await.unwrap();
    lock.await.unwrap();
}
