//! The command `leadgate delivery`.

use clap::{Args, Subcommand};
use leadgate_domain::{AttemptId, AttemptResult, DeliveryState, EndpointId, EventId, LeadId};
use leadgate_operations::{deliveries, exports};
use leadgate_store::{DeliveryCursor, DeliveryFilter};
use serde_json::json;

use super::arguments::count;
use super::table_export::TableExportArguments;
use super::{Output, cell, open_store, open_store_without_timeout, organization};
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
        #[command(flatten)]
        limit: LimitArgument,
        /// Next page: the value `next` of the page before
        #[arg(long, value_name = "CURSOR")]
        after: Option<DeliveryCursor>,
    },
    /// List attempts, from the newest to the oldest
    Attempts {
        #[command(flatten)]
        selection: SelectionArguments,
        /// delivered, server_error, timed_out or another result [default: all]
        #[arg(long, value_name = "RESULT")]
        result: Option<AttemptResult>,
        #[command(flatten)]
        limit: LimitArgument,
        /// Next page: only attempts older than this one
        #[arg(long, value_name = "ID")]
        after: Option<AttemptId>,
    },
    /// Export events that endpoints have not received, as CSV or NDJSON
    Export {
        #[command(flatten)]
        selection: SelectionArguments,
        /// pending, exhausted or withdrawn [default: all]
        #[arg(long, value_name = "STATE")]
        state: Option<DeliveryState>,
        #[command(flatten)]
        table: TableExportArguments,
    },
    /// Export attempts as CSV or NDJSON, newest first
    ExportAttempts {
        #[command(flatten)]
        selection: SelectionArguments,
        /// delivered, server_error, timed_out or another result [default: all]
        #[arg(long, value_name = "RESULT")]
        result: Option<AttemptResult>,
        #[command(flatten)]
        table: TableExportArguments,
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
    /// Only about this lead
    #[arg(long, value_name = "ID")]
    lead: Option<LeadId>,
}

#[derive(Args)]
pub(crate) struct LimitArgument {
    /// Maximum number of entries
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
    limit: u32,
}

impl SelectionArguments {
    fn filter(&self) -> DeliveryFilter {
        let Self { endpoint, event, lead, .. } = *self;
        DeliveryFilter { endpoint, event, lead, ..DeliveryFilter::default() }
    }
}

pub(crate) async fn run(command: DeliveryCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    match command {
        DeliveryCommand::List { selection, state, limit, after } => {
            let store = open_store(config).await?;
            let owner = organization(&store, &selection.organization).await?;
            let filter = DeliveryFilter { state, ..selection.filter() };
            let page = deliveries::list(&store, owner.id, filter, after, limit.limit, &store).await?;
            let rows = page.data.iter().map(|one| {
                let (endpoint, event) = (one.endpoint.to_string(), one.event.to_string());
                let (kind, failed) = (one.summary.kind.clone(), one.failed_attempts.to_string());
                [endpoint, event, kind, one.state.clone(), failed, cell(one.next_attempt_at)]
            });
            let next = page.next.map(|next| next.to_string());
            let document = json!({ "data": page.data, "next": next });
            let columns = ["endpoint", "event", "type", "state", "failed attempts", "next attempt"];
            output.list("deliveries", &document, columns, rows);
            note_next(next.as_deref(), output);
            Ok(())
        }
        DeliveryCommand::Attempts { selection, result, limit, after } => {
            let store = open_store(config).await?;
            let owner = organization(&store, &selection.organization).await?;
            let filter = DeliveryFilter { result, ..selection.filter() };
            let page = deliveries::attempts(&store, owner.id, filter, after, limit.limit, &store).await?;
            let rows = page.data.iter().map(|one| {
                let took = format!("{:.3} s", one.duration_seconds);
                let (event, number) = (one.event.to_string(), one.number.to_string());
                let kind = one.summary.kind.clone();
                [one.at.to_string(), event, kind, number, one.result.clone(), cell(one.status), took]
            });
            let next = page.next.map(|next| next.to_string());
            let document = json!({ "data": page.data, "next": next });
            let columns = ["at", "event", "type", "attempt", "result", "status", "took"];
            output.list("attempts", &document, columns, rows);
            note_next(next.as_deref(), output);
            Ok(())
        }
        DeliveryCommand::Export { selection, state, table } => {
            let store = open_store_without_timeout(config).await?;
            let owner = organization(&store, &selection.organization).await?;
            let filter = DeliveryFilter { state, ..selection.filter() };
            let export =
                async |options, to| exports::deliveries::write(&store, owner.id, filter, options, to).await;
            table.run("deliveries", output, export).await
        }
        DeliveryCommand::ExportAttempts { selection, result, table } => {
            let store = open_store_without_timeout(config).await?;
            let owner = organization(&store, &selection.organization).await?;
            let filter = DeliveryFilter { result, ..selection.filter() };
            let export = async |options, to| {
                exports::deliveries::write_attempts(&store, owner.id, filter, options, to).await
            };
            table.run("attempts", output, export).await
        }
    }
}

fn note_next(next: Option<&str>, output: &Output) {
    if let Some(next) = next {
        output.note(&format!("there are more: --after {next}"));
    }
}
