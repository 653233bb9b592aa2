//! `leadgate source`.

use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use leadgate_dialect::native::{self, SourceAnswer};
use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::Pepper;
use leadgate_domain::{
    ApiKey, AuditAction, Consents, Dialect, GmailIdentity, Identity, KeyKind, Network, Policy, Rate, Region,
    Scope, Signature, Source, SourceId, SourceSettings, Timestamp, Window, Zone,
};
use leadgate_operations::{keys, sources};
use leadgate_store::{RecentLeads, Store};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;

use super::{OrganizationToUse, Output, UsageError, cell, changed, open_store, organization, saw, source_of};
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
    /// Print one source, and how many of its last 1,000 leads have no recognized contact
    ///
    /// A URL that was printed once cannot be printed again: its token is stored as a hash only. `source token` creates
    /// another URL, and `key rotate` replaces one.
    Show {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Take no leads in by a source; its keys, its tokens and its leads stay
    Disable(Named),
    /// Take leads in by a source again
    Enable(Named),
    /// Delete a source and revoke its keys and tokens; its leads stay
    Delete(Named),
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
pub(crate) struct Named {
    /// Id of the source, as `source list` prints it
    id: SourceId,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Args)]
pub struct Settings {
    /// Name for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Region of phones without a country code, such as US
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// Read phones without a country code in no region
    #[arg(long, conflicts_with = "region")]
    no_region: bool,
    /// Time zone of times of consent without a zone, such as America/New_York
    #[arg(long, value_name = "ZONE")]
    timezone: Option<Zone>,
    /// Read no times without a zone
    #[arg(long, conflicts_with = "timezone")]
    no_timezone: bool,
    /// What a submission does that meets a lead: return_existing, update, link, create
    #[arg(long, value_name = "POLICY")]
    policy: Option<Policy>,
    /// Keys that identify a person, such as any_of:external_id,phone=30d,email or first_of:phone
    #[arg(long, value_name = "RULE:KEYS", conflicts_with = "window")]
    identity: Option<Identity>,
    /// When two addresses at Gmail are one person's: exact (written alike), or mailbox (dots, +tags and googlemail.com make
    /// no difference) [default: exact]
    #[arg(long, value_name = "WHEN")]
    gmail_identity: Option<GmailIdentity>,
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
    /// Limit it as its dialect does
    #[arg(long, conflicts_with = "rate")]
    no_rate: bool,
    /// Tags for each of its leads
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Option<Vec<String>>,
    /// Give its leads no tags
    #[arg(long, conflicts_with = "tags")]
    no_tags: bool,
    /// Networks that may post to it, such as 192.0.2.0/24; all others are refused
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    networks: Option<Vec<Network>>,
    /// Take posts from every network
    #[arg(long, conflicts_with = "networks")]
    no_networks: bool,
}

impl From<Settings> for SourceSettings {
    fn from(said: Settings) -> Self {
        Self {
            name: said.name,
            region: changed(said.region, said.no_region),
            timezone: changed(said.timezone, said.no_timezone),
            policy: said.policy,
            identity: said.identity,
            gmail_identity: said.gmail_identity,
            window: said.window,
            consent: said.consent,
            consent_max_age: said.consent_max_age,
            rate: changed(said.rate, said.no_rate),
            tags: said.tags.or(said.no_tags.then(Vec::new)),
            networks: said.networks.or(said.no_networks.then(Vec::new)),
        }
    }
}

/// How many of a source's last leads are looked at.
const RECENT_LEADS: u32 = 1_000;

/// For how long the signing secret before a rotation is good.
const SIGNATURE_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let print = |source: &Source, owner: &str, token| print(source, owner, (token, None), config, output);
    match command {
        Command::Create { owner, dialect, settings } => {
            let owner = owner.find_or_create(&store).await?;
            let mut source = store.new_source(
                owner.id,
                &leadgate_dialect::protocol(dialect).source,
                Some(dialect.to_string()),
            );
            SourceSettings::from(settings).apply(&mut source).map_err(UsageError::wrong)?;
            store.create_source(&source).await?;
            let token = token(&store, &source, Vec::new(), &secret::load(config)?.api_keys()).await?;
            print(&source, &owner.name, Some(&token));
        }
        Command::Update { id, organization: name, settings } => {
            let owner = organization(&store, &name).await?;
            let mut source = source_of(&store, &owner, id).await?;
            SourceSettings::from(settings).apply(&mut source).map_err(UsageError::wrong)?;
            print(&sources::update(&store, &source).await?, &owner.name, None);
        }
        Command::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            let mut all = store.sources(owner.id).await?;
            all.retain(|source| source.deleted_at.is_none());
            let entry = store.entry(owner.id, AuditAction::SourcesListed);
            saw(&store, entry.with("count", all.len())).await?;
            list(&all, &owner.name, output);
        }
        Command::Show { id, organization: name } => {
            let owner = organization(&store, &name).await?;
            let source = source_of(&store, &owner, id).await?;
            saw(&store, store.entry(owner.id, AuditAction::SourceRead).about(id)).await?;
            let recent = store.recent_leads(owner.id, id, RECENT_LEADS).await?;
            self::print(&source, &owner.name, (None, Some(recent)), config, output);
        }
        Command::Disable(named) => {
            let owner = organization(&store, &named.organization).await?;
            print(&sources::disable(&store, owner.id, named.id).await?, &owner.name, None);
        }
        Command::Enable(named) => {
            let owner = organization(&store, &named.organization).await?;
            print(&sources::enable(&store, owner.id, named.id).await?, &owner.name, None);
        }
        Command::Delete(named) => {
            let owner = organization(&store, &named.organization).await?;
            print(&sources::delete(&store, owner.id, named.id).await?, &owner.name, None);
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
        origins: keys::origins(origins).map_err(UsageError::wrong)?,
        ..ApiKey::new(&presented, source.organization, source.id, vec![Scope::Write], pepper)
    };
    store.create_key(&token).await?;
    Ok(text)
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
        false => sources::update(store, &Source { signature, ..source }).await?,
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
        let state = if source.disabled_at.is_some() { "disabled" } else { "enabled" };
        let region = cell(source.default_region);
        [id.to_string(), dialect.to_string(), state.to_owned(), policy.to_string(), region, name]
    });
    output.list("sources", &all, ["id", "dialect", "state", "policy", "region", "name"], rows);
}

/// A source as an administrator sees it, and how many of its leads have no contact.
#[derive(Serialize)]
struct Shown<'s> {
    #[serde(flatten)]
    source: SourceAnswer<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recent_leads: Option<RecentLeads>,
}

fn print(
    source: &Source,
    organization: &str,
    (token, recent_leads): (Option<&SecretString>, Option<RecentLeads>),
    config: &Config,
    output: &Output,
) {
    let token = token.map(|token| token.expose_secret());
    let base = listening::base_url(config);
    let source = native::source(source, organization, base.as_deref().unwrap_or_default(), token);
    output.details(&Shown { source, recent_leads });
    if let Some(RecentLeads { leads, no_contact: 1.. }) = recent_leads {
        output.note(&format!(
            "some of its last {leads} leads have neither phone nor email: see `leadgate mapping suggest`"
        ));
    }
    if token.is_some() && base.is_none() {
        output.note(
            "The URL has no host, because no server runs on the data folder and gateway.public_url is not set: the host \
             is the gateway's.",
        );
    }
}
