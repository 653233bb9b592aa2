//! A name whose address changes between look-ups: the checked address is the one that is connected to.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use leadgate_dispatcher::{AddressGuard, DispatcherConfig, HostLookup};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::World;

/// The address that the guard allows in this test, and one that it refuses.
const ALLOWED: &str = "127.0.0.2";
const REFUSED: &str = "127.0.0.1";

/// Answers each look-up with the next list of addresses, and then with the last one.
fn lookup(answers: &[&[&str]]) -> (HostLookup, Arc<Mutex<usize>>) {
    let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
    let answers: VecDeque<Vec<IpAddr>> = answers.iter().map(parse).collect();
    let (answers, count) = (Arc::new(Mutex::new(answers)), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&count);
    let lookup: HostLookup = Arc::new(move |_| {
        *counted.lock().unwrap() += 1;
        let mut answers = answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    });
    (lookup, count)
}

/// Answers 204 to the first request of each connection, and closes it. Reports each connection.
async fn listen(address: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let (sender, connections) = mpsc::unbounded_channel();
    let bound = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            _ = sender.send(());
            let mut request = [0; 4096];
            _ = stream.read(&mut request).await;
            _ = stream.write_all(b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n").await;
        }
    });
    (bound, connections)
}

async fn world(answers: &[&[&str]]) -> (World, Arc<Mutex<usize>>) {
    let (lookup, lookups) = lookup(answers);
    let guard = AddressGuard::new([format!("{ALLOWED}/32").parse().unwrap()]).with_lookup(lookup);
    (World::with(DispatcherConfig { guard, ..DispatcherConfig::default() }).await, lookups)
}

#[tokio::test]
async fn the_address_that_was_checked_is_connected_to() {
    let (allowed, mut to_allowed) = listen((ALLOWED.parse::<IpAddr>().unwrap(), 0).into()).await;
    // The same port, so that only the address decides.
    let (_, mut to_refused) = listen((REFUSED.parse::<IpAddr>().unwrap(), allowed.port()).into()).await;
    let (world, lookups) = world(&[&[ALLOWED], &[REFUSED], &[ALLOWED, REFUSED], &[REFUSED, ALLOWED]]).await;
    let url = format!("http://rebinding.example:{}/", allowed.port());
    for (look_up, result) in
        [(1, "delivered"), (2, "address_refused"), (3, "address_refused"), (4, "address_refused")]
    {
        let endpoint = world.endpoint(&url, json!({ "retry": ["0s"] })).await;
        world.event(&endpoint).await;
        assert_eq!(world.attempts(&endpoint, 1).await[0].result, result, "{look_up}");
        assert_eq!(*lookups.lock().unwrap(), look_up, "an attempt looks its host up once");
    }
    assert!(to_allowed.try_recv().is_ok(), "the first attempt was sent");
    assert!(to_allowed.try_recv().is_err(), "no other one was");
    assert!(to_refused.try_recv().is_err(), "no connection to the refused address");
    world.stop().await;
}

#[tokio::test]
async fn a_name_without_addresses_is_unknown() {
    let (world, _) = world(&[&[]]).await;
    let endpoint = world.endpoint("http://empty.example/", json!({})).await;
    world.event(&endpoint).await;
    assert_eq!(world.attempts(&endpoint, 1).await[0].result, "unknown_host");
    world.stop().await;
}
