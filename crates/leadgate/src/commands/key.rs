//! `leadgate key`.

use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::{ApiKey, AuditAction, Dialect, KeyId, KeyKind, Rate, Scope, SourceId, Timestamp};
use leadgate_operations::keys::{self, KeyChanges};
use leadgate_store::Store;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::arguments::{duration, key_id};
use super::{OrganizationToUse, Output, UsageError, cell, changed, open_store, organization, saw, source_of};
use crate::config::Config;
use crate::{listening, secret};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a key and print it, once
    Create(New),
    /// List the keys and URL tokens of an organization
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Replace a key or URL token by a new one, and print the key or URL, once
    Rotate {
        /// The key's id, as `key list` prints it
        #[arg(value_parser = key_id)]
        id: KeyId,
        /// For how long the old key stays valid, such as 24h
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
        overlap: Duration,
    },
    /// Change a key's name, limit, scopes, origins or tags; the others stay
    Update {
        /// The key's id, as `key list` prints it
        #[arg(value_parser = key_id)]
        id: KeyId,
        #[command(flatten)]
        changes: Changes,
    },
    /// Revoke a key; gateways refuse it within ten seconds
    Revoke {
        /// The key's id, as `key list` prints it
        #[arg(value_parser = key_id)]
        id: KeyId,
        /// Also revoke the URL tokens created with it over HTTP
        #[arg(long)]
        with_tokens: bool,
    },
}

#[derive(Args)]
pub(crate) struct New {
    #[command(flatten)]
    owner: OrganizationToUse,
    /// Source that it posts to [default: the organization's native source]
    #[arg(long, value_name = "ID")]
    source: Option<SourceId>,
    /// What it may do: write, read, admin [default: write,read; for a named source: write]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// Requests that it may send, such as 1200/min [default: the limit of its source's dialect, if that is by key]
    #[arg(long, value_name = "N/min")]
    rate: Option<Rate>,
    /// Leads posted with it are test leads: never eligible
    #[arg(long)]
    test: bool,
    /// Name for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Create a key for a web page: it only posts leads, and only from --origins
    #[arg(long, requires = "origins", conflicts_with = "scopes")]
    publishable: bool,
    /// Web pages that may use it, such as https://example.com
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',', requires = "publishable")]
    origins: Vec<String>,
    /// Tags for every lead that is posted with it
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Changes {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Take its name away
    #[arg(long, conflicts_with = "name")]
    no_name: bool,
    /// A limit of its own, such as 1200/min
    #[arg(long, value_name = "N/min")]
    rate: Option<Rate>,
    /// Take its own limit away
    #[arg(long, conflicts_with = "rate")]
    no_rate: bool,
    /// What a secret key may do: write, read, admin
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Option<Vec<Scope>>,
    /// The web pages that may use a publishable key or a token, such as https://example.com
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
    origins: Option<Vec<String>>,
    /// Let every web page use a token
    #[arg(long, conflicts_with = "origins")]
    no_origins: bool,
    /// Tags for every lead that is posted with it
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Option<Vec<String>>,
    /// Take its tags away
    #[arg(long, conflicts_with = "tags")]
    no_tags: bool,
}

impl From<Changes> for KeyChanges {
    fn from(said: Changes) -> Self {
        Self {
            name: changed(said.name, said.no_name),
            rate: changed(said.rate, said.no_rate),
            scopes: said.scopes,
            origins: said.origins.or(said.no_origins.then(Vec::new)),
            tags: said.tags.or(said.no_tags.then(Vec::new)),
        }
    }
}

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::Create(new) => create(&store, new, config, output).await?,
        Command::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            let all = store.keys(owner.id).await?;
            saw(&store, store.entry(owner.id, AuditAction::KeysListed).with("count", all.len())).await?;
            list(&all, &owner.name, output);
        }
        Command::Rotate { id, overlap } => rotate(&store, id, overlap, config, output).await?,
        Command::Update { id, changes } => {
            let key = keys::update(&store, None, &id, changes.into()).await?;
            let owner = owner_name(&store, &key).await?;
            output.details(&native::key(&key, &owner));
        }
        Command::Revoke { id, with_tokens } => revoke(&store, id, with_tokens, output).await?,
    }
    Ok(())
}

