//! The five systems that Leadgate can replace. The requests are the examples of their documentation, with
//! another host and key.

mod abc_sales;
mod askad;
mod five_hundred_leads;
mod kickofflabs;
mod lead2inbound;
mod no_workers;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::world::{World, http, until};

/// A source of a dialect, with a key and a URL.
pub struct TestSource {
    pub id: String,
    pub key: String,
    pub token: String,
    /// Accepts leads without a key.
    pub url: String,
    pub campaign: String,
}

impl TestSource {
    pub async fn create(world: &World, dialect: &str) -> Self {
        Self::create_with(world, dialect, &[]).await
    }

    /// With more arguments for `source create`.
    pub async fn create_with(world: &World, dialect: &str, arguments: &[&str]) -> Self {
        let create = ["source", "create", "--organization", "acme", "--dialect", dialect];
        let created = world.cli(&[&create, arguments].concat()).await;
        let text = |name: &str| created[name].as_str().unwrap_or_default().to_owned();
        let source = text("id");
        let key = ["key", "create", "--organization", "acme", "--source", &source, "--scopes", "write,read"];
        let key = world.cli(&key).await["key"].as_str().unwrap().to_owned();
        // The command knows only the host of a server that uses its data folder.
        let url = text("url");
        let url = if url.starts_with('/') { format!("{}{url}", world.base) } else { url };
        assert!(url.starts_with(&world.base), "{url}");
        Self { id: text("id"), key, token: text("token"), url, campaign: text("campaign_id") }
    }
}

/// A complete response.
#[derive(Debug)]
pub struct TestResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl TestResponse {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub async fn send(request: RequestBuilder) -> TestResponse {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    TestResponse { status, headers, text, body }
}

/// Posts a JSON document with a key.
pub async fn post(world: &World, path: &str, key: &str, document: &str) -> TestResponse {
    let request = http().post(format!("{}{path}", world.base)).bearer_auth(key);
    send(request.header("content-type", "application/json").body(document.to_owned())).await
}

pub fn request(world: &World, method: Method, path: &str) -> RequestBuilder {
    http().request(method, format!("{}{path}", world.base))
}

/// Waits for the newest lead with this email. It is found by email, because some systems return no id.
pub async fn lead_of(world: &World, email: &str) -> Value {
    let attempt = || async {
        let (_, list) = world.get("/v1/leads?limit=100").await;
        let leads = list["data"].as_array().cloned().unwrap_or_default();
        leads.into_iter().find(|lead| lead["email"]["address"] == email)
    };
    until("the lead", attempt).await
}

/// Waits until the worker has processed a submission, and returns its lead.
pub async fn lead(world: &World, id: &str) -> Value {
    let path = format!("/v1/leads/{id}");
    let attempt = || async {
        let (status, shown) = world.get(&path).await;
        (status == 200 && shown["status"] != "queued").then_some(shown)
    };
    until("the lead", attempt).await
}
