//! Tests with a queue file that is full, locked, or left by a killed process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use leadgate_queue::{
    ParkReason, ParkedSelection, PublishError, Queue, QueueConfig, QueueError, QueueFailure, QueueStatus,
    Role, SettleResult,
};
use support::{TEST_TIMEOUT, World, bounded_publish, open, organization, publish, receive_one, submission};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const CHILD_FILE: &str = "LEADGATE_TEST_QUEUE_FILE";
const CHILD_START: &str = "LEADGATE_TEST_FIRST_NUMBER";

/// Not a test: [`PublishingProcess`] runs it in a process that can be killed and limited. It prints each
/// result.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(file) = std::env::var(CHILD_FILE) else { return };
    let first: usize = std::env::var(CHILD_START).unwrap().parse().unwrap();
    let queue = open(QueueConfig::new(format!("sqlite:{file}")), Role::Gateway).await;
    let filler = "x".repeat(2_000);
    let publishers = (0..8).map(|publisher_number| {
        let (publisher, filler) = (queue.publisher(), filler.clone());
        async move {
            for number in (first + publisher_number..).step_by(8) {
                let body = format!(r#"{{"number":{number},"filler":"{filler}"}}"#);
                match publisher.publish(organization(number), Bytes::from(body)).await {
                    Ok(()) => println!("accepted {number}"),
                    Err(error) => {
                        println!("refused {}", error.code());
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        }
    });
    futures_util::future::join_all(publishers).await;
}

/// A process that publishes to a queue file.
struct PublishingProcess {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
    accepted: BTreeSet<usize>,
    refused: BTreeSet<String>,
}

impl PublishingProcess {
    /// Limits the files of the process to `limit` bytes, which simulates a full disk.
    fn start(file: &Path, first: usize, limit: Option<u64>) -> Self {
        // The limit is soft, so that it can be removed. Its signal is ignored.
        let limit = limit.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let script = r#"trap '' XFSZ; exec prlimit --fsize="$1": "$2" --exact child --nocapture"#;
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", &limit]).arg(std::env::current_exe().unwrap());
        command
            .env(CHILD_FILE, file)
            .env(CHILD_START, first.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, output, accepted: BTreeSet::new(), refused: BTreeSet::new() }
    }

    /// Reads the output until `enough` returns true, or until the process ends.
    async fn read_output(&mut self, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            let Some(line) = timeout(TEST_TIMEOUT, self.output.next_line())
                .await
                .expect("the process prints a line")
                .unwrap()
            else {
                return;
            };
            match line.rsplit_once(' ') {
                Some((result, number)) if result.ends_with("accepted") => {
                    _ = self.accepted.insert(number.parse().unwrap())
                }
                Some(("refused", code)) => _ = self.refused.insert(code.to_owned()),
                _ => {}
            }
        }
    }

    async fn remove_limit(&self) {
        let id = self.process.id().unwrap().to_string();
        let status =
            Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited:"]).status().await.unwrap();
        assert!(status.success());
    }

    /// Kills the process and returns the accepted submissions.
    async fn kill(mut self) -> BTreeSet<usize> {
        self.process.kill().await.unwrap();
        self.read_output(|_| false).await;
        self.accepted
    }
}

async fn receive_all(config: QueueConfig, mut accepted: BTreeSet<usize>) {
    let queue = open(config, Role::AllInOne).await;
    let mut consumer = queue.consumer();
    while !accepted.is_empty() {
        for delivery in support::receive(&mut consumer, 64).await {
            for number in support::numbers(delivery.payload()) {
                accepted.remove(&number);
            }
            assert_eq!(delivery.ack().await, SettleResult::Settled);
        }
    }
    queue.shutdown().await;
}

fn file_of(world: &World) -> std::path::PathBuf {
    let World::Embedded(folder) = world else { panic!("not a file") };
    folder.path().join("queue.db")
}

fn connect(world: &World) -> SqliteConnection {
    SqliteConnection::establish(file_of(world).to_str().unwrap()).unwrap()
}

fn assert_integrity(world: &World) {
    #[derive(QueryableByName)]
    struct Check {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let checks: Vec<Check> = diesel::sql_query("PRAGMA integrity_check").load(&mut connect(world)).unwrap();
    assert_eq!(checks[0].integrity_check, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_submissions_survive_a_kill() {
    let world = World::embedded();
    let mut accepted = BTreeSet::new();
    for round in 0..10 {
        let mut publishing = PublishingProcess::start(&file_of(&world), round * 1_000_000, None);
        publishing.read_output(|publishing| publishing.accepted.len() >= 50 + 37 * round).await;
        accepted.extend(publishing.kill().await);
    }
    println!("{} accepted", accepted.len());
    assert_integrity(&world);
    receive_all(world.config(), accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_until_there_is_space() {
    let world = World::embedded();
    let mut publishing = PublishingProcess::start(&file_of(&world), 0, Some(1_000_000));
    publishing.read_output(|publishing| publishing.refused.contains("storage")).await;
    let before = publishing.accepted.len();
    publishing.remove_limit().await;
    publishing.read_output(|publishing| publishing.accepted.len() > before + 500).await;
    assert_eq!(publishing.refused, BTreeSet::from(["storage".to_owned()]));
    let accepted = publishing.kill().await;
    assert_integrity(&world);
    receive_all(world.config(), accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_of_another_process_is_waited_for_with_a_limit() {
    let world = World::embedded();
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    let mut other = connect(&world);
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(bounded_publish(&queue, 2).await, Err(PublishError::Unavailable(QueueFailure::Locked)));
    assert!(matches!(queue.status(), QueueStatus::NotReady { reason } if reason.contains("another process")));
    other.batch_execute("ROLLBACK").unwrap();
    timeout(TEST_TIMEOUT, queue.ready()).await.unwrap();
    assert_eq!(bounded_publish(&queue, 3).await, Ok(()));
    assert_eq!(support::drain(&mut queue.consumer(), 2).await.into_keys().collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledgements_are_written_when_the_file_is_unlocked() {
    let world = World::embedded();
    let queue = world.open().await;
    for number in 0..3 {
        publish(&queue, &submission(number)).await;
    }
    let mut consumer = queue.consumer();
    let (first, second) = (receive_one(&mut consumer).await, receive_one(&mut consumer).await);
    let mut other = connect(&world);
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(first.ack().await, SettleResult::Settled, "recorded in memory, written later");
    assert_eq!(second.park(ParkReason::Unreadable).await, SettleResult::Lost, "not parked, so requeued");
    other.batch_execute("ROLLBACK").unwrap();
    let again: BTreeSet<usize> = support::drain(&mut consumer, 2).await.into_keys().collect();
    assert_eq!(again, BTreeSet::from([1, 2]), "the acknowledged message is not delivered again");
    queue.shutdown().await;
    let queue = world.open().await;
    assert_eq!(queue.depth().await.unwrap().ready, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_until_there_is_space() {
    let world = World::embedded();
    let queue = open(QueueConfig { max_file_bytes: 300, ..world.config() }, Role::AllInOne).await;
    let mut accepted = 0;
    let refused = loop {
        match bounded_publish(&queue, accepted).await {
            Ok(()) => accepted += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, PublishError::Unavailable(QueueFailure::Full));
    assert!((5..10).contains(&accepted), "{accepted}");
    assert_eq!(support::drain(&mut queue.consumer(), accepted).await.len(), accepted);
    support::settled_empty(&queue).await;
    assert_eq!(bounded_publish(&queue, accepted).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_can_administer_the_queue_of_a_running_one() {
    let world = World::embedded();
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    let mut consumer = queue.consumer();
    assert_eq!(
        receive_one(&mut consumer).await.park(ParkReason::Unattributable).await,
        SettleResult::Settled
    );

    let admin = Queue::open(world.config(), Role::Admin).await.unwrap();
    assert_eq!(admin.list_parked(10).await.unwrap()[0].reason, "unattributable");
    assert_eq!(admin.replay_parked(ParkedSelection::All).await.unwrap(), 1);
    let replayed = receive_one(&mut consumer).await;
    assert_eq!(support::numbers(replayed.payload()), [1]);
    assert_eq!(replayed.ack().await, SettleResult::Settled);
    support::settled_empty(&queue).await;
}

#[tokio::test]
async fn a_file_of_another_schema_version_is_refused() {
    let world = World::embedded();
    world.open().await.shutdown().await;
    for (version, remedy) in [(1, "then delete the file"), (7, "use a newer build")] {
        connect(&world).batch_execute(&format!("PRAGMA user_version = {version}")).unwrap();
        let error = Queue::open(world.config(), Role::AllInOne).await.unwrap_err();
        assert!(matches!(&error, QueueError::File { problem, .. } if problem.contains(remedy)), "{error}");
    }
}

#[tokio::test]
#[cfg(unix)]
async fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::embedded();
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", file_of(&world).display());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{path}");
    }
}

/// Whether a text occurs in the queue file or in its write-ahead log.
fn is_on_disk(file: &Path, text: &str) -> bool {
    let log = format!("{}-wal", file.display());
    let files = [std::fs::read(file).unwrap(), std::fs::read(log).unwrap_or_default()];
    files.iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn a_settled_message_is_removed_from_the_disk() {
    const NAME: &str = "Theodora Quillfeather";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.db");
    let config = || QueueConfig::new(format!("sqlite:{}", file.display()));
    // Larger than a page, so that it uses separate pages.
    let body = Bytes::from(format!(r#"{{"name":"{NAME}","note":"{}"}}"#, "x".repeat(9_000)));
    let deliver = async |queue: &Queue| {
        queue.publisher().publish(organization(1), body.clone()).await.unwrap();
        let mut consumer = queue.consumer();
        let delivery = receive_one(&mut consumer).await;
        assert!(is_on_disk(&file, NAME));
        assert_eq!(delivery.ack().await, SettleResult::Settled);
    };

    let queue = open(config(), Role::AllInOne).await;
    deliver(&queue).await;
    queue.shutdown().await;
    assert!(!is_on_disk(&file, NAME), "after a clean stop");

    let queue = open(config(), Role::AllInOne).await;
    deliver(&queue).await;
    let emptied = async {
        while is_on_disk(&file, NAME) {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, emptied).await.expect("an idle queue empties its log");
    queue.shutdown().await;
}
