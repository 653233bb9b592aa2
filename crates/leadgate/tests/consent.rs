//! `leadgate consent`: an export is verified, and every change of it is detected.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
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

/// An embedded installation without a server. One organization has five consents, another one has one.
struct Installation {
    folder: tempfile::TempDir,
    secret: &'static str,
    submissions: Vec<Submission>,
    store: Store,
}

impl Installation {
    async fn start(secret: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store =
            Store::open(&StoreConfig::api(url).with_secret(&RootSecret::new(secret, None).unwrap())).unwrap();
        store.migrate().await.unwrap();
        let installation = Self { folder, secret, submissions: Vec::new(), store };
        let submissions = installation.commit("acme", 5).await;
        installation.commit("other", 1).await;
        Self { submissions, ..installation }
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
        let submission = |n: usize| {
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
        let submissions: Vec<_> = (0..count).map(submission).collect();
        let batch: Vec<_> = submissions
            .iter()
            .map(|submission| {
                pipeline.normalize(
                    submission.clone(),
                    Some(Arc::new(source.clone())),
                    ActiveScoring::standard(),
                )
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

    fn export_to_file(&self, name: &str) -> Vec<u8> {
        let (ok, printed) = self.cli(&["export", "--organization", "acme", "--out", name]);
        assert!(ok, "{printed}");
        std::fs::read(self.path(name)).unwrap()
    }

    /// The error of `consent verify` for these bytes, or `None` if they are verified.
    fn verification_error(&self, bytes: &[u8], arguments: &[&str]) -> Option<String> {
        std::fs::write(self.path("given"), bytes).unwrap();
        let (ok, printed) = self.cli(&[&["verify", "given"], arguments].concat());
        let printed: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(ok, printed["verified"] == true, "{printed}");
        (!ok).then(|| printed["error"].as_str().unwrap().to_owned())
    }

    fn public_key(&self) -> String {
        let printed: Value = serde_json::from_str(&self.cli(&["public-key"]).1).unwrap();
        printed["public_key"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_export_contains_the_selected_consents_and_is_verified() {
    use std::os::unix::fs::PermissionsExt;
    let installation = Installation::start(SECRET).await;
    let exported_bytes = installation.export_to_file("all.ndjson");
    assert_eq!(installation.verification_error(&exported_bytes, &[]), None);
    assert_eq!(
        std::fs::metadata(installation.path("all.ndjson")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let (ok, second_export) = installation.cli(&["export", "--organization", "acme", "--out", "all.ndjson"]);
    assert!(!ok && second_export.contains("exists"), "{second_export}");

    let lines = installation.export(&[]);
    let [header, rows @ .., signature] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&header["format"], &header["version"]), (&json!("leadgate consent export"), &json!(1)));
    assert_eq!((&header["organization"]["name"], &header["requested"]), (&json!("acme"), &json!({})));
    let ids = |rows: &[Value]| rows.iter().map(|row| row["submission"].clone()).collect::<Vec<_>>();
    let expected: Vec<_> = installation.submissions.iter().map(|submission| json!(submission.id)).collect();
    assert_eq!((ids(rows), &signature["rows"]), (expected.clone(), &json!(5)));
    assert_eq!(rows[0]["page_url"], "https://acme.example/quote");
    assert!(rows[0]["person"].as_str().unwrap().contains("+14155550130"));

    let lead = installation.submissions[0].id.to_string();
    let of_lead = installation.export(&["--lead", &lead]);
    assert_eq!(ids(&of_lead[1..of_lead.len() - 1]), [expected[0].clone(), expected[4].clone()]);
    let submission = installation.export(&["--submission", &installation.submissions[3].id.to_string()]);
    assert_eq!(ids(&submission[1..2]), expected[3..4]);
    let some = installation.export(&["--from", "2026-03-02", "--to", "2026-03-04T12:00:00Z"]);
    assert_eq!((ids(&some[1..3]), some.len()), (expected[1..3].to_vec(), 4));
    let none = installation.export(&["--from", "2027-01-01"]);
    assert_eq!((none.len(), &none[1]["rows"]), (2, &json!(0)));
    let (ok, both) =
        installation.cli(&["export", "--organization", "acme", "--lead", &lead, "--from", "2026-01-01"]);
    assert!(!ok, "{both}");
}

#[tokio::test]
async fn an_export_is_verified_without_people_and_after_an_erasure() {
    let installation = Installation::start(SECRET).await;
    let without = installation.export(&["--without-people"]);
    let row = &without[1];
    assert_eq!((row.get("person"), row.get("salt"), &without[0]["people"]), (None, None, &json!(false)));
    assert!(row["digest"].is_string());
    let erased_submission = installation.submissions[0].id;
    let owner = installation.submissions[0].organization;
    assert_eq!(installation.store.forget_people(owner, &[erased_submission]).await.unwrap(), 1);
    let with = installation.export(&[]);
    assert_eq!((with[1].get("person"), &with[1]["digest"]), (None, &row["digest"]));
    assert!(with[1]["salt"].is_string() && with[2]["person"].is_string());

    std::fs::write(installation.path("given"), installation.export_to_file("all.ndjson")).unwrap();
    let printed: Value = serde_json::from_str(&installation.cli(&["verify", "given"]).1).unwrap();
    assert_eq!((&printed["rows"], &printed["people"]), (&json!(5), &json!(4)));
}

/// Changes some bytes of each line and all bytes of the signature. Each change needs a process, so not all
/// are tested.
#[tokio::test]
async fn a_changed_byte_is_detected() {
    let installation = Installation::start(SECRET).await;
    let exported_bytes = installation.export_to_file("all.ndjson");
    let signature =
        exported_bytes[..exported_bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let positions = (0..signature).step_by(97).chain(signature..exported_bytes.len());
    for position in positions {
        let mut changed = exported_bytes.clone();
        changed[position] ^= 1;
        assert!(installation.verification_error(&changed, &[]).is_some(), "byte {position}");
    }
    let text = String::from_utf8(exported_bytes).unwrap();
    for (from, to, why) in [
        ("+14155550131", "+14155550139", "line 3: the person does not match the digest"),
        ("\"v1\"", "\"v2\"", "does not match the signed hash"),
        ("\"rows\":5", "\"rows\":6", "6 rows were signed and 5 are there"),
        ("\"version\":1", "\"version\":2", "version 2"),
        ("leadgate consent export", "something else", "line 1 is not the header"),
        ("{\"algorithm\"", "{ \"algorithm\"", "was reformatted"),
    ] {
        let verification_error =
            installation.verification_error(text.replacen(from, to, 1).as_bytes(), &[]).unwrap();
        assert!(
            verification_error.contains(why) && !verification_error.contains("+1415"),
            "{verification_error}"
        );
    }
}

#[tokio::test]
async fn missing_added_and_moved_lines_are_detected() {
    let installation = Installation::start(SECRET).await;
    let text = String::from_utf8(installation.export_to_file("all.ndjson")).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for missing in 0..lines.len() {
        let mut remaining = lines.clone();
        remaining.remove(missing);
        let verification_error = installation.verification_error(remaining.concat().as_bytes(), &[]).unwrap();
        let why = if missing == lines.len() - 1 { "cut off" } else { "5 rows were signed and 4 are there" };
        assert!(verification_error.contains(why), "{missing}: {verification_error}");
    }
    let mut reordered = lines.clone();
    reordered.swap(1, 2);
    assert!(
        installation
            .verification_error(reordered.concat().as_bytes(), &[])
            .unwrap()
            .contains("does not match the signed hash")
    );
    let repeated = [lines[..2].concat(), lines[1..].concat()].concat();
    assert!(installation.verification_error(repeated.as_bytes(), &[]).unwrap().contains("6 are there"));
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        assert!(
            installation.verification_error(&text.as_bytes()[..cut], &[]).unwrap().contains("cut off"),
            "{cut}"
        );
    }
    assert!(
        installation.verification_error(format!("{text}\n").as_bytes(), &[]).unwrap().contains("cut off")
    );
    assert!(installation.verification_error(format!("{text}{text}").as_bytes(), &[]).is_some());
}

#[tokio::test]
async fn an_export_of_another_installation_is_refused() {
    let ours = Installation::start(SECRET).await;
    let theirs = Installation::start("the secret of another installation, long enough").await;
    let exported_bytes = ours.export_to_file("all.ndjson");
    let verification_error = theirs.verification_error(&exported_bytes, &[]).unwrap();
    assert!(
        verification_error.contains("another installation")
            && verification_error.contains(&ours.public_key()),
        "{verification_error}"
    );
    assert_eq!(theirs.verification_error(&exported_bytes, &["--public-key", &ours.public_key()]), None);
    assert!(ours.verification_error(&exported_bytes, &["--public-key", &theirs.public_key()]).is_some());

    // The signature of another export on our bytes, and our signature with another public key.
    let text = String::from_utf8(exported_bytes).unwrap();
    let other = String::from_utf8(theirs.export_to_file("all.ndjson")).unwrap();
    let (body, signature) = text.trim_end().rsplit_once('\n').unwrap();
    let foreign = other.trim_end().rsplit_once('\n').unwrap().1;
    assert!(ours.verification_error(format!("{body}\n{foreign}\n").as_bytes(), &[]).is_some());
    let renamed = signature.replace(&ours.public_key(), &theirs.public_key());
    let verification_error =
        theirs.verification_error(format!("{body}\n{renamed}\n").as_bytes(), &[]).unwrap();
    assert!(verification_error.contains("signature does not match"), "{verification_error}");
}

#[tokio::test]
async fn verification_with_a_public_key_needs_no_installation() {
    let installation = Installation::start(SECRET).await;
    installation.export_to_file("all.ndjson");
    let other_folder = tempfile::tempdir().unwrap();
    let verify = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
        command.args(["consent", "verify"]).arg(installation.path("all.ndjson")).args(arguments);
        let command = command.current_dir(other_folder.path()).env_remove("LEADGATE_SECRET");
        let output = command.env("LEADGATE_DATA", other_folder.path().join("none")).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, printed, _) = verify(&["--public-key", &installation.public_key()]);
    assert!(code == Some(0) && printed.contains("complete and unchanged"), "{printed}");
    let (code, _, why) = verify(&[]);
    assert!(code == Some(2) && why.contains("--public-key"), "{why}");
    let (code, _, _) = verify(&["--public-key", "AAAA"]);
    assert_ne!(code, Some(0));
    assert_eq!(std::fs::read_dir(other_folder.path()).unwrap().count(), 0, "no file was created");
    assert_eq!(STANDARD.decode(installation.public_key()).unwrap().len(), 32);
}

#[tokio::test]
async fn the_previous_secret_still_verifies() {
    let installation = Installation::start(SECRET).await;
    let exported_bytes = installation.export_to_file("all.ndjson");
    std::fs::write(installation.path("given"), &exported_bytes).unwrap();
    let verify = |previous: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
        command.args(["consent", "verify", "given"]).current_dir(installation.folder.path());
        command
            .env("LEADGATE_DATA", installation.folder.path())
            .env("LEADGATE_SECRET", "a newer secret, as long as it has to be");
        previous.map(|previous| command.env("LEADGATE_SECRET_PREVIOUS", previous));
        command.status().unwrap().success()
    };
    assert!(verify(Some(SECRET)));
    assert!(!verify(None));
}
