//! Query parameters: every route refuses those that it does not declare.

use leadgate_dialect::IntakeParameters;
use leadgate_domain::{ApiKey, Dialect, KeyKind, Scope};
use leadgate_gateway::{GatewayConfig, HttpRoute, operator_routes, routes};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::raw::exchange;
use crate::world::{Answer, World, config, send};

const LEAD: &str = r#"{"phone":"+14155550100"}"#;

/// Builds requests for the routes of the table, without bodies.
struct Requests<'w> {
    world: &'w World,
    token: String,
}

impl<'w> Requests<'w> {
    async fn new(world: &'w World) -> Self {
        world.until_ready_is(200).await;
        let (source, _) = world.source_of(Dialect::FiveHundredLeads, |_| {}).await;
        Self { world, token: world.credential(KeyKind::Token, |key| key.source = source.id).await }
    }

    fn request(&self, route: &HttpRoute, query: &str) -> RequestBuilder {
        let id = uuid::Uuid::now_v7().to_string();
        let path = route.path.replace("{token}", &self.token).replace("{id}", &id);
        let url = self.world.url(&format!("{path}?{query}"));
        let method = route.method.parse().unwrap();
        self.world.client.request(method, url).bearer_auth(&self.world.key)
    }
}

fn assert_names(answer: &Answer, code: &str, name: &str, route: &HttpRoute) {
    let HttpRoute { method, path, .. } = route;
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!(code)), "{method} {path}: {answer:?}");
    assert_eq!(answer.body["errors"][0]["parameter"], name, "{method} {path}: {answer:?}");
}

