//! Clients that do not read their answers and clients that send slowly pin little memory, and not for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::world::{PATIENCE, World, http, until};

const UNREAD: usize = 25;
const SLOW: usize = 20;
/// A body of many leads, as large as one may be.
const BODY: usize = 10 * 1024 * 1024;
/// A siege lasts until so many bodies have ended, however busy the machine is.
const ENDED_BODIES: usize = 2 * SLOW;
/// The limit of the growth while the clients are there.
const MOST_GROWTH_MB: u64 = 50;
/// The limit of what is left of the growth when the clients are gone.
const MOST_LEFT_MB: u64 = 20;

/// For at least three seconds, or for as long as `LEADGATE_TEST_SECONDS` says.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_or_send_slowly_pin_little_memory() {
    let seconds = std::env::var("LEADGATE_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    let lasting = Duration::from_secs(seconds.unwrap_or(3));
    let world = World::embedded("memory").await;
    for number in 0..100 {
        let lead = json!({ "email": format!("p{number}@example.com"), "custom_fields": { "note": "x".repeat(60_000) } });
        assert_eq!(world.post(lead.to_string()).await.status(), 202);
    }
    until("all leads", || async { (world.observed().await.len() == 100).then_some(()) }).await;
    let (status, page) = world.get("/v1/leads?limit=100").await;
    assert_eq!(status, 200);
    assert!((5..30).contains(&page["data"].as_array().unwrap().len()) && page["next"].is_string());

    // What reading costs once, such as the caches of its connections, is there before.
    let mut readers = JoinSet::new();
    for _ in 0..32 {
        let (url, key) = (format!("{}/v1/leads?limit=100", world.base), world.key.clone());
        readers.spawn(async move {
            http().get(url).bearer_auth(key).send().await.unwrap().bytes().await.unwrap()
        });
    }
    readers.join_all().await;
    let pid = world.front.pid().unwrap();
    let before = resident(pid);
    let most = besieged(&world, lasting).await;
    println!("resident: {before} MB before, {most} MB at most in {lasting:?}");
    assert!(most < before + MOST_GROWTH_MB, "{before} MB before, {most} MB at most");
    let left = until("memory to fall back", || async {
        Some(resident(pid)).filter(|left| *left <= before + MOST_LEFT_MB)
    });
    println!("resident: {} MB when the clients are gone", left.await);
    assert_eq!(world.get("/v1/leads?limit=1").await.0, 200);
}

/// The most memory that the gateway has, in MB, while clients that do not read or send slowly come again and again.
async fn besieged(world: &World, lasting: Duration) -> u64 {
    let pid = world.front.pid().unwrap();
    let mut clients = JoinSet::new();
    for _ in 0..UNREAD {
        let (address, key) = (world.base.replace("http://", ""), world.key.clone());
        clients.spawn(async move {
            loop {
                does_not_read(&address, &key, Duration::from_millis(50)).await;
            }
        });
    }
    let ended = Arc::new(AtomicUsize::new(0));
    for _ in 0..SLOW {
        let (address, key) = (world.base.replace("http://", ""), world.key.clone());
        let ended = Arc::clone(&ended);
        clients.spawn(async move {
            loop {
                sends_slowly(&address, &key).await;
                ended.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let (started, mut most) = (Instant::now(), resident(pid));
    while started.elapsed() < lasting || ended.load(Ordering::Relaxed) < ENDED_BODIES {
        assert!(started.elapsed() < lasting + PATIENCE * 2, "too few bodies ended");
        most = most.max(resident(pid));
        sleep(Duration::from_millis(50)).await;
    }
    clients.shutdown().await;
    most
}

/// The client keeps sending: the kernel's own timer was seen not to end such a connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_disconnected() {
    let world = World::embedded("unread").await;
    for number in 0..40 {
        let lead = json!({ "email": format!("p{number}@example.com"), "custom_fields": { "note": "x".repeat(60_000) } });
        assert_eq!(world.post(lead.to_string()).await.status(), 202);
    }
    until("all leads", || async { (world.observed().await.len() == 40).then_some(()) }).await;
    let address = world.base.replace("http://", "");
    let disconnected =
        timeout(PATIENCE * 2, does_not_read(&address, &world.key, Duration::from_millis(1))).await;
    disconnected.expect("the gateway ends the connection");
}

/// Asks for more than the system's buffers hold, and returns when the connection has been closed.
async fn does_not_read(address: &str, key: &str, pause: Duration) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return sleep(Duration::from_millis(50)).await;
    };
    let ask = format!("GET /v1/leads?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n");
    for _ in 0..12 {
        if stream.write_all(ask.as_bytes()).await.is_err() {
            return;
        }
    }
    // Nothing more is written, so an error is the gateway's doing.
    while stream.take_error().unwrap().is_none() {
        sleep(pause).await;
        if stream.write_all(b"G").await.is_err() {
            return;
        }
    }
}

/// Sends nearly all of a large body, and the rest byte by byte, until it is refused.
async fn sends_slowly(address: &str, key: &str) {
    let Ok(stream) = TcpStream::connect(address).await else { return sleep(Duration::from_millis(50)).await };
    let (mut receiving, mut sending) = stream.into_split();
    let refused = tokio::spawn(async move {
        let mut answer = [0; 1_024];
        let _ = receiving.read(&mut answer).await;
    });
    let head = format!(
        "POST /v1/leads/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {BODY}\r\n\r\n"
    );
    let line = format!("{{\"email\":\"a@example.com\",\"x\":\"{}\"}}\n", "y".repeat(40_000));
    let mut sent = sending.write_all(head.as_bytes()).await;
    for _ in 0..(BODY / line.len() - 1) {
        if sent.is_err() {
            break;
        }
        sent = sending.write_all(line.as_bytes()).await;
    }
    while sent.is_ok() && !refused.is_finished() {
        sent = sending.write_all(b" ").await;
        sleep(Duration::from_millis(100)).await;
    }
    let _ = timeout(Duration::from_secs(1), refused).await;
}

/// What a process holds in memory, in MB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
