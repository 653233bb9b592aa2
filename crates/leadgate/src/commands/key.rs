//! The command `leadgate key`.

use std::time::Duration;

use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::{ApiKey, KeyId, KeyKind, Organization, Rate, Scope, SourceId};
use leadgate_operations::keys::{self, CreatedKey, KeyChanges, NewKey, RevokedKey};
use leadgate_store::Store;
use secrecy::ExposeSecret as _;

use super::arguments::{duration, key_id};
use super::{Output, OwnerArguments, cell, open_store, organization, patch, unknown_key, with_hint};
use crate::config::Config;
use crate::{address_file, secret};

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a key and print it; it is shown only once
    Create(NewKeyArguments),
    /// List the keys and URL tokens of an organization
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Replace a key or URL token by a new one and print it; it is shown only once
    Rotate {
        /// Id of the key, as `key list` prints it
        #[arg(value_parser = key_id)]
        id: KeyId,
        /// How long the old key stays valid, such as 24h
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
        overlap: Duration,
    },
    /// Change the name, limit, scopes, origins or tags of a key; what is not given stays as it is
    Update {
        /// Id of the key, as `key list` prints it
        #[arg(value_parser = key_id)]
        id: KeyId,
        #[command(flatten)]
        changes: KeyChangeArguments,
    },
    /// Revoke a key; gateways refuse it within ten seconds
    Revoke {
        /// Id of the key, as `key list` prints it
        #[arg(value_parser = key_id)]
        id: KeyId,
        /// Also revoke the keys and URL tokens created with it over HTTP
        #[arg(long)]
        include_created_keys: bool,
    },
}

#[derive(Args)]
pub(crate) struct NewKeyArguments {
    #[command(flatten)]
    owner: OwnerArguments,
    /// Source that receives its leads [default: the organization's native source]
    #[arg(long, value_name = "ID")]
    source: Option<SourceId>,
    /// What the key may do: write, read, admin [default: write,read; for a named source: write]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Option<Vec<Scope>>,
    /// Rate limit of the key, such as 1200/min [default: that of the source's dialect, if it counts by key]
    #[arg(long, value_name = "N/min")]
    rate: Option<Rate>,
    /// Leads posted with the key are test leads, which are never eligible
    #[arg(long)]
    test: bool,
    /// Display name of the key
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Create a publishable key for web pages: it can only post leads, and only from --origins
    #[arg(long, requires = "origins", conflicts_with = "scopes")]
    publishable: bool,
    /// Origins of the web pages that may use the key, such as https://example.com
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',', requires = "publishable")]
    origins: Vec<String>,
    /// Tags for all leads that are posted with the key
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Vec<String>,
}

#[derive(Args)]
pub(crate) struct KeyChangeArguments {
    /// Display name of the key
    #[arg(long)]
    name: Option<String>,
    /// Remove the name
    #[arg(long, conflicts_with = "name")]
    no_name: bool,
    /// Rate limit of the key, such as 1200/min
    #[arg(long, value_name = "N/min")]
    rate: Option<Rate>,
    /// Remove the rate limit of the key; that of its source's dialect applies
    #[arg(long, conflicts_with = "rate")]
    no_rate: bool,
    /// What a secret key may do: write, read, admin
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Option<Vec<Scope>>,
    /// Origins of the web pages that may use a publishable key or a URL token, such as https://example.com
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
    origins: Option<Vec<String>>,
    /// Allow all web pages to use a URL token
    #[arg(long, conflicts_with = "origins")]
    no_origins: bool,
    /// Tags for all leads that are posted with the key
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Option<Vec<String>>,
    /// Remove the tags
    #[arg(long, conflicts_with = "tags")]
    no_tags: bool,
}

impl From<KeyChangeArguments> for KeyChanges {
    fn from(arguments: KeyChangeArguments) -> Self {
        Self {
            name: patch(arguments.name, arguments.no_name),
            rate: patch(arguments.rate, arguments.no_rate),
            scopes: arguments.scopes,
            origins: arguments.origins.or(arguments.no_origins.then(Vec::new)),
            tags: arguments.tags.or(arguments.no_tags.then(Vec::new)),
        }
    }
}