#[tokio::test]
async fn every_route_refuses_a_parameter_that_it_does_not_declare() {
    let world = World::start().await;
    let requests = Requests::new(&world).await;
    let mut refusing = 0;
    for route in routes().iter().filter(|route| route.intake != Some(IntakeParameters::Fields)) {
        let request = requests.request(route, "elegibility=zenobia");
        // Without a body, the parameters of a token's URL are the fields of a form.
        let answer = send(if route.method == "POST" { request.json(&json!({})) } else { request }).await;
        assert_names(&answer, "unknown_parameter", "elegibility", route);
        assert!(!answer.body.to_string().contains("zenobia"), "no value is repeated: {answer:?}");
        let in_dialect = answer.body.get("error").is_some();
        let of_native = ["/v1/", "/healthz", "/readyz", "/metrics"].iter().any(|p| route.path.starts_with(p));
        assert_eq!(
            in_dialect,
            !of_native || route.path.starts_with("/v1/webhook"),
            "{}: {answer:?}",
            route.path
        );
        refusing += 1;
    }
    assert!(refusing > 30);
    assert_eq!(world.published().await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_route_without_a_body_refuses_one() {
    let world = World::start().await;
    let filter = json!({ "eligibility": "eligible" });
    let of_source = |path: &str| format!("/v1/sources/{}{path}", world.source);
    for (method, path) in [
        (Method::GET, "/v1/leads".to_owned()),
        (Method::GET, "/v1/keys".to_owned()),
        (Method::POST, of_source("/disable")),
        (Method::DELETE, of_source("")),
    ] {
        let request = || world.client.request(method.clone(), world.url(&path)).bearer_auth(&world.key);
        let refused = send(request().json(&filter)).await;
        assert_eq!(refused.problem(), (400, "unexpected_body"), "{method} {path}");
        let in_chunks = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\n{{}}\r\n0\r\n\r\n",
            world.key
        );
        let refused = exchange(world.address, in_chunks.as_bytes()).await.unwrap();
        assert_eq!(refused.problem(), (400, "unexpected_body"), "{method} {path} in chunks");
    }
    let kept = world.store.source(world.organization, world.source).await.unwrap().unwrap();
    assert_eq!((kept.disabled_at, kept.deleted_at), (None, None));
    let empty =
        world.get("/v1/leads").header("content-type", "application/json").header("content-length", "0");
    assert_eq!(send(empty).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn the_address_for_operators_refuses_parameters_too() {
    let metrics_listen = Some(([127, 0, 0, 1], 0).into());
    let world = World::with(GatewayConfig { metrics_listen, ..config() }).await;
    world.until_ready_is(200).await;
    for route in operator_routes() {
        let url = format!("http://{}{}?verbose=1", world.operators.unwrap(), route.path);
        assert_names(&send(world.client.get(url)).await, "unknown_parameter", "verbose", route);
    }
    world.end().await;
}

#[tokio::test]
async fn a_repeated_or_unreadable_parameter_is_refused() {
    let world = World::start().await;
    let requests = Requests::new(&world).await;
    for route in routes() {
        for name in route.parameters {
            let twice = send(requests.request(route, &format!("{name}=1&{name}=1"))).await;
            assert_names(&twice, "repeated_parameter", name, route);
            let unreadable = send(requests.request(route, &format!("{name}=%ff"))).await;
            assert_names(&unreadable, "invalid_parameter", name, route);
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_shared_path_refuses_in_the_dialect_of_the_callers_source() {
    let world = World::start().await;
    let (_, key) = world.source_of(Dialect::Lead2inbound, |_| {}).await;
    for request in
        [world.client.get(world.url("/v1/leads?x=1")), world.client.post(world.url("/v1/leads?x=1"))]
    {
        let answer = send(request.bearer_auth(&key)).await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.body,
            json!({
                "error": answer.body["errors"][0]["detail"], "code": "unknown_parameter",
                "errors": [{ "parameter": "x", "code": "unknown_parameter", "detail": answer.body["error"] }],
            })
        );
    }
    world.end().await;
}

#[tokio::test]
async fn a_shared_path_refuses_in_the_dialect_of_the_callers_source_from_authentication_on() {
    let world = World::start().await;
    let (source, _) = world.source_of(Dialect::Lead2inbound, |_| {}).await;
    let key = async |change: fn(&mut ApiKey)| {
        let bind = |key: &mut ApiKey| {
            key.source = source.id;
            change(key);
        };
        world.credential(KeyKind::Secret, bind).await
    };
    let (reader, writer) =
        (key(|key| key.scopes = vec![Scope::Read]).await, key(|key| key.scopes = vec![Scope::Write]).await);
    let once = key(|key| key.rate = "1/min".parse().ok()).await;
    let in_page = |key: &str| world.client.post(world.url("/v1/leads")).bearer_auth(key);
    let mut refused = vec![
        (403, "insufficient_scope", send(in_page(&reader).json(&json!({ "phone": "1" }))).await),
        (403, "secret_key_in_page", send(in_page(&writer).header("origin", "https://x.example")).await),
        (
            403,
            "insufficient_scope",
            send(world.client.get(world.url("/v1/leads")).bearer_auth(&writer)).await,
        ),
    ];
    send(in_page(&once)).await;
    refused.push((429, "rate_limited", send(in_page(&once)).await));
    refused.push((
        429,
        "rate_limited",
        send(world.client.get(world.url("/v1/leads")).bearer_auth(&once)).await,
    ));
    let (_, closed) = world
        .source_of(Dialect::Lead2inbound, |source| source.networks = vec!["192.0.2.0/24".parse().unwrap()])
        .await;
    refused.push((403, "address_not_allowed", send(in_page(&closed)).await));
    for (status, code, answer) in refused {
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{answer:?}");
        assert!(answer.body["error"].is_string() && answer.body.get("type").is_none(), "{answer:?}");
        assert!(answer.headers.contains_key("x-ratelimit-remaining"), "{answer:?}");
    }
    let unknown = send(in_page("lg_live_x")).await;
    assert_eq!(unknown.problem(), (401, "malformed_key"), "a caller who is not known yet is told in ours");
    world.end().await;
}

#[tokio::test]
async fn kickofflabs_clients_send_fields_in_the_query_of_every_intake_route() {
    let world = World::start().await;
    let (source, key) = world.source_of(Dialect::KickoffLabs, |_| {}).await;
    let token = world.credential(KeyKind::Token, |key| key.source = source.id).await;
    let campaign = source.campaign.unwrap();
    for path in [
        "/v1/leads".to_owned(),
        format!("/v2/{campaign}"),
        format!("/v2/{campaign}/inbound-webhook/{token}"),
        format!("/api/webhooks/{token}"),
    ] {
        let post = world.client.post(world.url(&format!("{path}?favourite=x&email=a%40b.example")));
        let answer = send(post.bearer_auth(&key).header("prefer", "respond-async")).await;
        assert!((200..=202).contains(&answer.status), "{path}: {answer:?}");
    }
    assert_eq!(world.published().await, 4);
    world.end().await;
}

#[tokio::test]
async fn a_token_url_accepts_tracking_parameters() {
    let world = World::start().await;
    let requests = Requests::new(&world).await;
    for route in routes().iter().filter(|route| route.intake == Some(IntakeParameters::Tracking)) {
        let query = "utm_source=a&utm_source=b&UTM_Campaign=c&gclid=d&fbclid=e&msclkid=f&_gl=g";
        let post = requests.request(route, query).header("content-type", "application/json").body(LEAD);
        let answer = send(post).await;
        assert_eq!(answer.status, 200, "{}: {answer:?}", route.path);
    }
    assert_eq!(world.published().await, 2);
    world.end().await;
}

#[test]
fn the_page_about_http_names_every_parameter() {
    let page = include_str!("../../../../docs/http.md");
    let mut named = 0;
    for HttpRoute { method, path, parameters: declared, .. } in routes() {
        if declared.is_empty() || !path.starts_with("/v1/") {
            continue;
        }
        let query: Vec<_> = declared.iter().map(|name| format!("{name}=")).collect();
        let route = format!("`{method} {path}?{}`", query.join("&"));
        assert!(page.contains(&route), "{route}");
        named += 1;
    }
    assert!(named > 5);
}
