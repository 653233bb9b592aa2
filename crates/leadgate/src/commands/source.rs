//! `leadgate source`.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use leadgate_domain::{ClaimKind, Consents, Dialect, Policy, Rate, Region, Source, SourceId, Timestamp};
use serde_json::{Value, json};

use super::{Output, open_store, organization};
use crate::config::Config;

#[derive(Subcommand)]
pub enum Command {
    /// Make a way in with settings of its own
    Create {
        /// Organization it belongs to, made if missing
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// What its clients speak: native
        #[arg(long, default_value = "native")]
        dialect: Dialect,
        #[arg(long)]
        name: Option<String>,
        /// Reads phones without a country code, such as US
        #[arg(long, value_name = "REGION")]
        region: Option<Region>,
        /// What happens to a submission that meets a lead: return_existing, update, link, create
        #[arg(long)]
        policy: Option<Policy>,
        /// For how long a phone or email finds its lead, such as 30d; `ever` is for ever
        #[arg(long, value_name = "TIME", value_parser = window)]
        window: Option<Window>,
        /// Whether a lead needs consent to be called: required, optional
        #[arg(long, default_value = "required")]
        consent: Consents,
        /// A limit for everything that comes in here, such as 600/min
        #[arg(long, value_name = "N/min")]
        rate: Option<Rate>,
        /// Tags for every lead that comes in here
        #[arg(long, value_name = "TAGS", value_delimiter = ',')]
        tags: Vec<String>,
    },
    /// List the sources of an organization
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Print one source
    Show {
        id: SourceId,
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
}

/// How long a claim matches; `None` is for ever.
#[derive(Debug, Clone, Copy)]
pub struct Window(Option<Duration>);

fn window(text: &str) -> Result<Window, String> {
    if text == "ever" {
        return Ok(Window(None));
    }
    let window =
        humantime::parse_duration(text).map_err(|error| format!("{error} (such as 30d, or ever)"))?;
    if window.is_zero() {
        Err("a window of no length finds nobody".to_owned())
    } else {
        Ok(Window(Some(window)))
    }
}

pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::Create { organization, dialect, name, region, policy, window, consent, rate, tags } => {
            ensure!(tags.iter().all(|tag| !tag.trim().is_empty()), "a tag is empty");
            let owner = store.ensure_organization(&organization).await?;
            let name = name.or_else(|| Some(dialect.as_str().to_owned()));
            let defaults = Source::new(owner.id, dialect, name, Timestamp::now());
            let mut source = Source {
                default_region: region,
                policy: policy.unwrap_or(defaults.policy),
                consent,
                rate,
                tags,
                ..defaults
            };
            // What a system calls its own record stays that record for ever; only a person's address can go stale.
            let perishable = |kind| matches!(kind, ClaimKind::Phone | ClaimKind::Email);
            for identity in source.identity.iter_mut().filter(|identity| perishable(identity.kind)) {
                identity.window = window.map_or(identity.window, |Window(window)| window);
            }
            store.create_source(&source).await?;
            print(&source, &owner.name, output);
        }
        Command::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            let sources = store.sources(owner.id).await?;
            let all: Vec<_> = sources.iter().map(|source| describe(source, &owner.name)).collect();
            output.print(&all, |line| {
                for source in &sources {
                    let name = source.name.as_deref().unwrap_or("(default)");
                    line(&format!("{}  {}  {}  {name}", source.id, source.dialect, source.policy));
                }
            });
        }
        Command::Show { id, organization: name } => {
            let owner = organization(&store, &name).await?;
            let all = store.sources(owner.id).await?;
            let found = all.iter().find(|source| source.id == id);
            print(found.with_context(|| format!("`{name}` has no source {id}"))?, &owner.name, output);
        }
    }
    Ok(())
}

fn print(source: &Source, organization: &str, output: &Output) {
    let shown = describe(source, organization);
    output.print(&shown, |line| {
        for (key, value) in shown.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            line(&format!("{key}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
    });
}

/// A native source has no token and no address of its own: its keys lead to it.
fn describe(source: &Source, organization: &str) -> Value {
    json!({
        "id": source.id,
        "token": null,
        "url": "/v1/leads",
        "organization": organization,
        "dialect": source.dialect,
        "name": source.name,
        "revision": source.revision,
        "region": source.default_region,
        "identity_rule": source.identity_rule.as_str(),
        "identity": source.identity,
        "policy": source.policy.as_str(),
        "consent": source.consent.as_str(),
        "rate": source.rate,
        "tags": source.tags,
        "created_at": source.created_at,
    })
}
