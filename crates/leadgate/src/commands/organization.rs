//! `leadgate organization`, and the organization that other commands name.

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
    /// Rename an organization; its keys and leads stay as they are
    Rename {
        /// Current name
        name: String,
        /// New name
        #[arg(value_parser = organization_name)]
        new_name: String,
    },
    /// Refuse an organization's keys and URL tokens; what is stored or queued stays
    Disable {
        /// Name of the organization
        name: String,
    },
    /// Accept a disabled organization's keys and URL tokens again
    Enable {
        /// Name of the organization
        name: String,
    },
}

/// The organization of a command that can create it.
#[derive(Args)]
pub(crate) struct OwnerArguments {
    /// Organization it belongs to
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
            print(&created.ok_or_else(|| is_taken(&name))?, output);
        }
        OrganizationCommand::List => {
            let all = store.organizations().await?;
            let document: Vec<_> = all.iter().map(describe).collect();
            let rows = all.iter().map(|one| [one.id.to_string(), state(one).to_owned(), one.name.clone()]);
            output.list("organizations", &document, ["id", "state", "name"], rows);
        }
        OrganizationCommand::Show { name } => {
            let shown = organization(&store, &name).await?;
            store.record(vec![store.entry(shown.id, AuditAction::OrganizationRead)]).await?;
            print(&shown, output);
        }
        OrganizationCommand::Rename { name, new_name } => {
            let before = organization(&store, &name).await?;
            ensure!(store.rename_organization(before.id, &new_name).await?, is_taken(&new_name));
            print(&Organization { name: new_name, ..before }, output);
        }
        OrganizationCommand::Disable { name } => {
            let wanted = organization(&store, &name).await?;
            store.disable_organization(wanted.id).await?;
            print(&organization(&store, &name).await?, output);
        }
        OrganizationCommand::Enable { name } => {
            let wanted = organization(&store, &name).await?;
            store.enable_organization(wanted.id).await?;
            print(&organization(&store, &name).await?, output);
        }
    }
    Ok(())
}

/// The organization of that name.
///
/// # Errors
/// [`UsageError`] with the names that are close to it.
pub(crate) async fn organization(store: &Store, name: &str) -> anyhow::Result<Organization> {
    if let Some(found) = store.organization_named(name.trim()).await? {
        return Ok(found);
    }
    let all = store.organizations().await?;
    let close = closest(name.trim(), all.iter().map(|one| one.name.as_str()));
    let close: Vec<_> = close.into_iter().map(|name| format!("`{name}`")).collect();
    let suggestion = match close.is_empty() {
        true => String::new(),
        false => format!("; the closest names are {}", close.join(", ")),
    };
    let message = format!(
        "there is no organization `{name}`{suggestion}; `leadgate organization list` prints all, \
         `leadgate organization create NAME` creates one"
    );
    Err(UsageError::Arguments(message).into())
}

fn is_taken(name: &str) -> UsageError {
    UsageError::Arguments(format!("there is an organization `{name}` already"))
}

const MOST_SUGGESTIONS: usize = 3;

/// The names that differ from the wanted one in at most a third of its characters, the closest first.
fn closest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let most = (wanted.chars().count() / 3).max(1);
    let wanted = wanted.to_lowercase();
    let with_distance = |name: &'n str| (strsim::osa_distance(&wanted, &name.to_lowercase()), name);
    let mut close: Vec<_> = names.map(with_distance).filter(|(distance, _)| *distance <= most).collect();
    close.sort_unstable();
    close.into_iter().take(MOST_SUGGESTIONS).map(|(_, name)| name).collect()
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
    fn close_names_are_suggested_and_others_are_not() {
        let names = ["acme", "acme uk", "Nobody", "nobodies", "demo", "de", "Ärzte"];
        for (wanted, expected) in [
            ("nobodi4", vec!["Nobody", "nobodies"]),
            ("ACME", vec!["acme"]),
            ("amce", vec!["acme"]),
            ("acme-uk", vec!["acme uk"]),
            ("ärtze", vec!["Ärzte"]),
            ("d", vec!["de"]),
            ("zebra", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(closest(wanted, names.into_iter()), expected, "{wanted}");
        }
        let many: Vec<_> = (0..9).map(|number| format!("shop{number}")).collect();
        assert_eq!(closest("shop", many.iter().map(String::as_str)), ["shop0", "shop1", "shop2"]);
    }
}
