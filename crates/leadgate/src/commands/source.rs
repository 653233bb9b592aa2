//! The command `leadgate source`.

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
    /// Create a source, and print its URL for leads
    ///
    /// By default, policy, identity and window are those of the dialect (docs/dialects.md), consent is
    /// required, and the region is the setting `default_region`.
    Create {
        #[command(flatten)]
        owner: OwnerArguments,
        /// Dialect of the clients: native, abc_sales, lead2inbound, 500_leads, kickofflabs, askad
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
    /// Print a source, and how many of its last 1,000 leads have neither phone nor email
    ///
    /// A URL cannot be printed again, because its token is stored as a hash only. `source token` creates
    /// another URL, and `key rotate` replaces one.
    Show {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Disable a source: its leads are refused; its keys, URL tokens and stored leads stay
    Disable(SourceArguments),
    /// Enable a disabled source
    Enable(SourceArguments),
    /// Delete a source and revoke its keys and URL tokens; its leads stay
    Delete(SourceArguments),
    /// Create another URL token for a source, and print its URL; `key revoke` revokes a token
    Token {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Origins of the web pages that may use the URL, such as https://example.com [default: all]
        #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
        origins: Vec<String>,
    },
    /// Require signed posts (Standard Webhooks), and print the signing secret
    Signature {
        /// Id of the source, as `source list` prints it
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Create a new secret; the previous one stays valid for a day
        #[arg(long, conflicts_with = "off")]
        rotate: bool,
        /// Accept unsigned posts again
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
    /// Display name of the source
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Region of phones without a country code, such as US
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// Remove the region: phones without a country code cannot be read
    #[arg(long, conflicts_with = "region")]
    no_region: bool,
    /// Time zone of consent times without a zone, such as America/New_York
    #[arg(long, value_name = "ZONE")]
    timezone: Option<Zone>,
    /// Remove the time zone: consent times without a zone are not read
    #[arg(long, conflicts_with = "timezone")]
    no_timezone: bool,
    /// What to do with a submission about a known person: return_existing, update, link, create
    #[arg(long, value_name = "POLICY")]
    policy: Option<DuplicatePolicy>,
    /// Keys that identify a person, such as any_of:external_id,phone=30d,email or first_of:phone
    #[arg(long, value_name = "RULE:KEYS", conflicts_with = "window")]
    identity: Option<IdentitySettings>,
    /// When two Gmail addresses belong to the same person: exact (the same text), or mailbox (dots, +tags and
    /// googlemail.com are ignored) [default: exact]
    #[arg(long, value_name = "WHEN")]
    gmail_identity: Option<GmailIdentity>,
    /// How long a phone or email identifies its lead, such as 30d, or `ever`
    #[arg(long, value_name = "TIME")]
    window: Option<DurationOrForever>,
    /// Whether a lead needs consent to be eligible: required, optional
    #[arg(long, value_name = "CONSENT")]
    consent: Option<ConsentPolicy>,
    /// Maximum age of consent, such as 90d, or `ever`
    #[arg(long, value_name = "TIME")]
    consent_max_age: Option<DurationOrForever>,
    /// Rate limit of all leads of the source, such as 600/min. A limit that the dialect counts by key or IP
    /// address (native, lead2inbound, askad, 500_leads) applies too; `key create --rate` sets the limit of a
    /// key
    #[arg(long, value_name = "N/min")]
    rate: Option<Rate>,
    /// Remove the rate limit of the source; that of its dialect applies
    #[arg(long, conflicts_with = "rate")]
    no_rate: bool,
    /// Tags for all leads of the source
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Option<Vec<String>>,
    /// Remove the tags
    #[arg(long, conflicts_with = "tags")]
    no_tags: bool,
    /// Networks that may post leads, such as 192.0.2.0/24; all others are refused
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    networks: Option<Vec<Network>>,
    /// Accept posts from all networks
    #[arg(long, conflicts_with = "networks")]
    no_networks: bool,
}

impl From<SourceSettingArguments> for SourceSettings {
    fn from(arguments: SourceSettingArguments) -> Self {
        Self {
            name: arguments.name,
            region: patch(arguments.region, arguments.no_region),
            timezone: patch(arguments.timezone, arguments.no_timezone),
            policy: arguments.policy,
            identity: arguments.identity,
            gmail_identity: arguments.gmail_identity,
            window: arguments.window,
            consent: arguments.consent,
            consent_max_age: arguments.consent_max_age,
            rate: patch(arguments.rate, arguments.no_rate),
            tags: arguments.tags.or(arguments.no_tags.then(Vec::new)),
            networks: arguments.networks.or(arguments.no_networks.then(Vec::new)),
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
            // Checked first, so that an invalid setting creates no organization.
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
            let (source, recent_leads) = shown.map_err(with_hint(&owner))?;
            print(&source, &owner, (None, Some(recent_leads)));
        }
        SourceCommand::Disable(arguments) => {
            let owner = organization(&store, &arguments.organization).await?;
            let disabled = sources::disable(&store, owner.id, arguments.id).await;
            print(&disabled.map_err(with_hint(&owner))?, &owner, (None, None));
        }
        SourceCommand::Enable(arguments) => {
            let owner = organization(&store, &arguments.organization).await?;
            let enabled = sources::enable(&store, owner.id, arguments.id).await;
            print(&enabled.map_err(with_hint(&owner))?, &owner, (None, None));
        }
        SourceCommand::Delete(arguments) => {
            let owner = organization(&store, &arguments.organization).await?;
            let deleted = sources::delete(&store, owner.id, arguments.id).await;
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
            let changed = sources::set_signature(&store, owner.id, id, change(rotate, off), &key).await;
            let (source, secret) = changed.map_err(with_hint(&owner))?;
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
    output.print(&native::signature_response(source, secret), |line| {
        line(secret.unwrap_or("unsigned posts are accepted"))
    });
}

fn list(sources: &[Source], organization: &str, output: &Output) {
    let all: Vec<_> =
        sources.iter().map(|source| native::source_response(source, organization, "", None)).collect();
    let rows = sources.iter().map(|source| {
        let (id, dialect, policy) = (source.id, source.dialect, source.policy);
        let name = source.name.clone().unwrap_or_else(|| "(default)".to_owned());
        let state = if source.disabled_at.is_some() { "disabled" } else { "enabled" };
        let region = cell(source.default_region);
        [id.to_string(), dialect.to_string(), state.to_owned(), policy.to_string(), region, name]
    });
    output.list("sources", &all, ["id", "dialect", "state", "policy", "region", "name"], rows);
}

/// A source, and how many of its recent leads have neither phone nor email.
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
    let source = native::source_response(source, organization, base.as_deref().unwrap_or_default(), token);
    output.details(&SourceDetails { source, recent_leads });
    if let Some(RecentLeads { leads, no_contact: 1.. }) = recent_leads {
        output.note(&format!(
            "some of the last {leads} leads have neither phone nor email: see `leadgate mapping suggest`"
        ));
    }
    if token.is_some() && base.is_none() {
        output.note(
            "the URL has no host, because gateway.public_url is not set and no server uses the data folder: add the \
             address of your gateway",
        );
    }
}
