//! The oracle's arithmetic, and its client against a server that answers by rote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use leadgate_testkit::oracle::{
    LeadClient, ObservedOutcome, ObservedSubmission, Oracle, RequestState, body_hash,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

fn held(submission: Uuid, body: &str, outcome: ObservedOutcome) -> ObservedSubmission {
    ObservedSubmission { submission, body_hash: body_hash(body.as_bytes()), outcome, lead: None }
}

fn acked(oracle: &Oracle, key: &str, body: &str) -> Uuid {
    let submission = Uuid::now_v7();
    oracle.answer(oracle.issue(Some(key), body.as_bytes()), RequestState::Acked(submission));
    submission
}

fn ended(oracle: &Oracle, key: &str, body: &str, state: RequestState) {
    oracle.answer(oracle.issue(Some(key), body.as_bytes()), state);
}

#[test]
fn every_outcome_conserves() {
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
        .map(|outcome| held(acked(&oracle, &format!("{outcome:?}"), "a"), "a", *outcome))
        .collect();
    ended(&oracle, "r", "b", RequestState::Refused(422));
    let report = oracle.check(&all);
    report.assert_conserved();
    assert_eq!((report.acked, report.refused, report.unknown), (6, 1, 0));
    assert_eq!((report.stored, report.duplicate, report.quarantined, report.parked), (3, 1, 1, 1));
}

#[test]
fn an_acked_submission_that_is_not_held_is_lost() {
    let oracle = Oracle::new();
    let kept = acked(&oracle, "1", "a");
    acked(&oracle, "2", "b");
    let report = oracle.check(&[held(kept, "a", ObservedOutcome::Created)]);
    assert_eq!((report.lost, report.doubled, report.invented), (1, 0, 0));
    assert!(!report.is_conserved());
}

#[test]
fn one_id_for_two_bodies_loses_one() {
    let oracle = Oracle::new();
    let shared = acked(&oracle, "1", "a");
    ended(&oracle, "2", "b", RequestState::Acked(shared));
    assert_eq!(oracle.check(&[held(shared, "a", ObservedOutcome::Created)]).lost, 1);
}

#[test]
fn one_id_for_a_repeated_request_is_one_submission() {
    let oracle = Oracle::new();
    let first = acked(&oracle, "1", "a");
    ended(&oracle, "1", "a", RequestState::Acked(first));
    let report = oracle.check(&[held(first, "a", ObservedOutcome::Created)]);
    report.assert_conserved();
    assert_eq!(report.acked, 1);
}

#[test]
fn a_submission_that_is_held_twice_is_doubled() {
    let oracle = Oracle::new();
    let once = held(acked(&oracle, "1", "a"), "a", ObservedOutcome::Created);
    let report = oracle.check(&[once.clone(), once]);
    assert_eq!((report.lost, report.doubled, report.invented), (0, 1, 0));
}

#[test]
fn a_key_that_took_effect_twice_is_doubled() {
    let oracle = Oracle::new();
    ended(&oracle, "1", "a", RequestState::Refused(503));
    let retried = acked(&oracle, "1", "a");
    let ghost = Uuid::now_v7();
    let fine = [held(ghost, "a", ObservedOutcome::Created), held(retried, "a", ObservedOutcome::Duplicate)];
    let report = oracle.check(&fine);
    report.assert_conserved();
    assert_eq!((report.recovered, report.stored, report.duplicate), (1, 1, 1));
    let twice = [held(ghost, "a", ObservedOutcome::Created), held(retried, "a", ObservedOutcome::Updated)];
    assert_eq!(oracle.check(&twice).doubled, 1);
}

#[test]
fn what_nobody_sent_or_what_was_refused_for_good_is_invented() {
    let oracle = Oracle::new();
    ended(&oracle, "1", "refused", RequestState::Refused(422));
    ended(&oracle, "2", "unknown", RequestState::Unknown);
    let report = oracle.check(&[
        held(Uuid::now_v7(), "refused", ObservedOutcome::Created),
        held(Uuid::now_v7(), "nobody", ObservedOutcome::Created),
        held(Uuid::now_v7(), "unknown", ObservedOutcome::Created),
    ]);
    assert_eq!((report.recovered, report.invented, report.doubled), (1, 2, 0));
    // One request of unknown end explains one submission.
    let more = oracle.check(&[
        held(Uuid::now_v7(), "unknown", ObservedOutcome::Created),
        held(Uuid::now_v7(), "unknown", ObservedOutcome::Duplicate),
    ]);
    assert_eq!((more.recovered, more.invented), (1, 1));
}

#[test]
fn an_acked_submission_with_another_body_is_invented() {
    let oracle = Oracle::new();
    let submission = acked(&oracle, "1", "a");
    assert_eq!(oracle.check(&[held(submission, "b", ObservedOutcome::Created)]).invented, 1);
}

#[test]
fn a_request_without_an_answer_is_unknown() {
    let oracle = Oracle::new();
    drop(oracle.issue(None, b"a"));
    assert_eq!(oracle.check(&[]).unknown, 1);
}

#[test]
#[should_panic(expected = "not conserved: 1 acked, 0 refused, 0 unknown; held: 0 stored")]
fn the_assertion_says_what_it_found() {
    let oracle = Oracle::new();
    acked(&oracle, "1", "a");
    oracle.check(&[]).assert_conserved();
}

#[test]
fn hashes_are_lower_case_hexadecimal() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(body_hash(b""), empty);
}

/// Answers each request by what its body asks for, and tells what it was sent.
async fn serve(stream: TcpStream, seen: tokio::sync::mpsc::UnboundedSender<String>) -> anyhow::Result<()> {
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
        let answer = match body.as_str() {
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
        seen.send(format!("{head}{body}"))?;
        stream.write_all(answer.as_bytes()).await?;
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
async fn the_client_tells_answers_apart() -> anyhow::Result<()> {
    let (base, mut seen) = server().await?;
    let client = LeadClient::new(&base, "lg_live_x").timeout(Duration::from_millis(300));
    let oracle = Oracle::new();
    let mut states = Vec::new();
    for body in ["busy", "wrong", "crash", "half", "close", "hang"] {
        let answer = client.post(&oracle, Some("k1"), body.into()).await?;
        assert_eq!(answer.retry_after, (body == "busy").then_some(3));
        states.push(answer.state);
    }
    let unknown = RequestState::Unknown;
    assert_eq!(
        states,
        [RequestState::Refused(503), RequestState::Refused(422), unknown, unknown, unknown, unknown]
    );
    assert!(matches!(client.post(&oracle, None, b"{}".into()).await?.state, RequestState::Acked(_)));
    let first = seen.recv().await.unwrap();
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
async fn loops_post_everything_from_as_many_connections_as_told() -> anyhow::Result<()> {
    let (base, _seen) = server().await?;
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
