//! The programs refuse a queue and a store of different shapes before they connect to them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::process::Output;
use std::time::Duration;

use tokio::process::Command;

const GATEWAY: &str = env!("CARGO_BIN_EXE_leadgate-gateway");
const WORKER: &str = env!("CARGO_BIN_EXE_leadgate-worker");
const LEADGATE: &str = env!("CARGO_BIN_EXE_leadgate");

/// An address on which no server listens.
const POSTGRES: &str = "postgres://leadgate:secret@127.0.0.1:1/leadgate";

async fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.env_clear().envs(environment.iter().copied()).current_dir(folder.path()).args(arguments);
    command.env("LEADGATE_SECRET", "only a test's secret, but long enough for one");
    command.env("LEADGATE_LISTEN", "127.0.0.1:0").kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(30), command.output()).await;
    ended.expect("a program ends if its configuration is refused").unwrap()
}

#[tokio::test]
async fn a_gateway_and_a_worker_need_a_shared_queue() {
    for program in [GATEWAY, WORKER] {
        let output = run(program, &[], &[("LEADGATE_STORE_URL", POSTGRES)]).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains("queue.url is not set"), "{stderr}");
        let logged = stderr.contains("postgres://127.0.0.1:1/leadgate") && stderr.contains("memory:");
        assert!(
            logged && !stderr.contains("secret"),
            "it logs the configured servers without credentials: {stderr}"
        );
    }
}

#[tokio::test]
async fn a_mixed_shape_is_refused_unless_it_is_allowed() {
    let queue = ("LEADGATE_QUEUE_URL", "sqlite:queue.db");
    for (program, arguments) in
        [(GATEWAY, &[][..]), (WORKER, &[]), (LEADGATE, &["migrate"]), (LEADGATE, &["serve"])]
    {
        let output = run(program, arguments, &[("LEADGATE_STORE_URL", POSTGRES), queue]).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains("allow_mixed_shape"), "{stderr}");
    }
    let allowed = [("LEADGATE_STORE_URL", POSTGRES), queue, ("LEADGATE_ALLOW_MIXED_SHAPE", "true")];
    let stderr = String::from_utf8(run(LEADGATE, &["migrate"], &allowed).await.stderr).unwrap();
    assert!(!stderr.contains("allow_mixed_shape"), "it fails only because the database is missing: {stderr}");
}
