//! Tests of the oracle's checks, and of its client with a server that sends fixed responses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use leadgate_testkit::oracle::{
    LeadClient, ObservedOutcome, ObservedSubmission, Oracle, RequestState, body_hash,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

fn stored(submission: Uuid, body: &str, outcome: ObservedOutcome) -> ObservedSubmission {
    ObservedSubmission { submission, body_hash: body_hash(body.as_bytes()), outcome, lead: None }
}

fn acked(oracle: &Oracle, key: &str, body: &str) -> Uuid {
    let submission = Uuid::now_v7();
    oracle.answer(oracle.issue(Some(key), body.as_bytes()), RequestState::Acked(submission));
    submission
}

fn record(oracle: &Oracle, key: &str, body: &str, state: RequestState) {
    oracle.answer(oracle.issue(Some(key), body.as_bytes()), state);
}

#[test]
fn every_outcome_is_conserved() {
    let oracle = Oracle::new();
    let outcomes = [
        ObservedOutcome::Created,
        ObservedOutcome::Updated,
        ObservedOutcome::Linked,
        ObservedOutcome::Duplicate,
        ObservedOutcome::Quarantined,
        ObservedOutcome::Parked,
    ];
    let all: Vec<ObservedSubmission> = outcomes
        .iter()
        .map(|outcome| stored(acked(&oracle, &format!("{outcome:?}"), "a"), "a", *outcome))
        .collect();
    record(&oracle, "r", "b", RequestState::Refused(422));
    let report = oracle.check(&all);
    report.assert_conserved();
    assert_eq!((report.acked, report.refused, report.unknown), (6, 1, 0));
    assert_eq!((report.stored, report.duplicate, report.quarantined, report.parked), (3, 1, 1, 1));
}

#[test]
fn an_acked_submission_that_is_not_stored_is_lost() {
    let oracle = Oracle::new();
    let kept = acked(&oracle, "1", "a");
    acked(&oracle, "2", "b");
    let report = oracle.check(&[stored(kept, "a", ObservedOutcome::Created)]);
    assert_eq!((report.lost, report.duplicated, report.unexpected), (1, 0, 0));
    assert!(!report.is_conserved());
}

#[test]
fn one_id_for_two_bodies_is_a_lost_submission() {
    let oracle = Oracle::new();
    let shared = acked(&oracle, "1", "a");
    record(&oracle, "2", "b", RequestState::Acked(shared));
    assert_eq!(oracle.check(&[stored(shared, "a", ObservedOutcome::Created)]).lost, 1);
}

#[test]
fn one_id_for_a_repeated_request_is_one_submission() {
    let oracle = Oracle::new();
    let first = acked(&oracle, "1", "a");
    record(&oracle, "1", "a", RequestState::Acked(first));
    let report = oracle.check(&[stored(first, "a", ObservedOutcome::Created)]);
    report.assert_conserved();
    assert_eq!(report.acked, 1);
}

#[test]
fn a_submission_that_is_stored_twice_is_duplicated() {
    let oracle = Oracle::new();
    let once = stored(acked(&oracle, "1", "a"), "a", ObservedOutcome::Created);
    let report = oracle.check(&[once.clone(), once]);
    assert_eq!((report.lost, report.duplicated, report.unexpected), (0, 1, 0));
}

#[test]
fn an_idempotency_key_with_two_effects_is_duplicated() {
    let oracle = Oracle::new();
    record(&oracle, "1", "a", RequestState::Refused(503));
    let retried = acked(&oracle, "1", "a");
    let recovered = Uuid::now_v7();
    let fine =
        [stored(recovered, "a", ObservedOutcome::Created), stored(retried, "a", ObservedOutcome::Duplicate)];
    let report = oracle.check(&fine);
    report.assert_conserved();
    assert_eq!((report.recovered, report.stored, report.duplicate), (1, 1, 1));
    let twice =
        [stored(recovered, "a", ObservedOutcome::Created), stored(retried, "a", ObservedOutcome::Updated)];
    assert_eq!(oracle.check(&twice).duplicated, 1);
}

#[test]
fn a_submission_that_was_refused_or_not_sent_is_unexpected() {
    let oracle = Oracle::new();
    record(&oracle, "1", "refused", RequestState::Refused(422));
    record(&oracle, "2", "unknown", RequestState::Unknown);
    let report = oracle.check(&[
        stored(Uuid::now_v7(), "refused", ObservedOutcome::Created),
        stored(Uuid::now_v7(), "unsent", ObservedOutcome::Created),
        stored(Uuid::now_v7(), "unknown", ObservedOutcome::Created),
    ]);
    assert_eq!((report.recovered, report.unexpected, report.duplicated), (1, 2, 0));
    // One request of unknown end explains one submission.
    let more = oracle.check(&[
        stored(Uuid::now_v7(), "unknown", ObservedOutcome::Created),
        stored(Uuid::now_v7(), "unknown", ObservedOutcome::Duplicate),
    ]);
    assert_eq!((more.recovered, more.unexpected), (1, 1));
}

