//! `leadgate consent`: an export is believed as long as nobody touched it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadgate_domain::id::SubmissionIdGenerator;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{ActiveScoring, Consent, Dialect, Fields, Patch, Submission, Timestamp};
use leadgate_pipeline::Pipeline;
use leadgate_store::{Store, StoreConfig};
use serde_json::{Value, json};

const SECRET: &str = "only a test's secret, but long enough for one";

/// An embedded installation without a server, with five consents of an organization and one of another.
struct World {
    folder: tempfile::TempDir,
    secret: &'static str,
    submissions: Vec<Submission>,
    store: Store,
}

impl World {
    async fn start(secret: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store =
            Store::open(&StoreConfig::api(url).with_secret(&RootSecret::new(secret, None).unwrap())).unwrap();
        store.migrate().await.unwrap();
        let world = Self { folder, secret, submissions: Vec::new(), store };
        let submissions = world.commit("acme", 5).await;
        world.commit("other", 1).await;
        Self { submissions, ..world }
    }

    async fn commit(&self, organization: &str, count: usize) -> Vec<Submission> {
        let owner = self.store.ensure_organization(organization).await.unwrap();
        let source = self
            .store
            .ensure_default_source(owner.id, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
            .await
            .unwrap();
        let pipeline = Arc::new(Pipeline::new(self.store.match_key().await.unwrap()));
        let ids = SubmissionIdGenerator::new(RootSecret::new(self.secret, None).unwrap().ids());
        let one = |n: usize| {
            let consent = Consent {
                consent_timestamp: Some("2026-01-01T00:00:00Z".into()),
                consent_text_version: Some("v1".into()),
                source_url: Some(format!("https://acme.example/quote?n={n}")),
                ..Consent::default()
            };
            let phone = format!("+1415555013{}", n % 4);
            let fields =
                Fields { phone: Patch::Value(phone), consent: Patch::Value(consent), ..Fields::default() };
            let at = Timestamp::parse(&format!("2026-03-0{}T12:00:00Z", n + 1)).unwrap();
            Submission::new(ids.make(owner.id, at), &source, at, fields, b"{}")
        };
        let submissions: Vec<_> = (0..count).map(one).collect();
        let batch: Vec<_> = submissions
            .iter()
            .map(|one| {
                pipeline.normalize(one.clone(), Some(Arc::new(source.clone())), ActiveScoring::standard())
            })
            .collect();
        assert_eq!(self.store.commit(batch, pipeline).await.unwrap().settled.len(), count);
        submissions
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `leadgate --json consent …`: whether it succeeded, and what it printed.
    fn cli(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
        command.args(["--json", "consent"]).args(arguments).current_dir(self.folder.path());
        command.env("LEADGATE_DATA", self.folder.path()).env("LEADGATE_SECRET", self.secret);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    /// The lines of an export to standard output.
    fn export(&self, arguments: &[&str]) -> Vec<Value> {
        let all = [&["export", "--organization", "acme"], arguments].concat();
        let (ok, text) = self.cli(&all);
        assert!(ok && text.ends_with('\n'), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn exported(&self, name: &str) -> Vec<u8> {
        let (ok, told) = self.cli(&["export", "--organization", "acme", "--out", name]);
        assert!(ok, "{told}");
        std::fs::read(self.path(name)).unwrap()
    }

    /// Why these bytes are not believed; `None` if they are.
    fn refusal(&self, bytes: &[u8], arguments: &[&str]) -> Option<String> {
        std::fs::write(self.path("given"), bytes).unwrap();
        let (ok, told) = self.cli(&[&["verify", "given"], arguments].concat());
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(ok, told["verified"] == true, "{told}");
        (!ok).then(|| told["error"].as_str().unwrap().to_owned())
    }

    fn public_key(&self) -> String {
        let told: Value = serde_json::from_str(&self.cli(&["public-key"]).1).unwrap();
        told["public_key"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_export_holds_what_was_asked_for_and_is_believed() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::start(SECRET).await;
    let whole = world.exported("all.ndjson");
    assert_eq!(world.refusal(&whole, &[]), None);
    assert_eq!(std::fs::metadata(world.path("all.ndjson")).unwrap().permissions().mode() & 0o777, 0o600);
    let (ok, again) = world.cli(&["export", "--organization", "acme", "--out", "all.ndjson"]);
    assert!(!ok && again.contains("exists"), "{again}");

    let lines = world.export(&[]);
    let [header, rows @ .., signature] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&header["format"], &header["version"]), (&json!("leadgate consent export"), &json!(1)));
    assert_eq!((&header["organization"]["name"], &header["asked_for"]), (&json!("acme"), &json!({})));
    let ids = |rows: &[Value]| rows.iter().map(|row| row["submission"].clone()).collect::<Vec<_>>();
    let said: Vec<_> = world.submissions.iter().map(|one| json!(one.id)).collect();
    assert_eq!((ids(rows), &signature["rows"]), (said.clone(), &json!(5)));
    assert_eq!(rows[0]["page_url"], "https://acme.example/quote");
    assert!(rows[0]["person"].as_str().unwrap().contains("+14155550130"));

    let lead = world.submissions[0].id.to_string();
    let of_lead = world.export(&["--lead", &lead]);
    assert_eq!(ids(&of_lead[1..of_lead.len() - 1]), [said[0].clone(), said[4].clone()]);
    let one = world.export(&["--submission", &world.submissions[3].id.to_string()]);
    assert_eq!(ids(&one[1..2]), said[3..4]);
    let some = world.export(&["--from", "2026-03-02", "--to", "2026-03-04T12:00:00Z"]);
    assert_eq!((ids(&some[1..3]), some.len()), (said[1..3].to_vec(), 4));
    let none = world.export(&["--from", "2027-01-01"]);
    assert_eq!((none.len(), &none[1]["rows"]), (2, &json!(0)));
    let (ok, both) =
        world.cli(&["export", "--organization", "acme", "--lead", &lead, "--from", "2026-01-01"]);
    assert!(!ok, "{both}");
}

#[tokio::test]
async fn a_person_may_be_left_out_or_forgotten() {
    let world = World::start(SECRET).await;
    let without = world.export(&["--without-people"]);
    let row = &without[1];
    assert_eq!((row.get("person"), row.get("salt"), &without[0]["people"]), (None, None, &json!(false)));
    assert!(row["digest"].is_string());
    let forgotten = world.submissions[0].id;
    let owner = world.submissions[0].organization;
    assert_eq!(world.store.forget_people(owner, &[forgotten]).await.unwrap(), 1);
    let with = world.export(&[]);
    assert_eq!((with[1].get("person"), &with[1]["digest"]), (None, &row["digest"]));
    assert!(with[1]["salt"].is_string() && with[2]["person"].is_string());

    std::fs::write(world.path("given"), world.exported("all.ndjson")).unwrap();
    let told: Value = serde_json::from_str(&world.cli(&["verify", "given"]).1).unwrap();
    assert_eq!((&told["rows"], &told["people"]), (&json!(5), &json!(4)));
}

/// All bytes would take a process each: a few of every line, and every one of the signature.
#[tokio::test]
async fn a_byte_that_was_changed_anywhere_is_noticed() {
    let world = World::start(SECRET).await;
    let whole = world.exported("all.ndjson");
    let signature = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let places = (0..signature).step_by(97).chain(signature..whole.len());
    for place in places {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        assert!(world.refusal(&changed, &[]).is_some(), "byte {place}");
    }
    let text = String::from_utf8(whole).unwrap();
    for (from, to, why) in [
        ("+14155550131", "+14155550139", "line 3: the person is not the one of the digest"),
        ("\"v1\"", "\"v2\"", "not the bytes that were signed"),
        ("\"rows\":5", "\"rows\":6", "6 rows were signed and 5 are there"),
        ("\"version\":1", "\"version\":2", "version 2"),
        ("leadgate consent export", "something else", "line 1 is no header"),
        ("{\"algorithm\"", "{ \"algorithm\"", "not as it was written"),
    ] {
        let refusal = world.refusal(text.replacen(from, to, 1).as_bytes(), &[]).unwrap();
        assert!(refusal.contains(why) && !refusal.contains("+1415"), "{refusal}");
    }
}

#[tokio::test]
async fn lines_that_are_missing_added_or_moved_are_noticed() {
    let world = World::start(SECRET).await;
    let text = String::from_utf8(world.exported("all.ndjson")).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for missing in 0..lines.len() {
        let mut rest = lines.clone();
        rest.remove(missing);
        let refusal = world.refusal(rest.concat().as_bytes(), &[]).unwrap();
        let why = if missing == lines.len() - 1 { "cut off" } else { "5 rows were signed and 4 are there" };
        assert!(refusal.contains(why), "{missing}: {refusal}");
    }
    let mut moved = lines.clone();
    moved.swap(1, 2);
    assert!(world.refusal(moved.concat().as_bytes(), &[]).unwrap().contains("not the bytes"));
    let twice = [lines[..2].concat(), lines[1..].concat()].concat();
    assert!(world.refusal(twice.as_bytes(), &[]).unwrap().contains("6 are there"));
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        assert!(world.refusal(&text.as_bytes()[..cut], &[]).unwrap().contains("cut off"), "{cut}");
    }
    assert!(world.refusal(format!("{text}\n").as_bytes(), &[]).unwrap().contains("cut off"));
    assert!(world.refusal(format!("{text}{text}").as_bytes(), &[]).is_some());
}

#[tokio::test]
async fn another_installation_is_told_apart() {
    let ours = World::start(SECRET).await;
    let theirs = World::start("the secret of somebody else, long enough").await;
    let whole = ours.exported("all.ndjson");
    let refusal = theirs.refusal(&whole, &[]).unwrap();
    assert!(refusal.contains("another installation") && refusal.contains(&ours.public_key()), "{refusal}");
    assert_eq!(theirs.refusal(&whole, &["--public-key", &ours.public_key()]), None);
    assert!(ours.refusal(&whole, &["--public-key", &theirs.public_key()]).is_some());

    // Another installation's signature over our bytes, and our signature with the other's public key.
    let text = String::from_utf8(whole).unwrap();
    let other = String::from_utf8(theirs.exported("all.ndjson")).unwrap();
    let (body, signature) = text.trim_end().rsplit_once('\n').unwrap();
    let foreign = other.trim_end().rsplit_once('\n').unwrap().1;
    assert!(ours.refusal(format!("{body}\n{foreign}\n").as_bytes(), &[]).is_some());
    let renamed = signature.replace(&ours.public_key(), &theirs.public_key());
    let refusal = theirs.refusal(format!("{body}\n{renamed}\n").as_bytes(), &[]).unwrap();
    assert!(refusal.contains("signature does not fit"), "{refusal}");
}

#[tokio::test]
async fn whoever_verifies_needs_no_installation_but_a_key() {
    let world = World::start(SECRET).await;
    world.exported("all.ndjson");
    let elsewhere = tempfile::tempdir().unwrap();
    let verify = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
        command.args(["consent", "verify"]).arg(world.path("all.ndjson")).args(arguments);
        let command = command.current_dir(elsewhere.path()).env_remove("LEADGATE_SECRET");
        let output = command.env("LEADGATE_DATA", elsewhere.path().join("none")).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, told, _) = verify(&["--public-key", &world.public_key()]);
    assert!(code == Some(0) && told.contains("complete and unchanged"), "{told}");
    let (code, _, why) = verify(&[]);
    assert!(code == Some(2) && why.contains("--public-key"), "{why}");
    let (code, _, _) = verify(&["--public-key", "AAAA"]);
    assert_ne!(code, Some(0));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "nothing was made");
    assert_eq!(STANDARD.decode(world.public_key()).unwrap().len(), 32);
}

#[tokio::test]
async fn the_secret_before_still_verifies() {
    let world = World::start(SECRET).await;
    let whole = world.exported("all.ndjson");
    std::fs::write(world.path("given"), &whole).unwrap();
    let verify = |previous: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
        command.args(["consent", "verify", "given"]).current_dir(world.folder.path());
        command
            .env("LEADGATE_DATA", world.folder.path())
            .env("LEADGATE_SECRET", "a newer secret, as long as it has to be");
        previous.map(|previous| command.env("LEADGATE_SECRET_PREVIOUS", previous));
        command.status().unwrap().success()
    };
    assert!(verify(Some(SECRET)));
    assert!(!verify(None));
}
