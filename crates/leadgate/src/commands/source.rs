//! `leadgate source`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use leadgate_dialect::native::{self, SourceAnswer};
use leadgate_domain::key::PresentedKey;
use leadgate_domain::secret::Pepper;
use leadgate_domain::{
    ApiKey, AuditAction, Consents, Dialect, GmailIdentity, Identity, KeyKind, Network, Policy, Rate, Region,
    Scope, Signature, Source, SourceId, SourceSettings, Timestamp, Window, Zone,
};
use leadgate_store::{RecentLeads, Store};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;

use super::{OrganizationToUse, Output, open_store, organization, saw, source_of};
use crate::config::Config;
use crate::secret;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a way in with settings of its own, and the URL that takes leads for it
    Create {
        #[command(flatten)]
        owner: OrganizationToUse,
        /// What its clients speak: native, abc_sales, lead2inbound, 500_leads, kickofflabs, askad
        #[arg(long, default_value = "native")]
        dialect: Dialect,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change settings of a source; what is not said stays
    Update {
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
    Show {
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Make another URL token for a source; `key revoke` and `key rotate` end tokens too
    Token {
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// The web pages that may use it, such as https://example.com [default: any]
        #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
        origins: Vec<String>,
    },
    /// Take only posts that are signed (<https://www.standardwebhooks.com>), and print the secret
    Signature {
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Make a new secret; the one before is good for a day
        #[arg(long, conflicts_with = "off")]
        rotate: bool,
        /// Take posts without a signature again
        #[arg(long)]
        off: bool,
    },
}

#[derive(Args)]
pub struct Settings {
    #[arg(long)]
    name: Option<String>,
    /// Reads phones without a country code, such as US
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// Reads times without a zone, such as America/New_York
    #[arg(long, value_name = "ZONE")]
    timezone: Option<Zone>,
    /// What happens to a submission that meets a lead: return_existing, update, link, create
    #[arg(long)]
    policy: Option<Policy>,
    /// By which keys people are told apart, such as any_of:external_id,phone=30d,email or first_of:…
    #[arg(long, value_name = "RULE:KEYS", conflicts_with = "window")]
    identity: Option<Identity>,
    /// When two addresses at Gmail are one person's: exact (written alike), or mailbox (dots, +tags and googlemail.com make
    /// no difference) [default: exact]
    #[arg(long, value_name = "WHEN")]
    gmail_identity: Option<GmailIdentity>,
    /// For how long a phone or email finds its lead, such as 30d; `ever` is for ever
    #[arg(long, value_name = "TIME")]
    window: Option<Window>,
    /// Whether a lead needs consent to be called: required, optional [default: required]
    #[arg(long)]
    consent: Option<Consents>,
    /// How old consent may be for a call, such as 90d; `ever` for however old
    #[arg(long, value_name = "TIME")]
    consent_max_age: Option<Window>,
    /// A limit for everything that comes in here, such as 600/min, in place of its system's
    #[arg(long, value_name = "N/min")]
    rate: Option<Rate>,
    /// Tags for every lead that comes in here
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Option<Vec<String>>,
    /// The only networks that may post here, such as 192.0.2.0/24
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    networks: Option<Vec<Network>>,
}

impl From<Settings> for SourceSettings {
    fn from(said: Settings) -> Self {
        let Settings {
            name,
            region,
            timezone,
            policy,
            identity,
            gmail_identity,
            window,
            consent,
            consent_max_age,
            rate,
            tags,
            networks,
        } = said;
        Self {
            name,
            region,
            timezone,
            policy,
            identity,
            gmail_identity,
            window,
            consent,
            consent_max_age,
            rate,
            tags,
            networks,
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
            let mut source = store.new_source(owner.id, dialect, Some(dialect.to_string()));
            SourceSettings::from(settings).apply(&mut source).map_err(anyhow::Error::msg)?;
            store.create_source(&source).await?;
            let token = token(&store, &source, Vec::new(), &secret::load(config)?.api_keys()).await?;
            print(&source, &owner.name, Some(&token));
        }
        Command::Update { id, organization: name, settings } => {
            let owner = organization(&store, &name).await?;
            let mut source = source_of(&store, &owner, id).await?;
            SourceSettings::from(settings).apply(&mut source).map_err(anyhow::Error::msg)?;
            print(&changed(&store, &source).await?, &owner.name, None);
        }
        Command::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            let sources = store.sources(owner.id).await?;
            let entry = store.entry(owner.id, AuditAction::SourcesListed);
            saw(&store, entry.with("count", sources.len())).await?;
            list(&sources, &owner.name, config, output);
        }
        Command::Show { id, organization: name } => {
            let owner = organization(&store, &name).await?;
            let source = source_of(&store, &owner, id).await?;
            saw(&store, store.entry(owner.id, AuditAction::SourceRead).about(id)).await?;
            let recent = store.recent_leads(owner.id, id, RECENT_LEADS).await?;
            self::print(&source, &owner.name, (None, Some(recent)), config, output);
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
    changed.context("somebody else changed the source meanwhile; look at it and try again")
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
        None if rotate => bail!("the source takes unsigned posts: there is no secret to rotate"),
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

fn list(sources: &[Source], organization: &str, config: &Config, output: &Output) {
    let base = config.public_url();
    let all: Vec<_> =
        sources.iter().map(|source| native::source(source, organization, &base, None)).collect();
    output.print(&all, |line| {
        for source in sources {
            let name = source.name.as_deref().unwrap_or("(default)");
            line(&format!("{}  {}  {}  {name}", source.id, source.dialect, source.policy));
        }
    });
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
    let source = native::source(source, organization, &config.public_url(), token);
    let shown = Shown { source, recent_leads };
    let document = serde_json::to_value(&shown).unwrap_or_default();
    output.print(&shown, |line| {
        for (key, value) in document.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            line(&format!("{key}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        if let Some(RecentLeads { leads, no_contact: 1.. }) = recent_leads {
            line(&format!(
                "some of its last {leads} leads have neither phone nor email: see `leadgate mapping suggest`"
            ));
        }
    });
}
