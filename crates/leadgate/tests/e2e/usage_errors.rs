//! Errors in arguments and files: the command says what it expects, and prints no content of the file.

use serde_json::{Value, json};

use crate::world::{World, run_as_text, run_with_exit_code};

const ID: &str = "01a1fea9-1461-757d-9d74-5642f0fe5c4b";
const PRIVATE: &str = "an unlisted number";

async fn usage_error(world: &World, arguments: &[&str]) -> String {
    let (code, answer) = run_with_exit_code(world.environment(), arguments).await;
    let error = answer["error"].as_str().unwrap_or_else(|| panic!("{arguments:?}: {answer}")).to_owned();
    assert_eq!(code, 2, "{arguments:?}: {error}");
    for word in ["usize", "u32", "u16", "invalid digit", "expected number at", "struct ", PRIVATE] {
        assert!(!error.contains(word), "{arguments:?}: {error}");
    }
    error
}

#[tokio::test]
async fn an_argument_error_says_what_is_expected() {
    let world = World::embedded("wrong").await;
    for (arguments, expected) in [
        ("key create", "--organization <NAME>"),
        ("key rotate nonsense", "not the id of a key"),
        ("key rotate abcdefghij --overlap soon", "a duration, such as 90s"),
        ("key revoke abcdefghij", "unknown key abcdefghij; `leadgate key list`"),
        ("key create --organization acme --rate fast", "not a rate (such as 1200/min"),
        ("key create --organization acme --scopes all", "expected one of write, read, admin"),
        ("key create --organization acme --publishable --origins shop", "`shop` is not an origin"),
        ("lead show xyz --organization acme", "not an id; expected one such as"),
        ("lead trace ID --organization acme", "no lead or submission"),
        ("source show ID --organization acme", "`leadgate source list --organization acme`"),
        ("source show 7 --organization acme", "not an id; expected one such as"),
        ("source create --organization acme --region Atlantis", "not a region (two letters"),
        ("source create --organization acme --window soon", "not a duration (such as 30d, or ever)"),
        ("source create --organization acme --dialect latin", "expected one of native,"),
        (
            "source create --organization acme --networks here",
            "not an IP address or network (such as 10.0.0.0/8)",
        ),
        ("quarantine show ID --organization acme", "`leadgate quarantine list --organization acme`"),
        ("quarantine list --organization acme --state gone", "expected one of open, released, discarded"),
        ("audit list --organization acme --limit many", "a whole number from 1 to"),
        ("audit list --organization acme --since someday", "such as 2026-11-21T00:00:00Z"),
        ("audit list --organization acme --action looked", "expected one of lead.read"),
        ("report intake --organization acme --day today", "--day: `today` is not a"),
        ("report intake --organization acme --timezone Mars", "not a time zone (such as UTC"),
        ("reprocess --organization acme", "no leads are selected: use --lead"),
        ("reprocess --organization acme --source ID", "`leadgate source list --organization acme`"),
        ("consent export --organization acme --lead ID", "`acme` has no lead ID"),
        ("consent export --organization acme --submission ID", "no lead or submission"),
        ("reprocess --organization acme --reason mood", "not a reason; expected one of"),
        ("retention set --organization acme", "no setting is given: use --submissions"),
        ("suppression add --organization acme", "no value is given: use --phone"),
        ("suppression add --organization acme --email x@example.com --phone 12", "value 1: `phone`: "),
        (
            "suppression import /no/such/file --organization acme",
            "the file does not exist; expected a CSV file",
        ),
        ("erase --organization acme", "no person is given: use --phone, --email or --lead"),
        ("score set /no/such/file --organization acme", "the file does not exist; expected a scoring"),
        ("score show --organization acme --version 9", "no scoring version 9; `leadgate score history`"),
        (
            "lead update ID --organization acme --reason asked --fields /no/such/file",
            "the file does not exist; expected fields of a lead",
        ),
        ("queue shards 2", "only RabbitMQ has shards"),
        ("queue shards many", "a whole number from 1 to 256"),
        ("serve --listen localhost", "an IP address and a port, such as 127.0.0.1:8080"),
        ("organization show acne", "similar names: `acme`"),
        ("mapping preview --last 101", "expected a number from 1 to 100"),
        ("mapping suggest --last 0", "expected a number from 1 to 100"),
        ("score preview --last many", "expected a number from 1 to 100"),
        ("consent verify /no/such/file", "the file does not exist; expected an export"),
        ("frobnicate", "unrecognized subcommand"),
    ] {
        let words: Vec<_> = arguments.split(' ').map(|word| if word == "ID" { ID } else { word }).collect();
        let error = usage_error(&world, &words).await;
        assert!(error.contains(&expected.replace("ID", ID)), "{arguments}: {error}");
    }
}

