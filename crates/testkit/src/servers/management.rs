//! RabbitMQ's management API, with which tests inspect and change the broker.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::{Value, json};

use crate::http_client;

/// The management API of one node, with the default administrator `guest`.
#[derive(Clone, Debug)]
pub(crate) struct ManagementApi {
    host: String,
    amqp: u16,
    port: u16,
}

impl ManagementApi {
    pub(crate) fn new(host: &str, amqp: u16, port: u16) -> Self {
        Self { host: host.to_owned(), amqp, port }
    }

    pub(crate) fn amqp_port(&self) -> u16 {
        self.amqp
    }

    pub(crate) fn management_port(&self) -> u16 {
        self.port
    }

    pub(crate) async fn await_listener(&self) -> anyhow::Result<()> {
        let port = self.amqp.to_string();
        self.get(&["health", "checks", "port-listener", &port], &[]).await.map(drop)
    }

    pub(crate) async fn alarmed(&self) -> anyhow::Result<bool> {
        let response = self.send(Method::GET, &["health", "checks", "local-alarms"], &[], None).await?;
        Ok(response.status() == StatusCode::SERVICE_UNAVAILABLE)
    }

    async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let response = self.send(Method::GET, path, query, None).await?;
        Ok(checked(response, path).await?.json().await?)
    }

    async fn put(&self, path: &[&str], body: &Value) -> anyhow::Result<()> {
        let response = self.send(Method::PUT, path, &[], Some(body)).await?;
        checked(response, path).await.map(drop)
    }

    async fn post(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        let response = self.send(Method::POST, path, &[], Some(body)).await?;
        let text = checked(response, path).await?.text().await?;
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }

    async fn delete(&self, path: &[&str]) -> anyhow::Result<()> {
        let response = self.send(Method::DELETE, path, &[], None).await?;
        checked(response, path).await.map(drop)
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Response> {
        let mut url = Url::parse(&format!("http://{}:{}/api", self.host, self.port))?;
        url.path_segments_mut().ok().context("the address has no path")?.extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = http_client().request(method, url).basic_auth("guest", Some("guest"));
        Ok(if let Some(body) = body { request.json(body) } else { request }.send().await?)
    }
}

async fn checked(response: Response, path: &[&str]) -> anyhow::Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    anyhow::bail!("RabbitMQ returned {status} for /api/{}: {text}", path.join("/"))
}

/// The virtual host of one test, with its own user that has all permissions.
#[derive(Clone, Debug)]
pub struct Vhost {
    /// The URL for AMQP clients.
    pub amqp_url: String,
    /// The name of the virtual host and of its user. It is also the password of the user.
    pub name: String,
    management: ManagementApi,
}

impl Vhost {
    pub(crate) async fn create(management: ManagementApi) -> anyhow::Result<Self> {
        let name = format!("test-{}", uuid::Uuid::now_v7().simple());
        let all_permissions = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        management.put(&["vhosts", &name], &json!({})).await?;
        management.put(&["users", &name], &json!({ "password": name, "tags": "" })).await?;
        management.put(&["permissions", &name, &name], &all_permissions).await?;
        management.put(&["permissions", &name, "guest"], &all_permissions).await?;
        let amqp_url = format!("amqp://{name}:{name}@{}:{}/{name}", management.host, management.amqp);
        Ok(Self { amqp_url, name, management })
    }

    /// The URL of the management API, with the credentials of the administrator.
    pub fn management_url(&self) -> String {
        format!("http://guest:guest@{}:{}/", self.management.host, self.management.port)
    }

    /// The definition of a policy of this virtual host.
    ///
    /// # Errors
    /// When the policy does not exist.
    pub async fn policy(&self, policy: &str) -> anyhow::Result<Value> {
        self.management.get(&["policies", &self.name, policy], &[]).await
    }

