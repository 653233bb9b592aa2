//! Scorings are changed while programs run.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::world::{Shape, World, run_as_text, try_run, until};

/// Runs `leadgate score …` for the organization of the test.
struct Scores {
    world: World,
    folder: tempfile::TempDir,
    phones: AtomicUsize,
}

impl Scores {
    async fn start(shape: Shape) -> Self {
        let world = World::start(shape, "scores").await;
        Self { world, folder: tempfile::tempdir().unwrap(), phones: AtomicUsize::new(100) }
    }

    fn arguments<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
        [&["score"], arguments, &["--organization", "acme"]].concat()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        self.world.cli(&Self::arguments(arguments)).await
    }

    async fn text(&self, arguments: &[&str]) -> String {
        run_as_text(self.world.environment(), &Self::arguments(arguments)).await.0
    }

    async fn run_and_expect_error(&self, arguments: &[&str]) -> String {
        let (ok, problem) = try_run(self.world.environment(), &Self::arguments(arguments)).await;
        assert!(!ok, "{problem}");
        problem["error"].as_str().unwrap().to_owned()
    }

    fn file(&self, text: &str) -> String {
        let file = self.folder.path().join("scoring.toml");
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Posts a lead that has only a new phone, and returns the score in its trace.
    async fn post_and_read_score(&self) -> Value {
        let phone = format!("+1415555{:04}", self.phones.fetch_add(1, Ordering::Relaxed));
        let body = json!({ "phone": phone }).to_string();
        let posted: Value = self.world.post(body).await.json().await.unwrap();
        let id = posted["id"].as_str().unwrap().to_owned();
        until("the lead's score", || async {
            let (_, record) = self.world.get(&format!("/v1/submissions/{id}")).await;
            record["trace"]["score"].is_object().then(|| record["trace"]["score"].clone())
        })
        .await
    }
}

async fn a_scoring_is_changed_while_programs_run(shape: Shape) {
    let scores = Scores::start(shape).await;
    let before = scores.post_and_read_score().await;
    assert_eq!((&before["score"], &before["scoring_version"]), (&json!(25), &json!(0)));

    // The printed scoring can be edited and set. The standard scoring has comments for its editors.
    let standard = scores.text(&["show"]).await;
    assert!(standard.starts_with("# Leadgate's standard scoring"), "{standard}");
    assert_eq!(scores.json(&["set", &scores.file(&standard)]).await, json!({ "version": 1 }));
    let shown = scores.json(&["show"]).await;
    assert_eq!(shown["scoring"], scores.json(&["show", "--version", "0"]).await["scoring"]);
    let written = scores.text(&["show"]).await;
    let edited = written.replace("\"phone_valid\"\npoints = 25", "\"phone_valid\"\npoints = 55");
    assert_ne!(edited, written);

    let file = scores.file(&edited);
    let preview = scores.json(&["preview", "--file", &file]).await;
    assert_eq!(preview["leads"][0]["now"], json!({ "score": 25, "temperature": "cold" }));
    assert_eq!((&preview["leads"][0]["then"]["score"], &preview["then"]["warm"]), (&json!(55), &json!(1)));
    let table = scores.text(&["preview", "--file", &file]).await;
    assert!(table.contains("25 cold  55 warm  phone_valid +30"), "{table}");

    assert_eq!(scores.json(&["set", &file]).await, json!({ "version": 2 }));
    let after = until("the new scoring", || async {
        let score = scores.post_and_read_score().await;
        (score["scoring_version"] == 2).then_some(score)
    })
    .await;
    assert_eq!((&after["score"], &after["temperature"]), (&json!(55), &json!("warm")));

    let error = scores
        .run_and_expect_error(&["set", &scores.file(&edited.replace("\"mobile\"", "\"moblie\""))])
        .await;
    assert!(
        error.contains("rule 2 `phone_mobile`: `phone.kind`, one_of: \"moblie\" is unknown; expected one of"),
        "{error}"
    );
    assert_eq!(scores.json(&["reset"]).await, json!({ "version": 0 }));
    let history = scores.json(&["history"]).await;
    let versions =
        history.as_array().unwrap().iter().map(|version| (&version["version"], &version["active"]));
    assert_eq!(versions.collect::<Vec<_>>(), [(&json!(1), &json!(false)), (&json!(2), &json!(false))]);
    assert_eq!(scores.json(&["show", "--version", "2"]).await["scoring"]["rules"][0]["points"], 55);
}

#[tokio::test]
async fn a_scoring_is_changed_while_programs_run_embedded() {
    a_scoring_is_changed_while_programs_run(Shape::Embedded).await;
}

#[tokio::test]
async fn a_scoring_is_changed_while_programs_run_distributed() {
    a_scoring_is_changed_while_programs_run(Shape::Distributed).await;
}
