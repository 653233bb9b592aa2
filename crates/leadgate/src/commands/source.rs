//! `leadgate source`.

use clap::{Args, Subcommand};
use leadgate_dialect::native::{self, SourceResponse};
use leadgate_domain::{
    ConsentPolicy, Dialect, DuplicatePolicy, DurationOrForever, GmailIdentity, IdentitySettings, Network,
    Organization, Rate, Region, Source, SourceId, SourceSettings, Zone,
};
use leadgate_operations::keys::{self, CreatedKey, NewToken};
use leadgate_operations::sources::{self, CreatedSource, NewSource, SignatureChange};
use leadgate_store::RecentLeads;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::{Output, OwnerArguments, cell, open_store, organization, patch, with_hint};
use crate::config::Config;
use crate::{address_file, secret};

#[derive(Subcommand)]
pub(crate) enum SourceCommand {
    /// Create a source, and print the URL that takes its leads
    ///
    /// Policy, identity and window are by default those of the dialect (docs/dialects.md), consent is required, and the
    /// region is the setting `default_region`.
    Create {
        #[command(flatten)]
        owner: OwnerArguments,
        /// Dialect of its clients: native, abc_sales, lead2inbound, 500_leads, kickofflabs, askad
        #[arg(long, value_name = "DIALECT", default_value = "native")]
        dialect: Dialect,
        #[command(flatten)]
        settings: SourceSettingArguments,
    },
    /// Change settings of a source; what is not given stays as it is
    Update {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        #[command(flatten)]
        settings: SourceSettingArguments,
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
    Disable(SourceArguments),
    /// Take leads in by a source again
    Enable(SourceArguments),
    /// Delete a source and revoke its keys and tokens; its leads stay
    Delete(SourceArguments),
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
pub(crate) struct SourceArguments {
    /// Id of the source, as `source list` prints it
    id: SourceId,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Args)]
pub struct SourceSettingArguments {
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
    policy: Option<DuplicatePolicy>,
    /// Keys that identify a person, such as any_of:external_id,phone=30d,email or first_of:phone
    #[arg(long, value_name = "RULE:KEYS", conflicts_with = "window")]
    identity: Option<IdentitySettings>,
    /// When two addresses at Gmail are one person's: exact (written alike), or mailbox (dots, +tags and googlemail.com
    /// make no difference) [default: exact]
    #[arg(long, value_name = "WHEN")]
    gmail_identity: Option<GmailIdentity>,
    /// For how long a phone or email finds its lead: such as 30d, or `ever`
    #[arg(long, value_name = "TIME")]
    window: Option<DurationOrForever>,
    /// Whether a lead needs consent to be eligible: required, optional
    #[arg(long, value_name = "CONSENT")]
    consent: Option<ConsentPolicy>,
    /// How old consent may be: such as 90d, or `ever`
    #[arg(long, value_name = "TIME")]
    consent_max_age: Option<DurationOrForever>,
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

impl From<SourceSettingArguments> for SourceSettings {
    fn from(said: SourceSettingArguments) -> Self {
        Self {
            name: said.name,
            region: patch(said.region, said.no_region),
            timezone: patch(said.timezone, said.no_timezone),
            policy: said.policy,
            identity: said.identity,
            gmail_identity: said.gmail_identity,
            window: said.window,
            consent: said.consent,
            consent_max_age: said.consent_max_age,
            rate: patch(said.rate, said.no_rate),
            tags: said.tags.or(said.no_tags.then(Vec::new)),
            networks: said.networks.or(said.no_networks.then(Vec::new)),
        }
    }
}

pub(crate) async fn run(command: SourceCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let print =
        |source: &Source, owner: &Organization, shown| print(source, &owner.name, shown, config, output);
    match command {
        SourceCommand::Create { owner, dialect, settings } => {
            let pepper = secret::load(config)?.api_keys();
            let new = NewSource { dialect, settings: settings.into() };
            // Before an organization is created for it.
            new.check()?;
            let owner = owner.find_or_create(&store).await?;
            let CreatedSource { source, token } =
                sources::create(&store, owner.id, new, &pepper).await.map_err(with_hint(&owner))?;
            print(&source, &owner, (Some(&token), None));
        }
        SourceCommand::Update { id, organization: name, settings } => {
            let owner = organization(&store, &name).await?;
            let updated = sources::update(&store, owner.id, id, settings.into()).await;
            print(&updated.map_err(with_hint(&owner))?, &owner, (None, None));
        }
        SourceCommand::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            list(&sources::list(&store, owner.id, &store).await?, &owner.name, output);
        }
        SourceCommand::Show { id, organization: name } => {
            let owner = organization(&store, &name).await?;
            let shown = sources::show(&store, owner.id, id, &store).await;
            let (source, recent) = shown.map_err(with_hint(&owner))?;
            print(&source, &owner, (None, Some(recent)));
        }
        SourceCommand::Disable(named) => {
            let owner = organization(&store, &named.organization).await?;
            let disabled = sources::disable(&store, owner.id, named.id).await;
            print(&disabled.map_err(with_hint(&owner))?, &owner, (None, None));
        }
        SourceCommand::Enable(named) => {
            let owner = organization(&store, &named.organization).await?;
            let enabled = sources::enable(&store, owner.id, named.id).await;
            print(&enabled.map_err(with_hint(&owner))?, &owner, (None, None));
        }
        SourceCommand::Delete(named) => {
            let owner = organization(&store, &named.organization).await?;
            let deleted = sources::delete(&store, owner.id, named.id).await;
            print(&deleted.map_err(with_hint(&owner))?, &owner, (None, None));
        }
        SourceCommand::Token { id, organization: name, origins } => {
            let owner = organization(&store, &name).await?;
            let source = sources::find(&store, owner.id, id).await.map_err(with_hint(&owner))?;
            let pepper = secret::load(config)?.api_keys();
            let token = keys::create_token(&store, &source, NewToken { origins }, &pepper).await?;
            print(&source, &owner, (Some(&token), None));
        }
        SourceCommand::Signature { id, organization: name, rotate, off } => {
            let (owner, key) = (organization(&store, &name).await?, secret::load(config)?.signatures());
            let signed = sources::set_signature(&store, owner.id, id, change(rotate, off), &key).await;
            let (source, secret) = signed.map_err(with_hint(&owner))?;
            print_signature(&source, secret.as_ref(), output);
        }
    }
    Ok(())
}

fn change(rotate: bool, off: bool) -> SignatureChange {
    match (rotate, off) {
        (true, _) => SignatureChange::Rotate,
        (_, true) => SignatureChange::Off,
        _ => SignatureChange::Require,
    }
}

fn print_signature(source: &Source, secret: Option<&SecretString>, output: &Output) {
    let secret = secret.map(|secret| secret.expose_secret());
    output
        .print(&native::signature(source, secret), |line| line(secret.unwrap_or("posts need no signature")));
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
struct SourceDetails<'s> {
    #[serde(flatten)]
    source: SourceResponse<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recent_leads: Option<RecentLeads>,
}

fn print(
    source: &Source,
    organization: &str,
    (token, recent_leads): (Option<&CreatedKey>, Option<RecentLeads>),
    config: &Config,
    output: &Output,
) {
    let token = token.map(|token| token.text.expose_secret());
    let base = address_file::base_url(config);
    let source = native::source(source, organization, base.as_deref().unwrap_or_default(), token);
    output.details(&SourceDetails { source, recent_leads });
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