    /// The URL of the virtual host with another port, on which a [`crate::proxy::Proxy`] listens.
    ///
    /// # Errors
    /// Never in practice, because this type created the URL.
    pub fn amqp_url_via(&self, port: u16) -> anyhow::Result<String> {
        let mut url = Url::parse(&self.amqp_url)?;
        url.set_port(Some(port)).ok().context("the address has no port")?;
        Ok(url.into())
    }

    /// The number of messages in the queue, including unacknowledged ones. The broker reports it with a delay
    /// of 200 ms for a quorum queue and 500 ms for a classic one, so a test must wait for a number with
    /// [`Vhost::await_depth`].
    ///
    /// # Errors
    /// When the queue does not exist.
    pub async fn queue_depth(&self, queue: &str) -> anyhow::Result<u64> {
        let queues = self.queues().await?;
        let depth = queues.into_iter().find(|(name, _)| name == queue).map(|(_, depth)| depth);
        depth.with_context(|| format!("the queue {queue} does not exist in {}", self.name))
    }

    /// All queues with their depths, see [`Vhost::queue_depth`].
    ///
    /// # Errors
    /// When the management API does not respond.
    pub async fn queues(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let query = [("disable_stats", "true"), ("enable_queue_totals", "true")];
        let queues = self.management.get(&["queues", &self.name], &query).await?;
        let queues = queues.as_array().context("the response is not a list of queues")?.iter();
        queues
            .map(|queue| {
                let name = queue.get("name").and_then(Value::as_str).context("a queue has no name")?;
                // A new queue has not reported its depth yet.
                Ok((name.to_owned(), queue.get("messages").and_then(Value::as_u64).unwrap_or(0)))
            })
            .collect()
    }

    /// Waits at most `limit` until the queue has `depth` messages.
    ///
    /// # Errors
    /// When the queue has another depth at the limit.
    pub async fn await_depth(&self, queue: &str, depth: u64, limit: Duration) -> anyhow::Result<()> {
        super::wait::until(&format!("{queue} to have {depth} messages"), limit, || async {
            let current = self.queue_depth(queue).await?;
            ensure!(current == depth, "it has {current} messages");
            Ok(())
        })
        .await
    }

    /// Declares a durable queue, for example with `{"x-queue-type": "quorum"}`.
    ///
    /// # Errors
    /// When the queue exists with other arguments.
    pub async fn declare_queue(&self, queue: &str, arguments: Value) -> anyhow::Result<()> {
        let body = json!({ "durable": true, "arguments": arguments });
        self.management.put(&["queues", &self.name, queue], &body).await
    }

    /// Deletes a queue with its messages.
    ///
    /// # Errors
    /// When the queue does not exist.
    pub async fn delete_queue(&self, queue: &str) -> anyhow::Result<()> {
        self.management.delete(&["queues", &self.name, queue]).await
    }

    /// Removes all messages except unacknowledged ones.
    ///
    /// # Errors
    /// When the queue does not exist.
    pub async fn purge(&self, queue: &str) -> anyhow::Result<()> {
        self.management.delete(&["queues", &self.name, queue, "contents"]).await
    }

    /// Declares a durable exchange of the given kind (`direct`, `fanout`, `topic`).
    ///
    /// # Errors
    /// When the exchange exists with another type or other arguments.
    pub async fn declare_exchange(&self, exchange: &str, kind: &str, arguments: Value) -> anyhow::Result<()> {
        let body = json!({ "type": kind, "durable": true, "arguments": arguments });
        self.management.put(&["exchanges", &self.name, exchange], &body).await
    }

    /// Deletes an exchange with its bindings.
    ///
    /// # Errors
    /// When the exchange does not exist.
    pub async fn delete_exchange(&self, exchange: &str) -> anyhow::Result<()> {
        self.management.delete(&["exchanges", &self.name, exchange]).await
    }

    /// Binds a queue to an exchange.
    ///
    /// # Errors
    /// When one of the two does not exist.
    pub async fn bind(&self, exchange: &str, queue: &str, routing_key: &str) -> anyhow::Result<()> {
        let path = ["bindings", &self.name, "e", exchange, "q", queue];
        self.management.post(&path, &json!({ "routing_key": routing_key })).await.map(drop)
    }

