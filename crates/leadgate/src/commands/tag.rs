//! The command `leadgate tag`.

use clap::Subcommand;
use leadgate_operations::tags::{self, NewTag};
use serde_json::json;

use super::{Output, open_store, organization};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum TagCommand {
    /// Create a tag, or print the existing one; clients send its number as `tag_id`
    Create {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Name of the tag, which leads get
        #[arg(long, value_name = "TAG")]
        name: String,
    },
    /// List the tags of an organization
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
}

pub(crate) async fn run(command: TagCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        TagCommand::Create { organization: owner, name } => {
            let owner = organization(&store, &owner).await?;
            let tag = tags::create(&store, owner.id, NewTag { name }).await?;
            let shown = json!({ "id": tag.id, "name": tag.name, "organization": owner.name });
            output.details(&shown);
        }
        TagCommand::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            let all = tags::list(&store, owner.id, &store).await?;
            let rows = all.iter().map(|tag| [tag.id.to_string(), tag.name.clone()]);
            output.list("tags", &all, ["id", "name"], rows);
        }
    }
    Ok(())
}