#[test]
fn an_acked_submission_with_another_body_is_unexpected() {
    let oracle = Oracle::new();
    let submission = acked(&oracle, "1", "a");
    assert_eq!(oracle.check(&[stored(submission, "b", ObservedOutcome::Created)]).unexpected, 1);
}

#[test]
fn a_request_without_a_response_is_unknown() {
    let oracle = Oracle::new();
    drop(oracle.issue(None, b"a"));
    assert_eq!(oracle.check(&[]).unknown, 1);
}

#[test]
#[should_panic(expected = "not conserved: 1 acked, 0 refused, 0 unknown; observed: 0 stored")]
fn the_assertion_contains_the_report() {
    let oracle = Oracle::new();
    acked(&oracle, "1", "a");
    oracle.check(&[]).assert_conserved();
}

#[test]
fn hashes_are_lower_case_hexadecimal() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(body_hash(b""), empty);
}

/// Sends the response that the body of each request selects, and passes the request to the test.
async fn serve(
    stream: TcpStream,
    requests: tokio::sync::mpsc::UnboundedSender<String>,
) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse()?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let body = String::from_utf8(body)?;
        let response = match body.as_str() {
            "hang" => std::future::pending().await,
            "close" => return Ok(()),
            "half" => "HTTP/1.1 202 Accepted\r\ncontent-length: 60\r\n\r\n{\"id\":".to_owned(),
            "busy" => "HTTP/1.1 503 x\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "wrong" => "HTTP/1.1 422 x\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "crash" => "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n".to_owned(),
            _ => {
                let body = format!(r#"{{"id":"{}","status":"queued"}}"#, Uuid::now_v7());
                format!("HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            }
        };
        requests.send(format!("{head}{body}"))?;
        stream.write_all(response.as_bytes()).await?;
        if body == "half" {
            return Ok(());
        }
    }
}

async fn server() -> anyhow::Result<(String, tokio::sync::mpsc::UnboundedReceiver<String>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}/", listener.local_addr()?);
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, sender.clone()));
        }
    });
    Ok((base, receiver))
}

#[tokio::test]
async fn the_client_classifies_responses() -> anyhow::Result<()> {
    let (base, mut requests) = server().await?;
    let client = LeadClient::new(&base, "lg_live_x").timeout(Duration::from_millis(300));
    let oracle = Oracle::new();
    let mut states = Vec::new();
    for body in ["busy", "wrong", "crash", "half", "close", "hang"] {
        let response = client.post(&oracle, Some("k1"), body.into()).await?;
        assert_eq!(response.retry_after, (body == "busy").then_some(3));
        states.push(response.state);
    }
    let unknown = RequestState::Unknown;
    assert_eq!(
        states,
        [RequestState::Refused(503), RequestState::Refused(422), unknown, unknown, unknown, unknown]
    );
    assert!(matches!(client.post(&oracle, None, b"{}".into()).await?.state, RequestState::Acked(_)));
    let first = requests.recv().await.unwrap();
    for part in
        ["post /v1/leads http", "authorization: bearer lg_live_x\r\n", "idempotency-key: k1\r\n", "busy"]
    {
        assert!(first.contains(part), "{part} is not in {first}");
    }
    assert_eq!(oracle.acked(), 1);
    assert_eq!(oracle.states().len(), 7);
    assert!(oracle.latency(100) >= Duration::from_millis(300));
    Ok(())
}

#[tokio::test]
async fn both_loops_post_all_bodies() -> anyhow::Result<()> {
    let (base, _requests) = server().await?;
    let client = LeadClient::new(&base, "k").connections(4);
    let oracle = Arc::new(Oracle::new());
    client.closed_loop(&oracle, (0..100).map(|n| n.to_string().into_bytes())).await?;
    assert_eq!(oracle.acked(), 100);
    let started = std::time::Instant::now();
    client.open_loop(&oracle, 200, (0..60).map(|n| n.to_string().into_bytes())).await?;
    assert_eq!(oracle.acked(), 160);
    assert!(started.elapsed() >= Duration::from_millis(290), "took {:?}", started.elapsed());
    Ok(())
}
