//! The first start in a terminal: creates the organization `demo`, and prints its key and an example request.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;

use leadgate_domain::key::PresentedKey;
use leadgate_domain::{ApiKey, Dialect, KeyKind, Scope};
use leadgate_store::Store;
use secrecy::ExposeSecret as _;

use crate::config::Config;
use crate::{address_file, secret};

const DEMO: &str = "demo";

/// If the store has no organization yet and standard output is a terminal: creates the organization `demo`
/// with a key, and prints the key once. Otherwise standard output may be stored as a log, which must not
/// contain an admin key.
pub(super) async fn create_demo_organization(
    config: &Config,
    address: SocketAddr,
    store: &Store,
) -> anyhow::Result<()> {
    if !store.organizations().await?.is_empty() {
        return Ok(());
    }
    if !std::io::stdout().is_terminal() {
        tracing::info!(
            "no organization exists yet: create one with a key by `leadgate key create --organization NAME \
             --create-organization`"
        );
        return Ok(());
    }
    let owner = store.ensure_organization(DEMO).await?;
    let source = store
        .ensure_default_source(owner.id, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
        .await?;
    let pepper = secret::load(config)?.api_keys();
    let (presented, text) = PresentedKey::generate(KeyKind::Secret);
    let key = ApiKey {
        organization_wide: true,
        ..ApiKey::new(&presented, owner.id, source.id, Scope::ALL.to_vec(), &pepper)
    };
    store.create_key(&key).await?;
    let text = text.expose_secret();
    let base = address_file::base_url(config).unwrap_or_else(|| address_file::url(address));
    // Printed to standard output and not logged, because logs are stored and copied, and the key is secret.
    let _ = write!(
        std::io::stdout(),
        r#"
The organization `{DEMO}` was created. Its API key is shown only once:

  {text}

Post a lead:

  curl -i {base}/v1/leads \
    -H 'Authorization: Bearer {text}' \
    -H 'Content-Type: application/json' \
    -d '{{"full_name":"Ann Lee","phone":"+1 415 555 0100","email":"ann@acme.example","consent":{{"consent_timestamp":"2026-01-31T12:00:00Z","consent_text_version":"v1","source_url":"https://acme.example/quote"}}}}'

and read it with the id in the response:

  curl {base}/v1/leads/ID -H 'Authorization: Bearer {text}'

"#
    );
    Ok(())
}
