//! The programs refuse a queue and a store that do not go together, before they connect to anything.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::process::Output;
use std::time::Duration;

use tokio::process::Command;

const GATEWAY: &str = env!("CARGO_BIN_EXE_leadgate-gateway");
const WORKER: &str = env!("CARGO_BIN_EXE_leadgate-worker");
const LEADGATE: &str = env!("CARGO_BIN_EXE_leadgate");

/// Nothing listens there.
const POSTGRES: &str = "postgres://leadgate:secret@127.0.0.1:1/leadgate";

async fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.env_clear().envs(environment.iter().copied()).current_dir(folder.path()).args(arguments);
    command.env("LEADGATE_SECRET", "only a test's secret, but long enough for one");
    command.env("LEADGATE_LISTEN", "127.0.0.1:0").kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(30), command.output()).await;
    ended.expect("a program that is refused its configuration ends").unwrap()
}

#[tokio::test]
async fn a_gateway_and_a_worker_need_the_queue_that_they_share() {
    for program in [GATEWAY, WORKER] {
        let output = run(program, &[], &[("LEADGATE_STORE_URL", POSTGRES)]).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains("queue.url is not set"), "{told}");
        let logged = told.contains("postgres://127.0.0.1:1/leadgate") && told.contains("memory:");
        assert!(logged && !told.contains("secret"), "it logs what it would use, without credentials: {told}");
    }
}

#[tokio::test]
async fn a_mixed_shape_is_refused_unless_it_is_named() {
    let queue = ("LEADGATE_QUEUE_URL", "sqlite:queue.db");
    for (program, arguments) in
        [(GATEWAY, &[][..]), (WORKER, &[]), (LEADGATE, &["migrate"]), (LEADGATE, &["serve"])]
    {
        let output = run(program, arguments, &[("LEADGATE_STORE_URL", POSTGRES), queue]).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains("allow_mixed_shape"), "{told}");
    }
    let named = [("LEADGATE_STORE_URL", POSTGRES), queue, ("LEADGATE_ALLOW_MIXED_SHAPE", "true")];
    let told = String::from_utf8(run(LEADGATE, &["migrate"], &named).await.stderr).unwrap();
    assert!(!told.contains("allow_mixed_shape"), "it fails for want of a database only: {told}");
}
