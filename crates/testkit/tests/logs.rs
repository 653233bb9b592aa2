//! Tests of processes and log files. The processes are shell scripts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use leadgate_testkit::logs::{PERSONAL_DATA, TestProcess, expect_absent, folder};

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> anyhow::Result<TestProcess> {
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("WORD", "given");
    TestProcess::spawn("script", &command)
}

#[tokio::test]
async fn lines_of_both_streams_can_be_awaited() -> anyhow::Result<()> {
    let process = shell("printf half; cat; printf ' and half\\n'; echo $WORD >&2; exec sleep 60")?;
    assert_eq!(process.await_line("half", SOON).await?, "half and half");
    assert_eq!(process.await_line("giv", SOON).await?, "given");
    assert_eq!((process.stdout()?, process.stderr()?), ("half and half\n".to_owned(), "given\n".to_owned()));
    Ok(())
}

#[tokio::test]
async fn waiting_fails_when_the_process_ends() -> anyhow::Result<()> {
    let error = shell("echo why >&2; exit 3")?.await_line("never", SOON).await.unwrap_err();
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    assert!(error.to_string().contains("why"), "{error}");
    let error = shell("exit 4")?.await_ready("http://127.0.0.1:1", SOON).await.unwrap_err();
    assert!(error.to_string().contains("exit status: 4"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_process_ends_on_sigterm_or_is_killed() -> anyhow::Result<()> {
    let polite = shell("trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done")?;
    polite.await_line("up", SOON).await?;
    assert_eq!(polite.terminate(SOON).await?.code(), Some(5));
    assert!(polite.kill9().is_err());

    let stubborn = shell("trap '' TERM; echo up; while :; do sleep 0.01; done")?;
    stubborn.await_line("up", SOON).await?;
    let error = stubborn.terminate(Duration::from_millis(100)).await.unwrap_err();
    assert!(format!("{error:#}").contains("it still runs"), "{error:#}");
    stubborn.kill9()?;
    assert!(stubborn.pid().is_err());
    Ok(())
}

#[tokio::test]
async fn a_dropped_process_is_killed() -> anyhow::Result<()> {
    let process = shell("echo up; sleep 60; true")?;
    process.await_line("up", SOON).await?;
    let pid = process.pid()?.to_string();
    drop(process);
    let gone = || !Command::new("kill").args(["-0", &pid]).output().unwrap().status.success();
    let deadline = std::time::Instant::now() + SOON;
    while !gone() {
        assert!(std::time::Instant::now() < deadline, "process {pid} still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_process_is_ready_when_readyz_returns_200() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        for status in ["503 no", "200 yes"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
        }
    });
    shell("exec sleep 60")?.await_ready(&format!("http://127.0.0.1:{port}/"), SOON).await
}

#[test]
fn personal_data_is_recorded_for_the_search_after_the_tests() -> anyhow::Result<()> {
    let unique = uuid::Uuid::now_v7().to_string();
    expect_absent(&[format!("  {unique}\nsecond line of {unique}"), "x".to_owned(), String::new()])?;
    let list = std::fs::read_to_string(folder()?.join(PERSONAL_DATA))?;
    assert!(list.contains(&format!("{unique}\nsecond line of {unique}\n")));
    assert!(list.lines().all(|line| line.len() > 1));
    Ok(())
}
