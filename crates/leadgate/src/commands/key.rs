//! `leadgate key`.

use anyhow::{Context as _, bail};
use clap::Subcommand;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::Pepper;
use leadgate_domain::{ApiKey, Dialect, KeyId, KeyKind, OrganizationId, Rate, Scope, SourceId};
use leadgate_store::Store;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{Output, open_store, organization};
use crate::config::Config;
use crate::secret;

#[derive(Subcommand)]
pub enum Command {
    /// Make a key; it is shown once
    Create {
        /// Organization it belongs to, made if missing
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Source it posts to [default: the organization's native source]
        #[arg(long, value_name = "ID")]
        source: Option<SourceId>,
        /// What it may do
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "write,read")]
        scopes: Vec<Scope>,
        /// A limit of its own, such as 1200/min
        #[arg(long, value_name = "N/min")]
        rate: Option<Rate>,
        /// Leads posted with it are test leads: never eligible
        #[arg(long)]
        test: bool,
    },
    /// List the keys of an organization
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// End a key; gateways refuse it within ten seconds
    Revoke {
        /// The key's id: what stands between `lg_live_` and the next `_`
        id: String,
    },
}

pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::Create { organization, source, scopes, rate, test } => {
            let pepper = secret::load(config)?.api_keys();
            let owner = store.ensure_organization(&organization).await?;
            let source = match source {
                Some(id) => own_source(&store, owner.id, id).await?,
                None => store.ensure_default_source(owner.id, Dialect::Native).await?.id,
            };
            let (key, text) = make(owner.id, source, scopes, rate, test, &pepper);
            store.create_key(&key).await?;
            let mut shown = describe(&key, &owner.name);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("key".to_owned(), text.expose_secret().into());
            }
            output.print(&shown, |line| {
                line(&format!("key {} of {} (shown this once):", key.id, owner.name));
                line(text.expose_secret());
            });
        }
        Command::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            let keys = store.keys(owner.id).await?;
            let all: Vec<_> = keys.iter().map(|key| describe(key, &owner.name)).collect();
            output.print(&all, |line| {
                for key in &keys {
                    let state = if key.revoked_at.is_some() { "revoked" } else { "active" };
                    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
                    line(&format!("{}  {state}  {}  source {}", key.id, scopes.join(","), key.source));
                }
            });
        }
        Command::Revoke { id } => {
            let id = KeyId::parse(&id).context("that is not the id of a key")?;
            if store.revoke_key(&id, None).await?.is_none() {
                bail!("there is no key {id}");
            }
            output.print(&json!({ "id": id, "revoked": true }), |line| line(&format!("key {id} is revoked")));
        }
    }
    Ok(())
}

/// A key and the one text that holds its secret.
pub(crate) fn make(
    organization: OrganizationId,
    source: SourceId,
    scopes: Vec<Scope>,
    rate: Option<Rate>,
    test: bool,
    pepper: &Pepper,
) -> (ApiKey, SecretString) {
    let (presented, text) = PresentedKey::generate(KeyKind::Secret);
    let key = ApiKey { rate, test, ..ApiKey::new(&presented, organization, source, scopes, pepper) };
    (key, text)
}

async fn own_source(store: &Store, organization: OrganizationId, id: SourceId) -> anyhow::Result<SourceId> {
    let all = store.sources(organization).await?;
    let found = all.iter().find(|source| source.id == id);
    found.map(|source| source.id).with_context(|| format!("the organization has no source {id}"))
}

fn describe(key: &ApiKey, organization: &str) -> Value {
    json!({
        "id": key.id,
        "organization": organization,
        "source": key.source,
        "scopes": key.scopes,
        "rate": key.rate,
        "test": key.test,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    })
}
