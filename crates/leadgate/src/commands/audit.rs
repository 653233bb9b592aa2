//! The command `leadgate audit`.

use clap::Subcommand;
use leadgate_domain::{Actor, AuditAction, KeyId, Timestamp};
use leadgate_operations::audit;
use leadgate_store::{AuditFilter, AuditRecord};
use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::{count, id, key_id, moment};
use super::{Output, cell, open_store, organization};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// List entries of the audit log, newest first
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Only actions with this key
        #[arg(long, value_name = "ID", value_parser = key_id)]
        key: Option<KeyId>,
        /// Only this action, such as lead.read
        #[arg(long, value_name = "ACTION")]
        action: Option<AuditAction>,
        /// Only entries from this time on: 2026-11-21T00:00:00Z, 2026-11-21, or 2d for two days ago
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        /// Maximum number of entries
        #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
        limit: u32,
        /// Next page: only entries older than this one
        #[arg(long, value_name = "ID", value_parser = id)]
        after: Option<Uuid>,
    },
}

pub(crate) async fn run(command: AuditCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let AuditCommand::List { organization: name, key, action, since, limit, after } = command;
    let owner = organization(&store, &name).await?;
    let filter = AuditFilter { actor: key.map(Actor::Key), action, since };
    let page = audit::list(&store, owner.id, filter, after, limit, &store).await?;
    let document = json!({ "data": page.data, "next": page.next });
    let headers = ["at", "actor", "action", "target", "detail"];
    output.list("entries", &document, headers, page.data.iter().map(row));
    if let Some(next) = page.next {
        output.note(&format!("there are more entries: --after {next}"));
    }
    Ok(())
}

fn row(entry: &AuditRecord) -> [String; 5] {
    let AuditRecord { at, actor, action, target, detail, .. } = entry;
    let detail = (!detail.is_empty()).then(|| Value::Object(detail.clone()));
    [at.to_string(), actor.to_string(), action.to_string(), cell(target.as_deref()), cell(detail)]
}
