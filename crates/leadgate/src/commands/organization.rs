//! The command `leadgate organization`, and the look-up of organizations for other commands.

use anyhow::ensure;
use clap::{Args, Subcommand};
use leadgate_domain::{AuditAction, Organization, organization_name};
use leadgate_store::Store;
use serde_json::{Value, json};

use super::{Output, UsageError, open_store};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Create an organization
    Create {
        /// Name of the organization
        #[arg(value_parser = organization_name)]
        name: String,
    },
    /// List all organizations
    List,
    /// Print one organization
    Show {
        /// Name of the organization
        name: String,
    },
    /// Rename an organization; its keys and leads stay
    Rename {
        /// Current name
        name: String,
        /// New name
        #[arg(value_parser = organization_name)]
        new_name: String,
    },
    /// Disable an organization: its keys and URL tokens are refused; stored and queued leads stay
    Disable {
        /// Name of the organization
        name: String,
    },
    /// Enable a disabled organization
    Enable {
        /// Name of the organization
        name: String,
    },
}

/// The organization for a command that can create it.
#[derive(Args)]
pub(crate) struct OwnerArguments {
    /// Name of the organization
    #[arg(long, value_name = "NAME", value_parser = organization_name)]
    organization: String,
    /// Create the organization if it does not exist
    #[arg(long)]
    create_organization: bool,
}

impl OwnerArguments {
    pub(crate) async fn find_or_create(&self, store: &Store) -> anyhow::Result<Organization> {
        if self.create_organization {
            Ok(store.ensure_organization(&self.organization).await?)
        } else {
            organization(store, &self.organization).await
        }
    }
}

pub(crate) async fn run(
    command: OrganizationCommand,
    config: &Config,
    output: &Output,
) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        OrganizationCommand::Create { name } => {
            let created = store.create_organization(&name).await?;
            print(&created.ok_or_else(|| name_in_use(&name))?, output);
        }
        OrganizationCommand::List => {
            let all = store.organizations().await?;
            let document: Vec<_> = all.iter().map(describe).collect();
            let rows = all.iter().map(|organization| {
                let (id, state) = (organization.id.to_string(), state(organization).to_owned());
                [id, state, organization.name.clone()]
            });
            output.list("organizations", &document, ["id", "state", "name"], rows);
        }
        OrganizationCommand::Show { name } => {
            let shown = organization(&store, &name).await?;
            store.record(vec![store.entry(shown.id, AuditAction::OrganizationRead)]).await?;
            print(&shown, output);
        }
        OrganizationCommand::Rename { name, new_name } => {
            let before = organization(&store, &name).await?;
            ensure!(store.rename_organization(before.id, &new_name).await?, name_in_use(&new_name));
            print(&Organization { name: new_name, ..before }, output);
        }
        OrganizationCommand::Disable { name } => {
            let owner = organization(&store, &name).await?;
            store.disable_organization(owner.id).await?;
            print(&organization(&store, &name).await?, output);
        }
        OrganizationCommand::Enable { name } => {
            let owner = organization(&store, &name).await?;
            store.enable_organization(owner.id).await?;
            print(&organization(&store, &name).await?, output);
        }
    }
    Ok(())
}

/// Finds an organization by its name.
///
/// # Errors
/// [`UsageError`] with similar names if it does not exist.
pub(crate) async fn organization(store: &Store, name: &str) -> anyhow::Result<Organization> {
    if let Some(found) = store.organization_named(name.trim()).await? {
        return Ok(found);
    }
    let all = store.organizations().await?;
    let similar = similar_names(name.trim(), all.iter().map(|organization| organization.name.as_str()));
    let similar: Vec<_> = similar.into_iter().map(|name| format!("`{name}`")).collect();
    let suggestion = match similar.is_empty() {
        true => String::new(),
        false => format!("; similar names: {}", similar.join(", ")),
    };
    let message = format!(
        "unknown organization `{name}`{suggestion}; `leadgate organization list` prints all names, \
         `leadgate organization create NAME` creates an organization"
    );
    Err(UsageError::Arguments(message).into())
}

fn name_in_use(name: &str) -> UsageError {
    UsageError::Arguments(format!("an organization `{name}` already exists; choose another name"))
}

const MAX_SUGGESTIONS: usize = 3;

/// The names whose edit distance to `wanted` is at most a third of its length, in the order of the distance.
fn similar_names<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let max_distance = (wanted.chars().count() / 3).max(1);
    let wanted = wanted.to_lowercase();
    let with_distance = |name: &'n str| (strsim::osa_distance(&wanted, &name.to_lowercase()), name);
    let mut similar: Vec<_> =
        names.map(with_distance).filter(|(distance, _)| *distance <= max_distance).collect();
    similar.sort_unstable();
    similar.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| name).collect()
}

fn state(organization: &Organization) -> &'static str {
    if organization.disabled_at.is_some() { "disabled" } else { "enabled" }
}

fn print(organization: &Organization, output: &Output) {
    output.details(&describe(organization));
}

fn describe(organization: &Organization) -> Value {
    json!({
        "id": organization.id,
        "name": organization.name,
        "created_at": organization.created_at,
        "disabled_at": organization.disabled_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_names_are_suggested() {
        let names = ["acme", "acme uk", "Northern", "northerns", "demo", "de", "Ärzte"];
        for (wanted, expected) in [
            ("northern4", vec!["Northern", "northerns"]),
            ("ACME", vec!["acme"]),
            ("amce", vec!["acme"]),
            ("acme-uk", vec!["acme uk"]),
            ("ärtze", vec!["Ärzte"]),
            ("d", vec!["de"]),
            ("zebra", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(similar_names(wanted, names.into_iter()), expected, "{wanted}");
        }
        let many: Vec<_> = (0..9).map(|number| format!("shop{number}")).collect();
        assert_eq!(similar_names("shop", many.iter().map(String::as_str)), ["shop0", "shop1", "shop2"]);
    }
}