    /// Removes all bindings between an exchange and a queue, and returns their number.
    ///
    /// # Errors
    /// When one of the two does not exist.
    pub async fn unbind(&self, exchange: &str, queue: &str) -> anyhow::Result<usize> {
        let path = ["bindings", &self.name, "e", exchange, "q", queue];
        let bindings = self.management.get(&path, &[]).await?;
        let keys: Vec<&str> = bindings
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|binding| binding.get("properties_key").and_then(Value::as_str))
            .collect();
        for key in &keys {
            self.management.delete(&["bindings", &self.name, "e", exchange, "q", queue, key]).await?;
        }
        Ok(keys.len())
    }

    /// Sets a policy on the queues whose names match `pattern`, for example
    /// `{"max-length": 100, "overflow": "reject-publish"}`.
    ///
    /// # Errors
    /// When the broker does not support the definition.
    pub async fn set_policy(&self, policy: &str, pattern: &str, definition: Value) -> anyhow::Result<()> {
        let body = json!({ "pattern": pattern, "definition": definition, "apply-to": "queues" });
        self.management.put(&["policies", &self.name, policy], &body).await
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// When the policy does not exist.
    pub async fn delete_policy(&self, policy: &str) -> anyhow::Result<()> {
        self.management.delete(&["policies", &self.name, policy]).await
    }

    /// Publishes one persistent text message, and returns whether it was routed to a queue.
    ///
    /// # Errors
    /// When the exchange does not exist.
    pub async fn publish(&self, exchange: &str, routing_key: &str, payload: &str) -> anyhow::Result<bool> {
        let exchange = if exchange.is_empty() { "amq.default" } else { exchange };
        let body = json!({
            "properties": { "delivery_mode": 2 }, "routing_key": routing_key,
            "payload": payload, "payload_encoding": "string",
        });
        let response = self.management.post(&["exchanges", &self.name, exchange, "publish"], &body).await?;
        response.get("routed").and_then(Value::as_bool).context("the response has no member `routed`")
    }

    /// Consumes up to `count` messages of a queue. Payloads that are not text are in base64.
    ///
    /// # Errors
    /// When the queue does not exist.
    pub async fn take(&self, queue: &str, count: u32) -> anyhow::Result<Vec<String>> {
        let body = json!({ "count": count, "ackmode": "ack_requeue_false", "encoding": "auto" });
        let messages = self.management.post(&["queues", &self.name, queue, "get"], &body).await?;
        let payloads = messages.as_array().into_iter().flatten();
        Ok(payloads.filter_map(|message| message.get("payload")?.as_str().map(str::to_owned)).collect())
    }

    /// The number of open connections.
    ///
    /// # Errors
    /// When the management API does not respond.
    pub async fn connections(&self) -> anyhow::Result<usize> {
        let open = self.management.get(&["connections", "username", &self.name], &[]).await?;
        Ok(open.as_array().map_or(0, Vec::len))
    }

    /// Waits until this many connections are open. The broker lists a connection a moment after it is opened
    /// or closed.
    ///
    /// # Errors
    /// When there is another number of connections at the time limit.
    pub async fn await_connections(&self, connections: usize, limit: Duration) -> anyhow::Result<()> {
        super::wait::until(&format!("{connections} open connections"), limit, || async {
            let open = self.connections().await?;
            ensure!(open == connections, "{open} are open");
            Ok(())
        })
        .await
    }

    /// Makes the broker close all connections (`320 CONNECTION_FORCED`).
    ///
    /// # Errors
    /// When the management API does not respond.
    pub async fn close_connections(&self) -> anyhow::Result<()> {
        self.management.delete(&["connections", "username", &self.name]).await
    }

    /// Deletes the virtual host and its user. The broker closes their connections.
    ///
    /// # Errors
    /// When the management API does not respond.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.management.delete(&["vhosts", &self.name]).await?;
        self.management.delete(&["users", &self.name]).await
    }
}
