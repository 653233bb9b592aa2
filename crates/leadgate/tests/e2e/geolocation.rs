//! The location of a browser, from the configured geolocation database.

use serde_json::{Value, json};

use crate::world::{Shape, World, http, try_run, until};

/// A database in which all addresses below 128.0.0.0 are in Reno.
const RENO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline/src/geolocation/reno.mmdb");

const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

async fn post_with_user_agent(world: &World, path: &str, agent: &str) -> Value {
    let request = http().post(format!("{}{path}", world.base)).bearer_auth(&world.key);
    let request = request.header("user-agent", agent).json(&json!({ "phone": "+1 415 555 0132 ext. 89" }));
    request.send().await.unwrap().json().await.unwrap()
}

async fn a_browser_has_a_location(shape: Shape) {
    let world = World::start_with(shape, "geolocation", &[("LEADGATE_GEOLOCATION_DATABASE", RENO)]).await;
    let reno = json!({ "country": "US", "state": "NV", "city": "Reno", "timezone": "America/Los_Angeles" });
    let location = json!({ "value": reno, "basis": "client_address" });
    let validated = post_with_user_agent(&world, "/v1/leads/validate", BROWSER).await;
    assert_eq!(validated["inferred"]["location"], location, "{validated}");
    let program = post_with_user_agent(&world, "/v1/leads/validate", "curl/8.5.0").await;
    assert_eq!(program["inferred"]["location"], Value::Null, "only browsers have a location: {program}");

    let posted = post_with_user_agent(&world, "/v1/leads", BROWSER).await;
    let path = format!("/v1/leads/{}", posted["id"].as_str().unwrap());
    let lead = until("the lead", || async {
        let (_, shown) = world.get(&path).await;
        (shown["status"] != "queued").then_some(shown)
    })
    .await;
    assert_eq!(lead["inferred"]["location"], location, "{lead}");
    assert_eq!((&lead["phone"]["e164"], &lead["phone"]["extension"]), (&json!("+14155550132"), &json!("89")));
}

#[tokio::test]
async fn a_browser_has_a_location_embedded() {
    a_browser_has_a_location(Shape::Embedded).await;
}

#[tokio::test]
async fn a_browser_has_a_location_distributed() {
    a_browser_has_a_location(Shape::Distributed).await;
}

#[tokio::test]
async fn a_database_that_cannot_be_read_prevents_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let set = |name: &str, value: String| (name.to_owned(), value);
    for file in ["/nowhere/at/all.mmdb", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
        let environment = [
            set("LEADGATE_DATA", folder.path().join("data").display().to_string()),
            set("LEADGATE_GEOLOCATION_DATABASE", file.to_owned()),
        ];
        let (ok, problem) = try_run(&environment, &["serve", "--listen", "127.0.0.1:0"]).await;
        let error = problem["error"].as_str().unwrap();
        assert!(!ok && error.starts_with(&format!("geolocation.database: {file}: ")), "{error}");
    }
}
