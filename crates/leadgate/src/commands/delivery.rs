//! The command `leadgate delivery`.

use clap::{Args, Subcommand};
use leadgate_domain::{AttemptId, DeliveryState, EndpointId, EventId};
use leadgate_operations::deliveries;
use leadgate_store::{DeliveryCursor, DeliveryFilter};
use serde_json::json;

use super::arguments::count;
use super::{Output, cell, open_store, organization};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum DeliveryCommand {
    /// List events that endpoints have not received
    List {
        #[command(flatten)]
        selection: SelectionArguments,
        /// pending, exhausted or withdrawn [default: all]
        #[arg(long, value_name = "STATE")]
        state: Option<DeliveryState>,
        /// Next page: the value `next` of the page before
        #[arg(long, value_name = "CURSOR")]
        after: Option<DeliveryCursor>,
    },
    /// List attempts, from the newest to the oldest
    Attempts {
        #[command(flatten)]
        selection: SelectionArguments,
        /// Next page: only attempts older than this one
        #[arg(long, value_name = "ID")]
        after: Option<AttemptId>,
    },
}

#[derive(Args)]
pub(crate) struct SelectionArguments {
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Only of this endpoint
    #[arg(long, value_name = "ID")]
    endpoint: Option<EndpointId>,
    /// Only of this event
    #[arg(long, value_name = "ID")]
    event: Option<EventId>,
    /// Maximum number of entries
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
    limit: u32,
}

pub(crate) async fn run(command: DeliveryCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    match command {
        DeliveryCommand::List { selection, state, after } => {
            let owner = organization(&store, &selection.organization).await?;
            let filter = DeliveryFilter { endpoint: selection.endpoint, event: selection.event, state };
            let page = deliveries::list(&store, owner.id, filter, after, selection.limit, &store).await?;
            let rows = page.data.iter().map(|one| {
                let (endpoint, event) = (one.endpoint.to_string(), one.event.to_string());
                let failed = one.failed_attempts.to_string();
                [endpoint, event, one.state.clone(), failed, cell(one.next_attempt_at)]
            });
            let next = page.next.map(|next| next.to_string());
            let document = json!({ "data": page.data, "next": next });
            let columns = ["endpoint", "event", "state", "failed attempts", "next attempt"];
            output.list("deliveries", &document, columns, rows);
            note_next(next.as_deref(), output);
        }
        DeliveryCommand::Attempts { selection, after } => {
            let owner = organization(&store, &selection.organization).await?;
            let filter = DeliveryFilter { endpoint: selection.endpoint, event: selection.event, state: None };
            let page = deliveries::attempts(&store, owner.id, filter, after, selection.limit, &store).await?;
            let rows = page.data.iter().map(|one| {
                let took = format!("{:.3} s", one.duration_seconds);
                let (event, number) = (one.event.to_string(), one.number.to_string());
                [one.at.to_string(), event, number, one.result.clone(), cell(one.status), took]
            });
            let next = page.next.map(|next| next.to_string());
            let document = json!({ "data": page.data, "next": next });
            let columns = ["at", "event", "attempt", "result", "status", "took"];
            output.list("attempts", &document, columns, rows);
            note_next(next.as_deref(), output);
        }
    }
    Ok(())
}

fn note_next(next: Option<&str>, output: &Output) {
    if let Some(next) = next {
        output.note(&format!("there are more: --after {next}"));
    }
}
