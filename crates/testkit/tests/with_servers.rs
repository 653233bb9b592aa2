//! Servers end when the process that started them ends for any reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use leadgate_testkit::servers::ServerAddresses;

#[test]
fn servers_end_with_a_process_that_is_killed() -> anyhow::Result<()> {
    // The command ends when its input is closed. This test keeps it open.
    let mut runner = Command::new(env!("CARGO_BIN_EXE_leadgate-with-servers"))
        .args(["--", "sh", "-c", "echo \"$LEADGATE_TESTKIT\"; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(runner.stdout.take().unwrap()).read_line(&mut line)?;
    let addresses: ServerAddresses = serde_json::from_str(&line)?;
    let port = |url: &str| reqwest::Url::parse(url).unwrap().port().unwrap();
    let (_, amqp, management) = addresses.rabbitmq;
    let ports = [port(&addresses.postgres_url), port(&addresses.redis_url), amqp, management];
    let open = || ports.iter().filter(|port| TcpStream::connect(("127.0.0.1", **port)).is_ok()).count();
    assert_eq!(open(), ports.len());

    runner.kill()?;
    runner.wait()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while open() > 0 {
        assert!(Instant::now() < deadline, "{} of {ports:?} still answer", open());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
