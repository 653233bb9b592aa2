//! The five systems that clients come from: what their pages show, sent as it stands there but for host and key.

mod abc_sales;
mod askad;
mod five_hundred_leads;
mod kickofflabs;
mod lead2inbound;
mod without_workers;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::world::{World, http, until};

/// A source of a dialect, with a key and a URL.
pub struct Way {
    pub id: String,
    pub key: String,
    pub token: String,
    /// Takes leads by itself.
    pub url: String,
    pub campaign: String,
}

impl Way {
    pub async fn into(world: &World, dialect: &str) -> Self {
        Self::with(world, dialect, &[]).await
    }

    /// With more arguments for `source create`.
    pub async fn with(world: &World, dialect: &str, arguments: &[&str]) -> Self {
        let create = ["source", "create", "--organization", "acme", "--dialect", dialect];
        let made = world.cli(&[&create, arguments].concat()).await;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let source = text("id");
        let key = ["key", "create", "--organization", "acme", "--source", &source, "--scopes", "write,read"];
        let key = world.cli(&key).await["key"].as_str().unwrap().to_owned();
        // The command knows the host of a server on its data folder only.
        let url = text("url");
        let url = if url.starts_with('/') { format!("{}{url}", world.base) } else { url };
        assert!(url.starts_with(&world.base), "{url}");
        Self { id: text("id"), key, token: text("token"), url, campaign: text("campaign_id") }
    }
}

/// An answer, whole.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub async fn send(request: RequestBuilder) -> Got {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Got { status, headers, text, body }
}

/// A JSON document to a path, with a bearer's key.
pub async fn post(world: &World, path: &str, key: &str, document: &str) -> Got {
    let request = http().post(format!("{}{path}", world.base)).bearer_auth(key);
    send(request.header("content-type", "application/json").body(document.to_owned())).await
}

pub fn request(world: &World, method: Method, path: &str) -> RequestBuilder {
    http().request(method, format!("{}{path}", world.base))
}

/// The newest lead that has this email, once there is one. Ids are not looked at: some systems tell none.
pub async fn lead_of(world: &World, email: &str) -> Value {
    let look = || async {
        let (_, list) = world.get("/v1/leads?limit=100").await;
        let leads = list["data"].as_array().cloned().unwrap_or_default();
        leads.into_iter().find(|lead| lead["email"]["address"] == email)
    };
    until("the lead", look).await
}

/// The lead under an id, once the worker is done with it.
pub async fn lead(world: &World, id: &str) -> Value {
    let path = format!("/v1/leads/{id}");
    let look = || async {
        let (status, shown) = world.get(&path).await;
        (status == 200 && shown["status"] != "queued").then_some(shown)
    };
    until("the lead", look).await
}
