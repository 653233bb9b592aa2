//! The command `leadgate endpoint`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use leadgate_dialect::native;
use leadgate_domain::{
    AttemptResult, Endpoint, EndpointId, EventId, EventType, LeadId, Organization, PayloadForm, Rate,
    Timestamp, WebUrl,
};
use leadgate_operations::endpoints::{
    self, EndpointInput, EndpointWithSecret, PreviewedRequest, ReplayRequest,
};
use leadgate_operations::{ItemLimit, OperationError};
use leadgate_store::Store;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::arguments::moment;
use super::{Output, OwnerArguments, UsageError, details, files, open_store, organization, with_hint};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum EndpointCommand {
    /// Create an endpoint, and print its signing secret, which is shown only now
    Create {
        #[command(flatten)]
        owner: OwnerArguments,
        /// URL to which events are sent
        #[arg(long, value_name = "URL")]
        url: WebUrl,
        /// Types of events, such as lead.created,lead.eligible
        #[arg(long, value_name = "TYPES", value_delimiter = ',', required = true)]
        events: Vec<EventType>,
        #[command(flatten)]
        settings: EndpointSettingArguments,
        /// Keep events and send nothing until `endpoint enable`
        #[arg(long)]
        disabled: bool,
    },
    /// Change settings of an endpoint; what is not given stays as it is
    Update {
        /// Id of the endpoint, as `endpoint list` prints it
        id: EndpointId,
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// URL to which events are sent
        #[arg(long, value_name = "URL")]
        url: Option<WebUrl>,
        /// Types of events, such as lead.created,lead.eligible
        #[arg(long, value_name = "TYPES", value_delimiter = ',')]
        events: Option<Vec<EventType>>,
        /// Send without a maximum rate
        #[arg(long, conflicts_with = "rate")]
        no_rate: bool,
        #[command(flatten)]
        settings: EndpointSettingArguments,
    },
    /// List the endpoints of an organization
    List {
        #[arg(long, value_name = "NAME")]
        organization: String,
    },
    /// Print an endpoint, and how many events it has not received
    Show(EndpointArguments),
    /// Create a new signing secret, and print it; the previous one also signs for a day
    RotateSecret(EndpointArguments),
    /// Show the requests for the last leads that an endpoint with these settings would get; nothing is sent
    Preview {
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// URL to which events are sent
        #[arg(long, value_name = "URL")]
        url: WebUrl,
        /// Types of events [default: lead.created]
        #[arg(long, value_name = "TYPES", value_delimiter = ',')]
        events: Option<Vec<EventType>>,
        #[command(flatten)]
        settings: EndpointSettingArguments,
        /// Number of leads, at most 100
        #[arg(long, value_name = "COUNT", default_value = "10")]
        last: ItemLimit,
    },
    /// Send an event of the type `test`
    Test(EndpointArguments),
    /// Send nothing until the endpoint is enabled; its events are kept
    Disable(EndpointArguments),
    /// Enable an endpoint that was disabled or suspended
    Enable(EndpointArguments),
    /// Delete an endpoint; what it has not received is not sent
    Delete(EndpointArguments),
    /// Send events again: by default those whose attempts all failed
    Replay(EndpointReplayArguments),
}

