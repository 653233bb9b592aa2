//! Routes for operators.

use serde_json::json;

use crate::world::{World, config, send};

#[tokio::test]
async fn operators_need_no_key() {
    let world = World::start().await;
    let answer = send(world.client.get(world.url("/healthz"))).await;
    assert_eq!((answer.status, answer.body), (200, json!({"status": "ok"})));
    let answer = send(world.client.get(world.url("/metrics"))).await;
    assert_eq!((answer.status, answer.body), (200, json!("leadgate_up 1\n")));
    let answer = world.until_ready_is(200).await;
    assert_eq!(answer.body, json!({"status": "ready", "degraded": []}));
    let head = world.client.head(world.url("/healthz")).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.bytes().await.unwrap().len()), (200, 0));
    world.end().await;
}

#[tokio::test]
async fn a_forwarded_request_sees_the_status_without_the_reasons() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let forwarded = |path: &str| world.client.get(world.url(path)).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(send(forwarded("/metrics")).await.problem(), (404, "not_found"));
    let ready = send(forwarded("/readyz")).await;
    assert_eq!((ready.status, ready.body), (200, json!({"status": "ready"})));
    // A web page in a browser on this machine.
    for (name, value) in
        [("origin", "https://page.example"), ("sec-fetch-site", "cross-site"), ("host", "page.example:8080")]
    {
        let of_page = |path: &str| world.client.get(world.url(path)).header(name, value);
        assert_eq!(send(of_page("/metrics")).await.problem(), (404, "not_found"), "{name}");
        assert_eq!(send(of_page("/readyz")).await.body, json!({"status": "ready"}), "{name}");
    }
    world.queue.shutdown().await;
    let not_ready = world.until_ready_is(503).await;
    assert_eq!(not_ready.body["reasons"][0]["part"], "queue");
    let not_ready = send(forwarded("/readyz")).await;
    assert_eq!(not_ready.problem(), (503, "not_ready"));
    assert!(not_ready.body.get("reasons").is_none_or(|reasons| reasons == &json!([])), "{}", not_ready.body);
    world.end().await;
}

#[tokio::test]
async fn a_separate_operator_address_is_the_only_one_for_operators() {
    let metrics_listen = Some(([127, 0, 0, 1], 0).into());
    let world = World::with(leadgate_gateway::GatewayConfig { metrics_listen, ..config() }).await;
    world.until_ready_is(200).await;
    assert_eq!(send(world.client.get(world.url("/metrics"))).await.problem(), (404, "not_found"));
    assert_eq!(send(world.client.get(world.url("/readyz"))).await.body, json!({"status": "ready"}));
    let own = |path: &str| world.client.get(format!("http://{}{path}", world.operators.unwrap()));
    assert_eq!(send(own("/metrics")).await.body, json!("leadgate_up 1\n"));
    assert_eq!(send(own("/readyz")).await.body, json!({"status": "ready", "degraded": []}));
    assert_eq!(send(own("/healthz")).await.status, 200);
    assert_eq!(send(own("/v1/leads").bearer_auth(&world.key)).await.status, 404);
    world.end().await;
}