impl NewKeyArguments {
    fn into_new_key(self) -> (OwnerArguments, NewKey) {
        let Self { owner, source, scopes, rate, test, name, publishable, origins, tags } = self;
        (owner, NewKey { source, name, scopes, rate, test, publishable, origins, tags })
    }
}

pub(crate) async fn run(command: KeyCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        KeyCommand::Create(new) => create(&store, new, config, output).await?,
        KeyCommand::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            list(&keys::list(&store, owner.id, &store).await?, &owner.name, output);
        }
        KeyCommand::Rotate { id, overlap } => {
            let (owner, pepper) = (owner(&store, &id).await?, secret::load(config)?.api_keys());
            let created = keys::rotate(&store, owner.id, &id, overlap, &pepper).await?;
            let url = url(&store, &created, config).await?;
            show_once(&created, &owner.name, url.as_deref(), output);
        }
        KeyCommand::Update { id, changes } => {
            let owner = owner(&store, &id).await?;
            let key = keys::update(&store, owner.id, &id, changes.into()).await?;
            output.details(&native::key_response(&key, &owner.name));
        }
        KeyCommand::Revoke { id, include_created_keys } => {
            let owner = owner(&store, &id).await?;
            let RevokedKey { created_keys_revoked, .. } =
                keys::revoke(&store, owner.id, &id, include_created_keys).await?;
            output.print(&native::revoked_key_response(&id, created_keys_revoked), |line| {
                line(&format!("key {id} is revoked"));
                if include_created_keys {
                    line(&format!("{created_keys_revoked} keys and URL tokens created with it are revoked"));
                }
            });
        }
    }
    Ok(())
}

async fn create(store: &Store, new: NewKeyArguments, config: &Config, output: &Output) -> anyhow::Result<()> {
    let pepper = secret::load(config)?.api_keys();
    let (owner, new) = new.into_new_key();
    // Checked first, so that an invalid key creates no organization.
    new.check()?;
    let owner = owner.find_or_create(store).await?;
    let created = keys::create(store, owner.id, new, &pepper).await.map_err(with_hint(&owner))?;
    show_once(&created, &owner.name, None, output);
    Ok(())
}

/// The organization of a key.
async fn owner(store: &Store, id: &KeyId) -> anyhow::Result<Organization> {
    Ok(keys::organization_of_key(store, id).await?.ok_or_else(|| unknown_key(id))?)
}

/// The URL that contains the token; `None` for other keys.
async fn url(store: &Store, token: &CreatedKey, config: &Config) -> anyhow::Result<Option<String>> {
    let CreatedKey { key, text } = token;
    if key.kind != KeyKind::Token {
        return Ok(None);
    }
    let base = address_file::base_url(config).unwrap_or_default();
    let source = store.source(key.organization, key.source).await?;
    Ok(source.map(|source| format!("{base}{}", native::token_path(&source, text.expose_secret()))))
}

fn show_once(created: &CreatedKey, organization: &str, url: Option<&str>, output: &Output) {
    let CreatedKey { key, text } = created;
    output.print(&native::created_key_response(key, organization, text.expose_secret(), url), |line| {
        line(&format!("key {} of {organization} (shown this once):", key.id));
        line(url.unwrap_or_else(|| text.expose_secret()));
    });
}

fn list(keys: &[ApiKey], organization: &str, output: &Output) {
    let all: Vec<_> = keys.iter().map(|key| native::key_response(key, organization)).collect();
    let headers = ["id", "kind", "state", "scopes", "rate", "source", "name"];
    output.list("keys", &all, headers, keys.iter().map(row));
}

fn row(key: &ApiKey) -> [String; 7] {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => "active".to_owned(),
    };
    let kind = if key.test { format!("{} (test)", key.kind.as_str()) } else { key.kind.as_str().to_owned() };
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let (id, source) = (key.id.to_string(), key.source.to_string());
    [id, kind, state, scopes.join(","), cell(key.rate), source, cell(key.name.as_deref())]
}