#[derive(Args)]
pub(crate) struct EndpointReplayArguments {
    #[command(flatten)]
    endpoint: EndpointArguments,
    /// This event, also if it was received
    #[arg(long, value_name = "ID", conflicts_with_all = ["events", "lead", "since", "until", "result"])]
    event: Option<EventId>,
    /// Events of these types that the endpoint wants now, also received ones
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    events: Option<Vec<EventType>>,
    /// Events about this lead that the endpoint wants now, also received ones
    #[arg(long, value_name = "ID")]
    lead: Option<LeadId>,
    /// Events from this time on that the endpoint wants now, also received ones: 2026-01-31T00:00:00Z, 2026-01-31, or 2d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Events before this time that the endpoint wants now, also received ones
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Events whose last attempt had this result, such as server_error
    #[arg(long, value_name = "RESULT")]
    result: Option<AttemptResult>,
    /// Only count the events
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(crate) struct EndpointArguments {
    /// Id of the endpoint, as `endpoint list` prints it
    id: EndpointId,
    #[arg(long, value_name = "NAME")]
    organization: String,
}

#[derive(Args)]
pub(crate) struct EndpointSettingArguments {
    /// Display name of the endpoint
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Form of the payload: standard, flat, abc_sales, kickofflabs; a new endpoint has standard
    #[arg(long, value_name = "FORM", conflicts_with = "template", value_parser = payload_form)]
    form: Option<PayloadForm>,
    /// File with the template of a form of your own: rules in TOML, or in JSON in a file named .json
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Which leads, as JSON: {"eligibility","sources","tags","temperature","min_score","when"}
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    filter: Option<Value>,
    /// Maximum rate of requests, such as 600/min
    #[arg(long, value_name = "N/min")]
    rate: Option<Rate>,
    /// Maximum number of concurrent requests; a new endpoint has 10
    #[arg(long, value_name = "COUNT")]
    concurrency: Option<u16>,
    /// Delays before the attempts, such as 0s,5s,1m
    #[arg(long, value_name = "DELAYS", value_delimiter = ',')]
    retry: Option<Vec<String>>,
    /// Comment for people
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// File with headers for all requests, as a JSON object of names and values; it replaces all headers
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
}

const TEMPLATE: &str = "a template: rules in TOML, or in JSON in a file named .json";

fn payload_form(text: &str) -> Result<PayloadForm, String> {
    match text.parse() {
        Ok(PayloadForm::Template(_)) => Err("give the rules of a template with --template FILE".to_owned()),
        other => other,
    }
}

fn json_object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("expected a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl EndpointSettingArguments {
    fn read(self, url: Option<WebUrl>, events: Option<Vec<EventType>>) -> anyhow::Result<EndpointInput> {
        let headers = match &self.headers {
            None => None,
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("reading the headers {}", file.display()))?;
                let headers = json_object(&text)
                    .map_err(|error| UsageError::invalid_arguments(format!("{}: {error}", file.display())))?;
                Some(headers)
            }
        };
        let form = match &self.template {
            Some(file) => Some(PayloadForm::Template(files::document(file, "template", TEMPLATE)?)),
            None => self.form,
        };
        let members = [
            ("name", self.name.map(Value::from)),
            ("url", url.map(|url| json!(url))),
            ("events", events.map(|events| json!(events))),
            ("form", form.map(|form| json!(form))),
            ("filter", self.filter),
            ("rate", self.rate.map(|rate| json!(rate))),
            ("concurrency", self.concurrency.map(Value::from)),
            ("retry", self.retry.map(Value::from)),
            ("note", self.note.map(Value::from)),
            ("headers", headers),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(given.collect::<Map<_, _>>().into())
    }
}

