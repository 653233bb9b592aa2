//! Clients that do not read responses and clients that send slowly use little memory of the gateway, and only
//! for a limited time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::world::{TIMEOUT, World, http, until};

const UNREAD_CLIENTS: usize = 25;
const SLOW_CLIENTS: usize = 20;
/// The maximum size of a body of many leads.
const BODY_BYTES: usize = 10 * 1024 * 1024;
/// The load lasts at least until this number of bodies have ended, also on a busy machine.
const ENDED_BODIES: usize = 2 * SLOW_CLIENTS;
/// The limit of the growth while the clients are connected.
const MAX_GROWTH_MB: u64 = 50;
/// The limit of the growth that remains after the clients have gone.
const MAX_REMAINING_MB: u64 = 20;

/// Runs for three seconds, or for `LEADGATE_TEST_SECONDS`, or longer on a busy machine.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_or_send_slowly_use_little_memory() {
    let seconds = std::env::var("LEADGATE_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    let duration = Duration::from_secs(seconds.unwrap_or(3));
    let world = World::embedded("memory").await;
    for number in 0..100 {
        let lead = json!({ "email": format!("p{number}@example.com"), "custom_fields": { "note": "x".repeat(60_000) } });
        assert_eq!(world.post(lead.to_string()).await.status(), 202);
    }
    until("all leads", || async { (world.observed_submissions().await.len() == 100).then_some(()) }).await;
    let (status, page) = world.get("/v1/leads?limit=100").await;
    assert_eq!(status, 200);
    assert!((5..30).contains(&page["data"].as_array().unwrap().len()) && page["next"].is_string());

    // Memory that reading allocates once, such as the caches of connections, is allocated before the
    // measurement.
    let mut readers = JoinSet::new();
    for _ in 0..32 {
        let (url, key) = (format!("{}/v1/leads?limit=100", world.base), world.key.clone());
        readers.spawn(async move {
            http().get(url).bearer_auth(key).send().await.unwrap().bytes().await.unwrap()
        });
    }
    readers.join_all().await;
    let pid = world.server.pid().unwrap();
    let before = resident_mb(pid);
    let peak = peak_memory_under_load(&world, duration).await;
    println!("resident: {before} MB before, {peak} MB at most in {duration:?}");
    assert!(peak < before + MAX_GROWTH_MB, "{before} MB before, {peak} MB at most");
    let remaining = until("memory to fall back", || async {
        Some(resident_mb(pid)).filter(|remaining| *remaining <= before + MAX_REMAINING_MB)
    });
    println!("resident: {} MB after the clients have gone", remaining.await);
    assert_eq!(world.get("/v1/leads?limit=1").await.0, 200);
}

/// The peak memory of the gateway, in MB, while clients that do not read or send slowly connect again and
/// again.
async fn peak_memory_under_load(world: &World, duration: Duration) -> u64 {
    let pid = world.server.pid().unwrap();
    let mut clients = JoinSet::new();
    for _ in 0..UNREAD_CLIENTS {
        let (address, key) = (world.base.replace("http://", ""), world.key.clone());
        clients.spawn(async move {
            loop {
                send_without_reading(&address, &key, Duration::from_millis(50)).await;
            }
        });
    }
    let ended = Arc::new(AtomicUsize::new(0));
    for _ in 0..SLOW_CLIENTS {
        let (address, key) = (world.base.replace("http://", ""), world.key.clone());
        let ended = Arc::clone(&ended);
        clients.spawn(async move {
            loop {
                send_slowly(&address, &key).await;
                ended.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let (started, mut peak) = (Instant::now(), resident_mb(pid));
    while started.elapsed() < duration || ended.load(Ordering::Relaxed) < ENDED_BODIES {
        assert!(started.elapsed() < duration + TIMEOUT * 2, "too few bodies ended");
        peak = peak.max(resident_mb(pid));
        sleep(Duration::from_millis(50)).await;
    }
    clients.shutdown().await;
    peak
}

/// The client keeps sending, because the kernel's timer does not end such a connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_disconnected() {
    let world = World::embedded("unread").await;
    for number in 0..40 {
        let lead = json!({ "email": format!("p{number}@example.com"), "custom_fields": { "note": "x".repeat(60_000) } });
        assert_eq!(world.post(lead.to_string()).await.status(), 202);
    }
    until("all leads", || async { (world.observed_submissions().await.len() == 40).then_some(()) }).await;
    let address = world.base.replace("http://", "");
    let disconnected =
        timeout(TIMEOUT * 2, send_without_reading(&address, &world.key, Duration::from_millis(1))).await;
    disconnected.expect("the gateway ends the connection");
}

/// Requests more data than the system's buffers can hold, and returns when the connection is closed.
async fn send_without_reading(address: &str, key: &str, write_interval: Duration) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return sleep(Duration::from_millis(50)).await;
    };
    let request =
        format!("GET /v1/leads?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n");
    for _ in 0..12 {
        if stream.write_all(request.as_bytes()).await.is_err() {
            return;
        }
    }
    // An error after this means that the gateway has closed the connection.
    while stream.take_error().unwrap().is_none() {
        sleep(write_interval).await;
        if stream.write_all(b"G").await.is_err() {
            return;
        }
    }
}

/// Sends most of a large body at once and the rest byte by byte, until the request is refused.
async fn send_slowly(address: &str, key: &str) {
    let Ok(stream) = TcpStream::connect(address).await else { return sleep(Duration::from_millis(50)).await };
    let (mut receiving, mut sending) = stream.into_split();
    let refused = tokio::spawn(async move {
        let mut answer = [0; 1_024];
        let _ = receiving.read(&mut answer).await;
    });
    let head = format!(
        "POST /v1/leads/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
    );
    let line = format!("{{\"email\":\"a@example.com\",\"x\":\"{}\"}}\n", "y".repeat(40_000));
    let mut sent = sending.write_all(head.as_bytes()).await;
    for _ in 0..(BODY_BYTES / line.len() - 1) {
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

/// The resident memory of a process, in MB.
fn resident_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
