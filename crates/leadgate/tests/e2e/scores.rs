//! How leads are scored, changed beside running programs.

use serde_json::{Value, json};

use crate::world::{Shape, World, say, try_run, until};

const OURS: [&str; 2] = ["--organization", "acme"];

/// Posts a lead; its score, temperature and the version by which it was scored.
async fn scored(world: &World, lead: &Value) -> Value {
    let posted: Value = world.post(lead.to_string()).await.json().await.unwrap();
    let id = posted["id"].as_str().unwrap().to_owned();
    let record = until("the lead's score", || async {
        let (_, record) = world.get(&format!("/v1/submissions/{id}")).await;
        (record["trace"]["score"].is_object()).then_some(record)
    })
    .await;
    record["trace"]["score"].clone()
}

async fn scores(shape: Shape) {
    let world = World::start(shape, "scores").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scoring.toml");
    let path = file.to_str().unwrap();
    let ours =
        |arguments: &[&str]| [arguments, &OURS].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let cli = async |arguments: &[&str]| {
        let arguments = ours(arguments);
        world.cli(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let told = async |arguments: &[&str]| {
        let arguments = ours(arguments);
        say(world.environment(), &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };

    // What is printed can be edited and set; comments of the standard one are for who edits it.
    let before = scored(&world, &json!({ "phone": "+14155550101" })).await;
    assert_eq!(
        (&before["score"], &before["temperature"], &before["scoring_version"]),
        (&json!(25), &json!("cold"), &json!(0))
    );
    let (standard, _) = told(&["score", "show"]).await;
    assert!(
        standard.starts_with("# Leadgate's standard scoring") && standard.contains("name = \"phone_valid\"")
    );
    std::fs::write(&file, &standard).unwrap();
    assert_eq!(cli(&["score", "set", path]).await, json!({ "version": 1 }));
    let same = cli(&["score", "show"]).await;
    assert_eq!(same["scoring"], cli(&["score", "show", "--version", "0"]).await["scoring"]);
    let (written, _) = told(&["score", "show"]).await;
    let edited =
        written.replace("name = \"phone_valid\"\npoints = 25", "name = \"phone_valid\"\npoints = 55");
    assert_ne!(edited, written);
    std::fs::write(&file, &edited).unwrap();

    let preview = cli(&["score", "preview", "--file", path]).await;
    assert_eq!(preview["leads"][0]["now"], json!({ "score": 25, "temperature": "cold" }));
    assert_eq!((&preview["leads"][0]["then"]["score"], &preview["then"]["warm"]), (&json!(55), &json!(1)));
    let (table, _) = told(&["score", "preview", "--file", path]).await;
    assert!(
        table.contains("25 cold") && table.contains("55 warm") && table.contains("phone_valid +30"),
        "{table}"
    );

    assert_eq!(cli(&["score", "set", path]).await, json!({ "version": 2 }));
    let next = std::sync::atomic::AtomicUsize::new(102);
    let after = until("the new scoring", || async {
        let phone = format!("+1415555{:04}", next.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let score = scored(&world, &json!({ "phone": phone })).await;
        (score["scoring_version"] == 2).then_some(score)
    })
    .await;
    assert_eq!((&after["score"], &after["temperature"]), (&json!(55), &json!("warm")));

    std::fs::write(&file, edited.replace("\"mobile\"", "\"moblie\"")).unwrap();
    let arguments = ours(&["score", "set", path]);
    let (ok, problem) =
        try_run(world.environment(), &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let problem = problem["error"].as_str().unwrap();
    assert!(
        !ok && problem.contains("rule 2 `phone_mobile`: `phone.kind`, one_of: \"moblie\" is none of"),
        "{problem}"
    );

    assert_eq!(cli(&["score", "reset"]).await, json!({ "version": 0 }));
    let history = cli(&["score", "history"]).await;
    let versions: Vec<_> =
        history.as_array().unwrap().iter().map(|one| (&one["version"], &one["active"])).collect();
    assert_eq!(versions, [(&json!(1), &json!(false)), (&json!(2), &json!(false))]);
    assert_eq!(cli(&["score", "show", "--version", "2"]).await["scoring"]["rules"][0]["points"], 55);
}

#[tokio::test]
async fn a_scoring_is_changed_beside_running_programs_embedded() {
    scores(Shape::Embedded).await;
}

#[tokio::test]
async fn a_scoring_is_changed_beside_running_programs_in_production() {
    scores(Shape::Production).await;
}