#[tokio::test]
async fn an_error_prints_no_content_of_a_file() {
    let world = World::embedded("wrong-file").await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (wrong, empty) = (path("wrong"), path("empty"));
    std::fs::write(&wrong, format!("{PRIVATE}\n").repeat(200)).unwrap();

    let error = usage_error(&world, &["restore", &wrong, "--data", &empty]).await;
    assert!(
        error.contains("is not a complete backup; expected a file that `leadgate backup` wrote"),
        "{error}"
    );
    let error = usage_error(&world, &["restore", &path("missing"), "--data", &empty]).await;
    assert!(
        error.contains("the file does not exist; expected a file that `leadgate backup` wrote"),
        "{error}"
    );
    let source = world.cli(&["source", "create", "--organization", "acme"]).await;
    let source = source["id"].as_str().unwrap();
    let set = ["mapping", "set", "--organization", "acme", "--source", source, &wrong];
    let error = usage_error(&world, &set).await;
    assert!(error.contains("invalid mapping in") && error.contains("line 1"), "{error}");
    let error = usage_error(&world, &["backup", &wrong]).await;
    assert!(error.contains("already exists; choose a new file name"), "{error}");

    // A truncated backup is refused and leaves no files, so that a second attempt succeeds.
    let (complete, truncated) = (path("complete"), path("truncated"));
    world.cli(&["backup", &complete]).await;
    let bytes = std::fs::read(&complete).unwrap();
    std::fs::write(&truncated, &bytes[..bytes.len() / 2]).unwrap();
    let error = usage_error(&world, &["restore", &truncated, "--data", &empty]).await;
    assert!(error.contains("is not a complete backup"), "{error}");
    assert_eq!(world.cli(&["restore", &complete, "--data", &empty]).await["restored"], json!(empty));
}

#[tokio::test]
async fn a_list_has_headers_and_an_empty_list_prints_a_note() {
    let world = World::embedded("lists").await;
    let list = ["tag", "list", "--organization", "acme"];
    assert_eq!(run_as_text(world.environment(), &list).await, (String::new(), "no tags\n".to_owned()));
    assert_eq!(run_with_exit_code(world.environment(), &list).await, (0, json!([])));
    let tag = world.cli(&["tag", "create", "--organization", "acme", "--name", "spring"]).await;
    let (shown, stderr) = run_as_text(world.environment(), &list).await;
    let lines: Vec<_> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines, [vec!["ID", "NAME"], vec![tag["id"].to_string().as_str(), "spring"]]);
    assert_eq!(stderr, "");
    let (shown, _) = run_as_text(world.environment(), &["organization", "show", "acme"]).await;
    assert!(shown.lines().any(|line| line.starts_with("name:") && line.ends_with(" acme")), "{shown}");
    let (keys, _) = run_as_text(world.environment(), &["key", "list", "--organization", "acme"]).await;
    assert!(keys.starts_with("ID") && keys.lines().count() == 2, "{keys}");
}

/// The command reads the address of the running server.
#[tokio::test]
async fn a_printed_url_accepts_leads() {
    let world = World::embedded("urls").await;
    let source = world.cli(&["source", "create", "--organization", "acme"]).await;
    let post = async |url: &Value| {
        let request = crate::world::http().post(url.as_str().unwrap());
        request.json(&json!({ "email": "ann@example.com" })).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(&source["url"]).await, 202);
    let keys = world.cli(&["key", "list", "--organization", "acme"]).await;
    let token = keys.as_array().unwrap().iter().find(|key| key["kind"] == "token").unwrap();
    let rotated = world.cli(&["key", "rotate", token["id"].as_str().unwrap()]).await;
    assert_ne!(rotated["url"], source["url"]);
    assert_eq!(post(&rotated["url"]).await, 202);
}
