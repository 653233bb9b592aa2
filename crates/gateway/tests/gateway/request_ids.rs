//! `x-request-id` in answers and in the log.

use leadgate_gateway::GatewayConfig;
use uuid::Uuid;

use crate::logs::lines_with;
use crate::raw::exchange;
use crate::world::{World, config, send};

#[tokio::test]
async fn every_response_has_a_request_id() {
    let metrics_listen = Some(([127, 0, 0, 1], 0).into());
    let world = World::with(GatewayConfig { metrics_listen, ..config() }).await;
    let operators = format!("http://{}/healthz", world.operators.unwrap());
    for request in [
        world.get("/v1/leads"),
        world.get("/v1/leads/nothing"),
        world.get("/nowhere"),
        world.post().body("{"),
        world.post().body(r#"{"phone":"+14155550100"}"#),
        world.client.get(world.url("/v1/leads")),
        world.client.delete(world.url("/v1/leads")),
        world.client.request("OPTIONS".parse().unwrap(), world.url("/v1/leads")),
        world.client.get(world.url("/healthz")),
        world.client.get(operators),
    ] {
        let answer = send(request.header("origin", "https://page.example")).await;
        assert!(answer.header("x-request-id").parse::<Uuid>().is_ok(), "{answer:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_well_formed_request_id_of_a_client_is_used() {
    let world = World::start().await;
    let own = format!("shop:{}-7a_.", Uuid::now_v7());
    let answer = send(world.get("/v1/leads/nothing").header("x-request-id", &own)).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (404, own.as_str()));
    let lines = lines_with(&own);
    assert!(lines.iter().any(|line| line.contains("request refused")), "{lines:?}");

    let longest = "x".repeat(128);
    let answer = send(world.get("/v1/leads").header("x-request-id", &longest)).await;
    assert_eq!(answer.header("x-request-id"), longest);
    for ill_formed in ["", "a b", "a\"b", "a{b", "ann@acme.example", "\u{e9}", &"x".repeat(129)] {
        let answer = send(world.get("/v1/leads").header("x-request-id", ill_formed)).await;
        assert!(answer.header("x-request-id").parse::<Uuid>().is_ok(), "{ill_formed}: {answer:?}");
    }
    let twice =
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nX-Request-Id: b\r\nConnection: close\r\n\r\n";
    let answer = exchange(world.address, twice.as_bytes()).await.unwrap();
    assert!(answer.header("x-request-id").parse::<Uuid>().is_ok(), "{answer:?}");
    world.end().await;
}
