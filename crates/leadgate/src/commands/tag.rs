//! `leadgate tag`.

use anyhow::ensure;
use clap::Subcommand;
use leadgate_domain::AuditAction;
use leadgate_domain::validate::LONGEST_TAG;
use serde_json::json;

use super::{Output, UsageError, open_store, organization, saw};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a tag, or find the one of that name; its number is what clients send as `tag_id`
    Create {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Tag that leads get
        #[arg(long, value_name = "TAG")]
        name: String,
    },
    /// List the tags of an organization
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
}

pub(crate) async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        Command::Create { organization: owner, name } => {
            let owner = organization(&store, &owner).await?;
            let length = name.trim().chars().count();
            ensure!(
                (1..=LONGEST_TAG).contains(&length),
                UsageError::wrong(format!("--name: a tag has 1 to {LONGEST_TAG} characters"))
            );
            let tag = store.create_tag(owner.id, name.trim()).await?;
            let shown = json!({ "id": tag.id, "name": tag.name, "organization": owner.name });
            output.details(&shown);
        }
        Command::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            let tags = store.tags(owner.id).await?;
            saw(&store, store.entry(owner.id, AuditAction::TagsListed).with("count", tags.len())).await?;
            let rows = tags.iter().map(|tag| [tag.id.to_string(), tag.name.clone()]);
            output.list("tags", &tags, ["id", "name"], rows);
        }
    }
    Ok(())
}
