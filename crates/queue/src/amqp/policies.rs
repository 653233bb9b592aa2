//! The policies of the broker: the maximum length of queues, and the destination of dead-lettered messages.

use std::time::Duration;

use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::QueueAddress;
use crate::error::QueueError;

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct PolicyDefinitions {
    policies: Vec<BrokerPolicy>,
}

#[derive(Serialize, Deserialize)]
struct BrokerPolicy {
    #[serde(skip_serializing)]
    name: String,
    pattern: String,
    #[serde(rename = "apply-to")]
    apply_to: String,
    priority: i32,
    definition: Map<String, Value>,
}

fn policies() -> Result<Vec<BrokerPolicy>, QueueError> {
    let file = include_str!("../../../../deploy/rabbitmq/policies.json");
    let definitions: PolicyDefinitions = serde_json::from_str(file)
        .map_err(|error| QueueError::Topology(format!("policies.json: {error}")))?;
    Ok(definitions.policies)
}

fn virtual_host(url: &str) -> Result<String, QueueError> {
    match QueueAddress::parse(url)? {
        QueueAddress::Amqp(broker) => Ok(broker.uri.vhost),
        QueueAddress::Embedded(_) => Err(QueueError::Url("policies need an `amqp:` URL")),
    }
}

/// Returns the `rabbitmqctl` commands that set the policies in the virtual host of the broker at `url`.
///
/// # Errors
/// When `url` is not the URL of a broker.
pub fn policy_commands(url: &str) -> Result<Vec<String>, QueueError> {
    let host = quoted(&virtual_host(url)?);
    let command = |policy: BrokerPolicy| {
        let BrokerPolicy { name, pattern, apply_to, priority, definition } = policy;
        let (pattern, definition) = (quoted(&pattern), quoted(&Value::Object(definition).to_string()));
        format!(
            "rabbitmqctl set_policy --vhost {host} --priority {priority} --apply-to {apply_to} {name} {pattern} \
             {definition}"
        )
    };
    Ok(policies()?.into_iter().map(command).collect())
}

/// Sets the policies in the virtual host of the broker at `url`, through the management interface at
/// `management` (`http://USER:PASSWORD@HOST:15672`). The user needs the tag `policymaker`.
///
/// # Errors
/// When `management` is not such a URL, does not answer, or refuses.
pub async fn upload_policies(url: &str, management: &str) -> Result<(), QueueError> {
    let host = virtual_host(url)?;
    let client = Client::builder().timeout(TIMEOUT).build().map_err(unreachable)?;
    for policy in policies()? {
        let mut address = Url::parse(management)
            .map_err(|_| QueueError::Url("the management interface must be an `http:` URL"))?;
        address
            .path_segments_mut()
            .map_err(|()| QueueError::Url("the management interface must be an `http:` URL"))?
            .pop_if_empty()
            .extend(["api", "policies", &host, &policy.name]);
        let response = client.put(address).json(&policy).send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(QueueError::Interrupted(format!(
                "the management interface answered {} to the policy `{}`: its user needs the tag `policymaker` and \
                 access to the virtual host `{host}`",
                response.status(),
                policy.name
            )));
        }
    }
    Ok(())
}

/// Omits the URL, which can contain a password.
fn unreachable(error: reqwest::Error) -> QueueError {
    QueueError::Unreachable(error.without_url().to_string())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_contains_the_virtual_host() {
        let commands = policy_commands("amqp://user:hunter2@broker/it%27s").unwrap();
        let [command] = commands.as_slice() else { panic!("{commands:?}") };
        let start = r"rabbitmqctl set_policy --vhost 'it'\''s' --priority 10 --apply-to queues leadgate-leads '^(leads";
        assert!(command.starts_with(start), "{command}");
        assert!(command.contains(r#""overflow":"reject-publish""#), "{command}");
        assert!(!command.contains("hunter2") && !command.contains("delivery-limit"), "{command}");
    }
}
