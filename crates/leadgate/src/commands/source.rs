//! `leadgate source`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::Pepper;
use leadgate_domain::{
    ApiKey, AuditAction, Consents, Dialect, Identity, KeyKind, Network, Policy, Rate, Region, Scope,
    Signature, Source, SourceId, SourceSettings, Timestamp, Window,
};
use leadgate_store::Store;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{OrganizationToUse, Output, UsageError, cell, open_store, organization, saw, source_of};
use crate::config::Config;
use crate::{listening, secret};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a source, and print the URL that takes its leads
    ///
    /// Policy, identity and window are by default those of the dialect (docs/dialects.md), consent is required, and the
    /// region is the setting `default_region`.
    Create {
        #[command(flatten)]
        owner: OrganizationToUse,
        /// Dialect of its clients: native, abc_sales, lead2inbound, 500_leads, kickofflabs, askad
        #[arg(long, value_name = "DIALECT", default_value = "native")]
        dialect: Dialect,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change settings of a source; what is not given stays as it is
    Update {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the sources of an organization
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Print one source
    ///
    /// A URL that was printed once cannot be printed again: its token is stored as a hash only. `source token` creates
    /// another URL, and `key rotate` replaces one.
    Show {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Create another URL token for a source, and print its URL; `key revoke` ends a token
    Token {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Web pages that may use it, such as https://example.com [default: any]
        #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
        origins: Vec<String>,
    },
    /// Take only signed posts (Standard Webhooks), and print the signing secret
    Signature {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Create a new secret; the one before stays valid for a day
        #[arg(long, conflicts_with = "off")]
        rotate: bool,
        /// Take unsigned posts again
        #[arg(long)]
        off: bool,
    },
}

#[derive(Args)]
pub struct Settings {
    /// Name for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Region of phones without a country code, such as US
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// What a submission does that meets a lead: return_existing, update, link, create
    #[arg(long, value_name = "POLICY")]
    policy: Option<Policy>,
    /// Keys that identify a person, such as any_of:external_id,phone=30d,email or first_of:phone
    #[arg(long, value_name = "RULE:KEYS", conflicts_with = "window")]
    identity: Option<Identity>,
    /// For how long a phone or email finds its lead: such as 30d, or `ever`
    #[arg(long, value_name = "TIME")]
    window: Option<Window>,
    /// Whether a lead needs consent to be eligible: required, optional
    #[arg(long, value_name = "CONSENT")]
    consent: Option<Consents>,
    /// How old consent may be: such as 90d, or `ever`
    #[arg(long, value_name = "TIME")]
    consent_max_age: Option<Window>,
    /// Leads that it takes in all, such as 600/min. A limit that the dialect counts by key or address (native,
    /// lead2inbound, askad, 500_leads) holds beside it; a key's own limit is set by `key create --rate`
    #[arg(long, value_name = "N/min")]
    rate: Option<Rate>,
    /// Tags for each of its leads
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Option<Vec<String>>,
    /// Networks that may post to it, such as 192.0.2.0/24; all others are refused
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    networks: Option<Vec<Network>>,
}

impl From<Settings> for SourceSettings {
    fn from(said: Settings) -> Self {
        let Settings {
            name,
            region,
            policy,
            identity,
            window,
            consent,
            consent_max_age,
            rate,
            tags,
            networks,
        } = said;
        Self { name, region, policy, identity, window, consent, consent_max_age, rate, tags, networks }
    }
}

/// For how long the signing secret before a rotation is good.
const SIGNATURE_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let print = |source: &Source, owner: &str, token| print(source, owner, token, config, output);
    match command {
        Command::Create { owner, dialect, settings } => {
            let owner = owner.find_or_create(&store).await?;
            let mut source = store.new_source(owner.id, dialect, Some(dialect.to_string()));
            SourceSettings::from(settings).apply(&mut source).map_err(UsageError::wrong)?;
            store.create_source(&source).await?;
            let token = token(&store, &source, Vec::new(), &secret::load(config)?.api_keys()).await?;
            print(&source, &owner.name, Some(&token));
        }
        Command::Update { id, organization: name, settings } => {
            let owner = organization(&store, &name).await?;
            let mut source = source_of(&store, &owner, id).await?;
            SourceSettings::from(settings).apply(&mut source).map_err(UsageError::wrong)?;
            print(&changed(&store, &source).await?, &owner.name, None);
        }
        Command::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            let sources = store.sources(owner.id).await?;
            let entry = store.entry(owner.id, AuditAction::SourcesListed);
            saw(&store, entry.with("count", sources.len())).await?;
            list(&sources, &owner.name, output);
        }
        Command::Show { id, organization: name } => {
            let owner = organization(&store, &name).await?;
            let source = source_of(&store, &owner, id).await?;
            saw(&store, store.entry(owner.id, AuditAction::SourceRead).about(id)).await?;
            print(&source, &owner.name, None);
        }
        Command::Token { id, organization: name, origins } => {
            let owner = organization(&store, &name).await?;
            let source = source_of(&store, &owner, id).await?;
            let token = token(&store, &source, origins, &secret::load(config)?.api_keys()).await?;
            print(&source, &owner.name, Some(&token));
        }
        Command::Signature { id, organization: name, rotate, off } => {
            let owner = organization(&store, &name).await?;
            let source = source_of(&store, &owner, id).await?;
            sign(&store, source, rotate, off, config, output).await?;
        }
    }
    Ok(())
}

