//! Logs contain enough for an operator, and no personal data.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use leadgate_domain::key::PresentedKey;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::world::{World, send};

/// The log of all tests of this process, at level debug.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts to collect the log.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let logs = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
        logs.with_writer(|| Writer).init();
    });
}

/// The lines that contain a text.
pub(crate) fn lines_with(text: &str) -> Vec<String> {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let log = String::from_utf8_lossy(&log);
    log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_log_contains_routes_and_codes_and_no_personal_data() {
    let world = World::start().await;
    let (_, unknown) = PresentedKey::generate(leadgate_domain::KeyKind::Secret);
    let unknown = unknown.expose_secret();
    let person = json!({
        "phone": "+14155559876", "email": "zenobia@secret.example", "full_name": "Zenobia Quux",
        "company": ["Quux & Sons"], "custom_fields": {"zenobia_note": "\u{1}"},
    });
    let faulty = send(world.post().body(person.to_string())).await;
    assert_eq!(faulty.problem(), (422, "invalid_lead"));
    let cut = person.to_string();
    send(world.post().body(cut[..cut.len() - 1].to_owned())).await;
    let whole = json!({"phone": "+14155559876", "email": "zenobia@secret.example"});
    let id = world.accepted(&whole).await;
    world.work().await;
    send(world.get(&format!("/v1/leads/{id}?phone=%2B14155559876"))).await;
    send(world.client.get(world.url("/v1/leads/zenobia-quux")).bearer_auth(unknown)).await;
    world.queue.shutdown().await;
    assert_eq!(send(world.post().body(whole.to_string())).await.status, 503);

    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    for (level, text) in [("DEBUG", "invalid_lead"), ("DEBUG", "not_json"), ("ERROR", "queue_unavailable")] {
        // Other tests of the process write to the same log.
        let has_text = |line: &&str| line.contains(text) && line.contains("\"/v1/leads\"");
        let line = log.lines().find(has_text).unwrap_or_default();
        assert!(line.contains(level), "{text}: {line}");
    }
    let key = &world.key;
    for secret in ["4155559876", "zenobia", "Zenobia", "Quux", &key[19..], &unknown[19..]] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    world.end().await;
}