pub(crate) async fn run(command: EndpointCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let find = async |arguments: &EndpointArguments| organization(&store, &arguments.organization).await;
    match command {
        EndpointCommand::Create { owner, url, events, settings, disabled } => {
            let input = settings.read(Some(url), Some(events))?;
            // Checked first, so that an invalid setting creates no organization. Its sources are checked in `create`.
            input.check()?;
            let owner = owner.find_or_create(&store).await?;
            let created =
                endpoints::create(&store, owner.id, input, !disabled).await.map_err(with_hint(&owner))?;
            print_with_secret(&created, &owner, output);
        }
        EndpointCommand::Update { id, organization: name, url, events, no_rate, settings } => {
            let input = settings.read(url, events)?;
            let input = if no_rate { input.without_rate() } else { input };
            let owner = organization(&store, &name).await?;
            print(endpoints::update(&store, owner.id, id, input).await, &owner, output)?;
        }
        EndpointCommand::List { organization: name } => {
            let owner = organization(&store, &name).await?;
            list(&endpoints::list(&store, owner.id, &store).await?, &owner, output);
        }
        EndpointCommand::Show(arguments) => {
            let owner = find(&arguments).await?;
            let shown = endpoints::show(&store, owner.id, arguments.id, &store).await;
            let (endpoint, counts) = shown.map_err(with_hint(&owner))?;
            let response = native::endpoint_response(&endpoint, &owner.name, None);
            output.details(&response.with_deliveries(counts));
        }
        EndpointCommand::RotateSecret(arguments) => {
            let owner = find(&arguments).await?;
            let rotated = endpoints::rotate_secret(&store, owner.id, arguments.id).await;
            print_with_secret(&rotated.map_err(with_hint(&owner))?, &owner, output);
        }
        EndpointCommand::Preview { organization: name, url, events, settings, last } => {
            let (owner, input) = (organization(&store, &name).await?, settings.read(Some(url), events)?);
            print_preview(&endpoints::preview(&store, owner.id, input, last, &store).await?, output);
        }
        EndpointCommand::Test(arguments) => test(&store, &arguments, output).await?,
        EndpointCommand::Disable(arguments) => {
            let owner = find(&arguments).await?;
            print(endpoints::disable(&store, owner.id, arguments.id).await, &owner, output)?;
        }
        EndpointCommand::Enable(arguments) => {
            let owner = find(&arguments).await?;
            print(endpoints::enable(&store, owner.id, arguments.id).await, &owner, output)?;
        }
        EndpointCommand::Delete(arguments) => {
            let owner = find(&arguments).await?;
            print(endpoints::delete(&store, owner.id, arguments.id).await, &owner, output)?;
        }
        EndpointCommand::Replay(arguments) => replay(&store, arguments, output).await?,
    }
    Ok(())
}

async fn test(store: &Store, arguments: &EndpointArguments, output: &Output) -> anyhow::Result<()> {
    let owner = organization(store, &arguments.organization).await?;
    let event = endpoints::test(store, owner.id, arguments.id).await.map_err(with_hint(&owner))?;
    output.print(&json!({ "event": event }), |line| {
        line(&format!("the event {event} will be sent; `leadgate delivery attempts` shows its attempts"));
    });
    Ok(())
}

async fn replay(store: &Store, arguments: EndpointReplayArguments, output: &Output) -> anyhow::Result<()> {
    let EndpointReplayArguments { endpoint, event, events, lead, since, until, result, dry_run } = arguments;
    let owner = organization(store, &endpoint.organization).await?;
    let request =
        ReplayRequest { event, events: events.map(BTreeSet::from_iter), lead, since, until, result, dry_run };
    let replayed = endpoints::replay(store, owner.id, endpoint.id, request).await;
    let events = replayed.map_err(with_hint(&owner))?;
    let would = if dry_run { "would be" } else { "will be" };
    output.print(&json!({ "events": events }), |line| {
        line(&format!("{events} events {would} sent again"));
    });
    Ok(())
}

fn print_preview(all: &[PreviewedRequest], output: &Output) {
    if all.is_empty() {
        output.note("the endpoint wants none of the last leads");
    }
    output.print(&all, |line| {
        for (index, previewed) in all.iter().enumerate() {
            if index > 0 {
                line("");
            }
            details(previewed, line);
        }
    });
}

fn list(all: &[Endpoint], owner: &Organization, output: &Output) {
    let responses: Vec<_> =
        all.iter().map(|endpoint| native::endpoint_response(endpoint, &owner.name, None)).collect();
    let rows = all.iter().map(|endpoint| {
        let settings = &endpoint.settings;
        let state = endpoint.health.state.to_string();
        [
            endpoint.id.to_string(),
            state,
            settings.form.to_string(),
            settings.url.to_string(),
            settings.name.clone(),
        ]
    });
    output.list("endpoints", &responses, ["id", "state", "form", "url", "name"], rows);
}

fn print_with_secret(created: &EndpointWithSecret, owner: &Organization, output: &Output) {
    let secret = created.secret.expose_secret();
    output.details(&native::endpoint_response(&created.endpoint, &owner.name, Some(secret)));
}

fn print(
    changed: Result<Endpoint, OperationError>,
    owner: &Organization,
    output: &Output,
) -> anyhow::Result<()> {
    let endpoint = changed.map_err(with_hint(owner))?;
    output.details(&native::endpoint_response(&endpoint, &owner.name, None));
    Ok(())
}