async fn create(store: &Store, new: New, config: &Config, output: &Output) -> anyhow::Result<()> {
    let tags = keys::read_tags(new.tags).map_err(|why| UsageError::wrong(format!("--tags: {why}")))?;
    let pepper = secret::load(config)?.api_keys();
    let origins = keys::origins(new.origins).map_err(UsageError::wrong)?;
    let owner = new.owner.find_or_create(store).await?;
    let has_no_source = new.source.is_none();
    let source = match new.source {
        Some(id) => source_of(store, &owner, id).await?,
        None => {
            store.ensure_default_source(owner.id, &leadgate_dialect::protocol(Dialect::Native).source).await?
        }
    };
    let (kind, scopes) = match (new.publishable, &source.name) {
        (true, _) => (KeyKind::Publishable, vec![Scope::Write]),
        (false, _) if !new.scopes.is_empty() => (KeyKind::Secret, new.scopes),
        // A partner's key takes leads in; reading is given on purpose.
        (false, Some(_)) => (KeyKind::Secret, vec![Scope::Write]),
        (false, None) => (KeyKind::Secret, vec![Scope::Write, Scope::Read]),
    };
    let of_organization = kind == KeyKind::Secret && has_no_source;
    keys::check_scopes(&scopes, of_organization)
        .map_err(|why| UsageError::wrong(format!("--scopes: {why}")))?;
    let source = source.id;
    let (presented, text) = PresentedKey::generate(kind);
    let key = ApiKey {
        of_organization,
        name: new.name,
        rate: new.rate,
        test: new.test,
        origins,
        tags,
        ..ApiKey::new(&presented, owner.id, source, scopes, &pepper)
    };
    store.create_key(&key).await?;
    show_once(&key, &owner.name, &text, None, output);
    Ok(())
}

async fn revoke(store: &Store, id: KeyId, with_tokens: bool, output: &Output) -> anyhow::Result<()> {
    let key = store.revoke_key(&id, None).await?.ok_or_else(|| no_key(&id))?;
    let tokens = if with_tokens { store.revoke_made_by(&key).await? } else { 0 };
    output.print(&json!({ "id": id, "revoked": true, "tokens_revoked": tokens }), |line| {
        line(&format!("key {id} is revoked"));
        if with_tokens {
            line(&format!("{tokens} URL tokens created with it are revoked"));
        }
    });
    Ok(())
}

async fn rotate(
    store: &Store,
    id: KeyId,
    overlap: Duration,
    config: &Config,
    output: &Output,
) -> anyhow::Result<()> {
    let old = store.find_key(&id).await?.ok_or_else(|| no_key(&id))?;
    let (presented, text) = PresentedKey::generate(old.kind);
    let made =
        ApiKey::new(&presented, old.organization, old.source, Vec::new(), &secret::load(config)?.api_keys());
    let new = ApiKey {
        id: made.id,
        hash: made.hash,
        created_at: made.created_at,
        expires_at: None,
        revoked_at: None,
        ..old
    };
    let until = Timestamp::now().plus(overlap);
    if store.rotate_key(&id, None, &new, until).await?.is_none() {
        bail!(UsageError::wrong(format!("key {id} is revoked; `leadgate key create` makes a new one")));
    }
    let url = match new.kind {
        KeyKind::Token => url_of(store, &new, &text, config).await?,
        KeyKind::Secret | KeyKind::Publishable => None,
    };
    show_once(&new, &owner_name(store, &new).await?, &text, url.as_deref(), output);
    Ok(())
}

fn no_key(id: &KeyId) -> UsageError {
    UsageError::wrong(format!("there is no key {id}; `leadgate key list` prints the keys of an organization"))
}

async fn owner_name(store: &Store, key: &ApiKey) -> anyhow::Result<String> {
    let owners = store.organizations().await?;
    let owner = owners.into_iter().find(|owner| owner.id == key.organization);
    Ok(owner.map(|owner| owner.name).unwrap_or_default())
}

/// The URL of a token's source with the new token in it.
async fn url_of(
    store: &Store,
    token: &ApiKey,
    text: &SecretString,
    config: &Config,
) -> anyhow::Result<Option<String>> {
    let base = listening::base_url(config).unwrap_or_default();
    let source = store.source(token.organization, token.source).await?;
    Ok(source.map(|source| format!("{base}{}", native::token_path(&source, text.expose_secret()))))
}

fn show_once(key: &ApiKey, organization: &str, text: &SecretString, url: Option<&str>, output: &Output) {
    let mut shown = serde_json::to_value(native::key(key, organization)).unwrap_or_default();
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("key".to_owned(), text.expose_secret().into());
        shown.extend(url.map(|url| ("url".to_owned(), url.into())));
    }
    output.print(&shown, |line| {
        line(&format!("key {} of {organization} (shown this once):", key.id));
        line(url.unwrap_or_else(|| text.expose_secret()));
    });
}

fn list(keys: &[ApiKey], organization: &str, output: &Output) {
    let all: Vec<_> = keys.iter().map(|key| native::key(key, organization)).collect();
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
