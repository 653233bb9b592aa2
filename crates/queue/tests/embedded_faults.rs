//! A file that is full, locked or left behind by a killed process.
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
use support::{LONG, World, bounded_publish, open, organization, publish, receive_one, submission};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const CHILD_FILE: &str = "LEADGATE_TEST_QUEUE_FILE";
const CHILD_START: &str = "LEADGATE_TEST_FIRST_NUMBER";

/// Not a test: what [`PublishingChannel`] runs, in a process that can be killed and limited. Says what happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(file) = std::env::var(CHILD_FILE) else { return };
    let first: usize = std::env::var(CHILD_START).unwrap().parse().unwrap();
    let queue = open(QueueConfig::new(format!("sqlite:{file}")), Role::Gateway).await;
    let filler = "x".repeat(2_000);
    let publishers = (0..8).map(|lane| {
        let (publisher, filler) = (queue.publisher(), filler.clone());
        async move {
            for number in (first + lane..).step_by(8) {
                let body = format!(r#"{{"number":{number},"filler":"{filler}"}}"#);
                match publisher.publish(organization(number), Bytes::from(body)).await {
                    Ok(()) => println!("accepted {number}"),
                    Err(refused) => {
                        println!("refused {}", refused.code());
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        }
    });
    futures_util::future::join_all(publishers).await;
}

/// A process that publishes into a file.
struct Publishing {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
    accepted: BTreeSet<usize>,
    refused: BTreeSet<String>,
}

impl Publishing {
    /// Files of this process may grow to `limit` bytes, as if the disk were full then.
    fn start(file: &Path, first: usize, limit: Option<u64>) -> Self {
        // The limit is soft, so that it can be lifted; the signal that goes with it is ignored.
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
        let says = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, says, accepted: BTreeSet::new(), refused: BTreeSet::new() }
    }

    /// Takes note of what it says until `enough`, or until it ends.
    async fn listen(&mut self, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            let Some(line) = timeout(LONG, self.says.next_line()).await.expect("it goes on").unwrap() else {
                return;
            };
            match line.rsplit_once(' ') {
                Some((what, number)) if what.ends_with("accepted") => {
                    _ = self.accepted.insert(number.parse().unwrap())
                }
                Some(("refused", code)) => _ = self.refused.insert(code.to_owned()),
                _ => {}
            }
        }
    }

    async fn lift_limit(&self) {
        let id = self.process.id().unwrap().to_string();
        let lifted =
            Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited:"]).status().await.unwrap();
        assert!(lifted.success());
    }

    /// Kills it, and returns everything it said to have accepted.
    async fn kill(mut self) -> BTreeSet<usize> {
        self.process.kill().await.unwrap();
        self.listen(|_| false).await;
        self.accepted
    }
}

async fn find_all(config: QueueConfig, mut accepted: BTreeSet<usize>) {
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
    let found: Vec<Check> = diesel::sql_query("PRAGMA integrity_check").load(&mut connect(world)).unwrap();
    assert_eq!(found[0].integrity_check, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_kill_9() {
    let world = World::embedded();
    let mut accepted = BTreeSet::new();
    for round in 0..10 {
        let mut publishing = Publishing::start(&file_of(&world), round * 1_000_000, None);
        publishing.listen(|publishing| publishing.accepted.len() >= 50 + 37 * round).await;
        accepted.extend(publishing.kill().await);
    }
    println!("{} accepted", accepted.len());
    assert_integrity(&world);
    find_all(world.config(), accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_refused_and_recovered_from() {
    let world = World::embedded();
    let mut publishing = Publishing::start(&file_of(&world), 0, Some(1_000_000));
    publishing.listen(|publishing| publishing.refused.contains("storage")).await;
    let before = publishing.accepted.len();
    publishing.lift_limit().await;
    publishing.listen(|publishing| publishing.accepted.len() > before + 500).await;
    assert_eq!(publishing.refused, BTreeSet::from(["storage".to_owned()]));
    let accepted = publishing.kill().await;
    assert_integrity(&world);
    find_all(world.config(), accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_lock_is_waited_for_but_not_for_long() {
    let world = World::embedded();
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    let mut other = connect(&world);
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(bounded_publish(&queue, 2).await, Err(PublishError::Unavailable(QueueFailure::Locked)));
    assert!(matches!(queue.status(), QueueStatus::NotReady { reason } if reason.contains("another process")));
    other.batch_execute("ROLLBACK").unwrap();
    timeout(LONG, queue.ready()).await.unwrap();
    assert_eq!(bounded_publish(&queue, 3).await, Ok(()));
    assert_eq!(support::drain(&mut queue.consumer(), 2).await.into_keys().collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settling_waits_for_the_file_and_is_not_forgotten() {
    let world = World::embedded();
    let queue = world.open().await;
    for number in 0..3 {
        publish(&queue, &submission(number)).await;
    }
    let mut consumer = queue.consumer();
    let (one, two) = (receive_one(&mut consumer).await, receive_one(&mut consumer).await);
    let mut other = connect(&world);
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(one.ack().await, SettleResult::Settled, "noted here, written when that is possible");
    assert_eq!(two.park(ParkReason::Unreadable).await, SettleResult::Lost, "not put aside, so given back");
    other.batch_execute("ROLLBACK").unwrap();
    let again: BTreeSet<usize> = support::drain(&mut consumer, 2).await.into_keys().collect();
    assert_eq!(again, BTreeSet::from([1, 2]), "what was acknowledged does not come again");
    queue.shutdown().await;
    let queue = world.open().await;
    assert_eq!(queue.depth().await.unwrap().ready, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_until_there_is_room() {
    let world = World::embedded();
    let queue = open(QueueConfig { max_bytes: 300, ..world.config() }, Role::AllInOne).await;
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
async fn another_process_administers_beside_a_running_one() {
    let world = World::embedded();
    let queue = world.open().await;
    publish(&queue, &submission(1)).await;
    let mut consumer = queue.consumer();
    assert_eq!(
        receive_one(&mut consumer).await.park(ParkReason::Unattributable).await,
        SettleResult::Settled
    );

    let beside = Queue::open(world.config(), Role::Admin).await.unwrap();
    assert_eq!(beside.parked_list(10).await.unwrap()[0].reason, "unattributable");
    assert_eq!(beside.parked_replay(ParkedSelection::All).await.unwrap(), 1);
    let replayed = receive_one(&mut consumer).await;
    assert_eq!(support::numbers(replayed.payload()), [1]);
    assert_eq!(replayed.ack().await, SettleResult::Settled);
    support::settled_empty(&queue).await;
}

#[tokio::test]
async fn a_file_of_a_newer_build_is_left_alone() {
    let world = World::embedded();
    world.open().await.shutdown().await;
    connect(&world).batch_execute("PRAGMA user_version = 7").unwrap();
    let error = Queue::open(world.config(), Role::AllInOne).await.unwrap_err();
    assert!(matches!(&error, QueueError::File { problem, .. } if problem.contains("newer")), "{error}");
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

/// Whether a text occurs in the queue's file or in its write-ahead log.
fn is_on_disk(file: &Path, text: &str) -> bool {
    let log = format!("{}-wal", file.display());
    let files = [std::fs::read(file).unwrap(), std::fs::read(log).unwrap_or_default()];
    files.iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn nothing_is_left_of_a_settled_message_on_the_disk() {
    const NAME: &str = "Theodora Quillfeather";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.db");
    let config = || QueueConfig::new(format!("sqlite:{}", file.display()));
    // Longer than a page, so that it takes pages of its own.
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
    timeout(LONG, emptied).await.expect("a queue with nothing to do empties its log");
    queue.shutdown().await;
}
