//! Measures what a posted lead costs between its bytes and its message: `cargo run --release -p leadgate-dialect
//! --example accept`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark that prints its results")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use leadgate_dialect::{LeadRequest, accept, protocol};
use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::{MatchKey, RootSecret};
use leadgate_domain::{
    ApiKey, BodyFormat, ClientInfo, Dialect, KeyKind, OrganizationId, Scope, Source, Submission,
    SubmissionId, Timestamp,
};

const LEADS: u32 = 5_000;
const ROUNDS: usize = 15;

const SMALL: &str = r#"{"phone":"(415) 555-0132","email":"ann.lee@example.com","full_name":"Ann Lee"}"#;

const RICH: &str = r#"{"phone":"(415) 555-0132","email":"Ann.Lee@example.com","first_name":"Ann","last_name":"Lee",
"company":"Example Roofing","external_id":"crm-0000482211","state":"California","source":"landing-page-7",
"page_url":"https://roofs.example/offer?utm_source=google&utm_medium=cpc&gclid=Cj0KCQjwtZ","tags":["roof","spring"],
"utm_source":"google","utm_medium":"cpc","utm_campaign":"roof-spring","consent":{"consent_timestamp":"2026-11-01T10:00:00Z",
"consent_text_version":"tcpa-v7","source_url":"https://roofs.example/offer","user_agent":"Mozilla/5.0"},
"custom_fields":{"roof_type":"asphalt shingle","square_feet":2450,"note":"Call in the evening. The dog bites, and the
gate sticks.","budget":"10000-15000","owner":true}}"#;

struct World {
    source: Source,
    key: ApiKey,
    match_key: MatchKey,
    id: SubmissionId,
}

fn main() {
    let organization = OrganizationId::generate();
    let now = Timestamp::now();
    let source = Source::new(organization, &protocol(Dialect::Native).source_defaults, None, now);
    let pepper = RootSecret::new("a root secret for measurements only", None).unwrap().api_keys();
    let (presented, _) = PresentedKey::generate(KeyKind::Secret);
    let key = ApiKey::new(&presented, organization, source.id, vec![Scope::Write], &pepper);
    let id = SubmissionId::from_uuid(organization.as_uuid());
    let world = World { source, key, match_key: MatchKey::new([0x55; 32]), id };
    for (name, body) in [("small", SMALL), ("rich", RICH)] {
        let body = body.replace('\n', " ");
        // The best of several rounds, because other load on the machine only adds time.
        let (mut accepting, mut serializing, mut bytes) = (Duration::MAX, Duration::MAX, 0);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let accepted: Vec<_> = (0..LEADS).map(|_| accept_lead(&world, body.as_bytes())).collect();
            accepting = accepting.min(started.elapsed());
            let started = Instant::now();
            for submission in &accepted {
                bytes = black_box(serde_json::to_vec(submission).unwrap()).len();
            }
            serializing = serializing.min(started.elapsed());
        }
        let micros = |elapsed: Duration| elapsed.as_secs_f64() * 1e6 / f64::from(LEADS);
        println!(
            "{name}, {} bytes, message {bytes} bytes: accept {:.2} µs, serialize {:.2} µs",
            body.len(),
            micros(accepting),
            micros(serializing)
        );
    }
}

fn accept_lead(world: &World, body: &[u8]) -> Submission {
    let agent =
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36";
    let request = LeadRequest {
        media: BodyFormat::Json,
        body,
        query: None,
        idempotency_key: None,
        traceparent: None,
        client: ClientInfo {
            address: Some("192.0.2.1".to_owned()),
            user_agent: Some(agent.to_owned()),
            ..ClientInfo::default()
        },
    };
    let World { source, key, match_key, id } = world;
    accept(request, source, key, match_key, *id, Timestamp::now())
        .map_err(|error| format!("{error:?}"))
        .unwrap()
        .submission
}
