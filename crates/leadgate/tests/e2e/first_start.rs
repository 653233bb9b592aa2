//! The first start prints a key to a terminal only.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

use leadgate_testkit::free_port;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::world::{TIMEOUT, http, until};

/// A server that is killed at the end of the test.
struct ServerProcess(Child);

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &std::path::Path, port: u16, stdout: File) -> ServerProcess {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
    command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(folder.join("data"));
    let stderr = File::create(folder.join("stderr")).unwrap();
    ServerProcess(command.current_dir(folder).stdout(stdout).stderr(stderr).spawn().unwrap())
}

async fn wait_until_ready(port: u16) {
    let url = format!("http://127.0.0.1:{port}/readyz");
    until("the start", || async { (http().get(&url).send().await.ok()?.status() == 200).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_a_valid_key() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port().unwrap());
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let stdout = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let server = serve(folder.path(), port, stdout);
    let shown =
        tokio::task::spawn_blocking(move || read_until(terminal, "and read it with the id")).await.unwrap();
    let key = shown.lines().map(str::trim).find(|line| line.starts_with("lg_live_")).unwrap().to_owned();
    wait_until_ready(port).await;
    let list = http().get(format!("http://127.0.0.1:{port}/v1/leads")).bearer_auth(key);
    assert_eq!(list.send().await.unwrap().status(), 200);
    drop(server);
}

fn read_until(terminal: OwnedFd, text: &str) -> String {
    let (mut terminal, mut shown) = (File::from(terminal), Vec::new());
    let (mut chunk, deadline) = ([0; 4_096], std::time::Instant::now() + TIMEOUT);
    while !String::from_utf8_lossy(&shown).contains(text) {
        assert!(std::time::Instant::now() < deadline, "{}", String::from_utf8_lossy(&shown));
        match terminal.read(&mut chunk) {
            Ok(count) => shown.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&shown)),
        }
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_contains_no_key() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port().unwrap());
    let stdout = folder.path().join("stdout");
    let server = serve(folder.path(), port, File::create(&stdout).unwrap());
    wait_until_ready(port).await;
    let log = || std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    until("the hint", || async { log().contains("leadgate key create --organization").then_some(()) }).await;
    drop(server);
    let written = std::fs::read_to_string(&stdout).unwrap() + &log();
    assert!(!written.contains("lg_live_"), "{written}");
}