/// Makes a token for a source's URL.
async fn token(
    store: &Store,
    source: &Source,
    origins: Vec<String>,
    pepper: &Pepper,
) -> anyhow::Result<SecretString> {
    let (presented, text) = PresentedKey::generate(KeyKind::Token);
    let token = ApiKey {
        origins: super::key::origins(origins)?,
        ..ApiKey::new(&presented, source.organization, source.id, vec![Scope::Write], pepper)
    };
    store.create_key(&token).await?;
    Ok(text)
}

async fn changed(store: &Store, source: &Source) -> anyhow::Result<Source> {
    let changed = store.update_source(source).await?;
    changed.context("the source was changed at the same time; look at it and try again")
}

async fn sign(
    store: &Store,
    source: Source,
    rotate: bool,
    off: bool,
    config: &Config,
    output: &Output,
) -> anyhow::Result<()> {
    let signature = match source.signature {
        _ if off => None,
        Some(Signature { version, .. }) if rotate => {
            let previous_until = Some(Timestamp::now().plus(SIGNATURE_OVERLAP));
            Some(Signature { version: version.saturating_add(1), previous_until })
        }
        Some(signature) => Some(signature),
        None if rotate => {
            bail!(UsageError::wrong("the source takes unsigned posts: there is no secret to rotate"))
        }
        // Above every version that was ever used: a secret that was given up never comes back.
        None => Some(Signature { version: u32::try_from(source.revision)?, previous_until: None }),
    };
    let source = match signature == source.signature {
        true => source,
        false => changed(store, &Source { signature, ..source }).await?,
    };
    if source.signature.is_some() {
        let entry = store.entry(source.organization, AuditAction::SourceSecretShown);
        saw(store, entry.about(source.id)).await?;
    }
    let key = secret::load(config)?.signatures();
    let secret = source.signature.map(|signature| key.secret(source.id, signature.version));
    let secret = secret.as_ref().map(|secret| secret.expose_secret());
    let shown = json!({ "id": source.id, "signature": source.signature, "secret": secret });
    output.print(&shown, |line| match secret {
        Some(secret) => line(secret),
        None => line("posts need no signature"),
    });
    Ok(())
}

fn list(sources: &[Source], organization: &str, output: &Output) {
    let all: Vec<_> = sources.iter().map(|source| native::source(source, organization, "", None)).collect();
    let rows = sources.iter().map(|source| {
        let (id, dialect, policy) = (source.id, source.dialect, source.policy);
        let name = source.name.clone().unwrap_or_else(|| "(default)".to_owned());
        [id.to_string(), dialect.to_string(), policy.to_string(), cell(source.default_region), name]
    });
    output.list("sources", &all, ["id", "dialect", "policy", "region", "name"], rows);
}

fn print(
    source: &Source,
    organization: &str,
    token: Option<&SecretString>,
    config: &Config,
    output: &Output,
) {
    let token = token.map(|token| token.expose_secret());
    let base = listening::base_url(config);
    output.details(&native::source(source, organization, base.as_deref().unwrap_or_default(), token));
    if token.is_some() && base.is_none() {
        output.note(
            "The URL has no host, because no server runs on the data folder and gateway.public_url is not set: the host \
             is the gateway's.",
        );
    }
}
