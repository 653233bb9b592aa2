//! `leadgate suppression`.

use std::sync::Arc;

use anyhow::ensure;
use clap::{Args, Subcommand};
use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    Email, OrganizationId, Phone, Region, Suppression, SuppressionKey, SuppressionKind, Timestamp,
};
use leadgate_pipeline::Pipeline;
use serde_json::json;

use super::{Output, open_store, organization};
use crate::config::Config;

#[derive(Subcommand)]
pub enum Command {
    /// Suppress phones or emails: stored leads with them are held at once
    Add {
        #[command(flatten)]
        values: Values,
        /// Why, for those who ask later
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lift a suppression: stored leads are decided anew
    Remove {
        #[command(flatten)]
        values: Values,
    },
}

#[derive(Args)]
pub struct Values {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// A phone number; may be given several times
    #[arg(long, value_name = "PHONE")]
    phone: Vec<String>,
    /// An email address; may be given several times
    #[arg(long, value_name = "EMAIL")]
    email: Vec<String>,
    /// Reads phones without a country code, such as US
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
}

pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    // One key for the entries and one for the judge: it is not to be copied around.
    let matching = store.match_key().await?;
    let judge = Arc::new(Pipeline::new(store.match_key().await?));
    match command {
        Command::Add { values, reason } => {
            let owner = store.ensure_organization(&values.organization).await?;
            let entries = entries(&values, owner.id, reason, &matching)?;
            let count = entries.len();
            store.suppress(owner.id, entries, judge).await?;
            output.print(&json!({ "added": count }), |line| {
                line(&format!("{count} suppressed; stored leads with them are held from now on"));
            });
        }
        Command::Remove { values } => {
            let owner = organization(&store, &values.organization).await?;
            let entries = entries(&values, owner.id, None, &matching)?;
            let keys: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
            let removed = store.unsuppress(owner.id, keys, judge).await?.len();
            output.print(&json!({ "removed": removed }), |line| {
                line(&format!("{removed} no longer suppressed; stored leads with them were decided anew"));
            });
        }
    }
    Ok(())
}

/// The entries named on the command line. One that cannot be read refuses all: half a list is worse than none.
fn entries(
    values: &Values,
    organization: OrganizationId,
    reason: Option<String>,
    matching: &MatchKey,
) -> anyhow::Result<Vec<Suppression>> {
    ensure!(!values.phone.is_empty() || !values.email.is_empty(), "neither --phone nor --email was given");
    let now = Timestamp::now();
    let entry = |kind, value: String| Suppression {
        key: SuppressionKey::of(matching, organization, kind, &value),
        value,
        reason: reason.clone(),
        added_at: now,
    };
    let mut entries = Vec::new();
    for raw in &values.phone {
        let phone = Phone::parse(raw, values.region)?;
        entries.push(entry(SuppressionKind::Phone, phone.e164().to_owned()));
    }
    for raw in &values.email {
        entries.push(entry(SuppressionKind::Email, Email::parse(raw)?.identity()));
    }
    Ok(entries)
}
