//! `leadgate`: the all-in-one server and the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{self, Output, UsageError, arguments};
use crate::config::Flags;
use crate::run;

/// Lead intake: receives sales leads, stores them durably, and decides which of them may be called
#[derive(Parser)]
#[command(name = "leadgate", version, after_help = SETTINGS)]
struct LeadgateArguments {
    /// Print one JSON document on standard output
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<LeadgateCommand>,
}

const SETTINGS: &str = "All other settings are read from the configuration file or the environment, for example \
                        LEADGATE_STORE_URL: see docs/configuration.md.";

#[derive(Subcommand)]
enum LeadgateCommand {
    /// Run gateway, worker and dispatcher in this process (the default)
    Serve {
        /// Address to listen on [default: 127.0.0.1:8080]
        #[arg(long, value_name = "ADDRESS", value_parser = arguments::address)]
        listen: Option<SocketAddr>,
    },
    /// Create or upgrade the database schema and the broker's queues
    Migrate {
        /// Use after the database was restored from a backup: invalidates the gateways' idempotency markers
        #[arg(long)]
        restored: bool,
    },
    /// Manage organizations
    #[command(subcommand)]
    Organization(commands::organization::OrganizationCommand),
    /// Manage API keys and URL tokens
    #[command(subcommand)]
    Key(commands::key::KeyCommand),
    /// Manage sources
    #[command(subcommand)]
    Source(commands::source::SourceCommand),
    /// Manage endpoints: where events about leads are sent
    #[command(subcommand)]
    Endpoint(commands::endpoint::EndpointCommand),
    /// List events that endpoints have not received, and attempts
    #[command(subcommand)]
    Delivery(commands::delivery::DeliveryCommand),
    /// Events about leads
    #[command(subcommand)]
    Event(commands::event::EventCommand),
    /// Manage the field mapping of a source
    #[command(subcommand)]
    Mapping(commands::mapping::MappingCommand),
    /// Manage numbered tags, for KickoffLabs clients
    #[command(subcommand)]
    Tag(commands::tag::TagCommand),
    /// List, repair, release and discard quarantined submissions
    #[command(subcommand)]
    Quarantine(commands::quarantine::QuarantineCommand),
    /// Reprocess stored leads with the current mappings, suppression lists and scoring
    Reprocess(commands::reprocess::ReprocessArguments),
    /// Manage suppression lists: phones, emails and domains that must not be contacted
    #[command(subcommand)]
    Suppression(commands::suppression::SuppressionCommand),
    /// Erase a person: delete all stored data, and hold new leads with the same phone or email
    Erase(commands::erase::EraseArguments),
    /// Show and set how long an organization keeps its data
    #[command(subcommand)]
    Retention(commands::retention::RetentionCommand),
    /// Export evidence of consent, and verify exports
    #[command(subcommand)]
    Consent(commands::consent::ConsentCommand),
    /// Manage the scoring rules of an organization
    #[command(subcommand)]
    Score(commands::score::ScoreCommand),
    /// Show and change leads, and explain decisions about them
    #[command(subcommand)]
    Lead(commands::lead::LeadCommand),
    /// Intake reports
    #[command(subcommand)]
    Report(commands::report::ReportCommand),
    /// Show the audit log
    #[command(subcommand)]
    Audit(commands::audit::AuditCommand),
    /// List and replay queue messages that could not be read
    #[command(subcommand)]
    Parked(commands::parked::ParkedCommand),
    /// Manage RabbitMQ queues
    #[command(subcommand)]
    Queue(commands::queue::QueueCommand),
    /// Show the active configuration
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
    /// Print a completion script for a shell
    Completion {
        /// Shell for which the script is printed
        shell: Shell,
    },
    /// Back up queue, store and secret of the embedded shape into one file; the server may be running
    Backup {
        /// File to write; it must not exist
        file: PathBuf,
    },
    /// Restore a backup into an empty data folder
    Restore {
        /// File that `leadgate backup` wrote
        file: PathBuf,
    },
}

/// Parses the command line and runs the command.
#[tokio::main]
pub(super) async fn leadgate() -> ExitCode {
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(error) => return print_parse_result(&error),
    };
    let output = Output::new(arguments.json);
    match dispatch(arguments, &output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            UsageError::exit_code(&error)
        }
    }
}

fn parse() -> Result<LeadgateArguments, clap::Error> {
    let matches = command_line().try_get_matches()?;
    LeadgateArguments::from_arg_matches(&matches)
}

/// The command line, with the help of arguments that many commands have.
pub(super) fn command_line() -> clap::Command {
    with_shared_help(LeadgateArguments::command())
}

fn with_shared_help(command: clap::Command) -> clap::Command {
    let with_help = |argument: clap::Arg| match argument.get_id().as_str() {
        "organization" if argument.get_help().is_none() => argument.help("Name of the organization"),
        _ => argument,
    };
    command.mut_args(with_help).mut_subcommands(with_shared_help)
}

/// Prints the help, or the error in the arguments. With `--json` the error is the JSON document.
fn print_parse_result(error: &clap::Error) -> ExitCode {
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    if is_json && error.use_stderr() {
        let text = error.render().to_string();
        let text = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        Output::new(true).error(&UsageError::invalid_arguments(text).into());
    } else {
        let _ = error.print();
    }
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

async fn dispatch(arguments: LeadgateArguments, output: &Output) -> anyhow::Result<()> {
    let listen = match &arguments.command {
        // Needs no configuration.
        Some(LeadgateCommand::Completion { shell }) => {
            commands::completion::run(*shell, command_line(), output);
            return Ok(());
        }
        Some(LeadgateCommand::Serve { listen }) => *listen,
        _ => None,
    };
    let config = super::configuration(&arguments.flags, listen)?;
    match arguments.command.unwrap_or(LeadgateCommand::Serve { listen: None }) {
        LeadgateCommand::Serve { .. } => run::all_in_one(config).await,
        LeadgateCommand::Migrate { restored } => commands::migrate(&config, restored, output).await,
        LeadgateCommand::Organization(command) => commands::organization::run(command, &config, output).await,
        LeadgateCommand::Key(command) => commands::key::run(command, &config, output).await,
        LeadgateCommand::Source(command) => commands::source::run(command, &config, output).await,
        LeadgateCommand::Endpoint(command) => commands::endpoint::run(command, &config, output).await,
        LeadgateCommand::Delivery(command) => commands::delivery::run(command, &config, output).await,
        LeadgateCommand::Event(command) => commands::event::run(command, &config, output).await,
        LeadgateCommand::Mapping(command) => commands::mapping::run(command, &config, output).await,
        LeadgateCommand::Tag(command) => commands::tag::run(command, &config, output).await,
        LeadgateCommand::Quarantine(command) => commands::quarantine::run(command, &config, output).await,
        LeadgateCommand::Reprocess(command) => commands::reprocess::run(command, &config, output).await,
        LeadgateCommand::Suppression(command) => commands::suppression::run(command, &config, output).await,
        LeadgateCommand::Erase(command) => commands::erase::run(command, &config, output).await,
        LeadgateCommand::Retention(command) => commands::retention::run(command, &config, output).await,
        LeadgateCommand::Consent(command) => commands::consent::run(command, &config, output).await,
        LeadgateCommand::Score(command) => commands::score::run(command, &config, output).await,
        LeadgateCommand::Lead(command) => commands::lead::run(command, &config, output).await,
        LeadgateCommand::Report(command) => commands::report::run(command, &config, output).await,
        LeadgateCommand::Audit(command) => commands::audit::run(command, &config, output).await,
        LeadgateCommand::Parked(command) => commands::parked::run(command, &config, output).await,
        LeadgateCommand::Queue(command) => commands::queue::run(command, &config, output).await,
        LeadgateCommand::Config(command) => commands::config::run(&command, &config, output),
        LeadgateCommand::Completion { .. } => Ok(()),
        LeadgateCommand::Backup { file } => commands::backup::backup(&config, &file, output).await,
        LeadgateCommand::Restore { file } => commands::backup::restore(&config, &file, output).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const ID: &str = "01a1fea9-1461-757d-9d74-5642f0fe5c4b";

    /// A valid command line for each subcommand that has `--organization`, without that option.
    fn commands(command: &clap::Command, words: &[&str], file: &str) -> Vec<Vec<String>> {
        let mut lines = Vec::new();
        let mut arguments = command.get_arguments();
        if arguments.any(|argument| argument.get_id() == "organization") {
            let mut line: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            for argument in command.get_arguments().filter(|argument| argument.is_required_set()) {
                let value = match argument.get_id().as_str() {
                    "organization" => continue,
                    "file" | "body" => file,
                    "to" => "1",
                    "name" => "spring",
                    "status" => "contacted",
                    "url" => "https://crm.example/",
                    "events" => "test",
                    _ => ID,
                };
                line.extend(argument.get_long().map(|long| format!("--{long}")));
                line.push(value.to_owned());
            }
            lines.push(line);
        }
        for subcommand in command.get_subcommands() {
            lines.extend(commands(subcommand, &[words, &[subcommand.get_name()]].concat(), file));
        }
        lines
    }

    fn visit(command: &clap::Command, path: &str, visitor: &mut impl FnMut(&str, &clap::Command)) {
        let path = format!("{path} {}", command.get_name());
        visitor(path.trim(), command);
        let subcommands = command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help");
        subcommands.for_each(|subcommand| visit(subcommand, &path, visitor));
    }

    #[test]
    fn completion_scripts_contain_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command_line(), "leadgate", &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["quarantine", "retention", "create-organization", "completion"] {
                assert!(script.contains(word), "{shell}: no {word}");
            }
        }
    }

    #[test]
    fn every_command_and_argument_has_a_help_text() {
        let mut without_help = Vec::new();
        let mut line = command_line();
        line.build();
        visit(&line, "", &mut |path, command| {
            let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
            without_help.extend(arguments.map(|argument| format!("{path}: {}", argument.get_id())));
            without_help.extend(command.get_about().is_none().then(|| path.to_owned()));
        });
        assert_eq!(without_help, [""; 0]);
    }

    #[test]
    fn options_of_a_command_come_before_options_of_all_commands() {
        let mut line = command_line();
        line.build();
        visit(&line, "", &mut |path, command| {
            let help = command.clone().render_help().to_string();
            let position =
                |text: &str| help.find(text).unwrap_or_else(|| panic!("{path}: no {text} in {help}"));
            let positions =
                ["--help", "\nOutput:", "--json", "\nConnection:", "--config", "--data"].map(position);
            assert!(positions.is_sorted(), "{path}: {help}");
            let (own, _) = help.split_at(positions[1]);
            let longs = command.get_arguments().filter(|argument| argument.get_help_heading().is_none());
            for long in longs.filter_map(clap::Arg::get_long).filter(|long| *long != "version") {
                assert!(own.contains(&format!("--{long}")), "{path}: --{long} in {help}");
            }
        });
    }

    /// Suppression entries of an organization with a mistyped name would have no effect.
    #[tokio::test]
    async fn no_command_creates_a_mistyped_organization() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "phone\n+14155550132\n").unwrap();
        let data = folder.path().to_str().unwrap();
        let run = async |line: &[String]| {
            let words = ["leadgate", "--json", "--data", data].map(str::to_owned).into_iter();
            let arguments = LeadgateArguments::try_parse_from(words.chain(line.iter().cloned()));
            dispatch(arguments.unwrap_or_else(|error| panic!("{line:?}: {error}")), &Output::new(true)).await
        };
        let create = ["organization", "create", "acme"].map(str::to_owned);
        let error = run(&create).await.expect_err("the folder has no installation").to_string();
        assert!(error.contains("no installation was found") && error.contains("store.db"), "{error}");
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "only `migrate` creates an installation");
        run(&["migrate".to_owned()]).await.unwrap();
        run(&create).await.unwrap();
        let all = commands(&command_line(), &[], file.to_str().unwrap());
        assert!(all.len() > 30, "{all:#?}");
        for mut line in all {
            line.extend(["--organization", "acne"].map(str::to_owned));
            let error = run(&line).await.expect_err("the organization does not exist");
            let usage = error.downcast_ref();
            let Some(UsageError::Arguments(message)) = usage else { panic!("{line:?}: {error:#}") };
            assert!(message.contains("similar names: `acme`"), "{line:?}: {message}");
        }
        let config = Config::load(&Flags { config: None, data: Some(data.into()) }, None).unwrap();
        let store = commands::open_store(&config).await.unwrap();
        let organizations = store.organizations().await.unwrap();
        let names: Vec<_> = organizations.into_iter().map(|organization| organization.name).collect();
        assert_eq!(names, ["acme"]);
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!files.into_iter().any(|name| name.to_str().unwrap().contains("results")));
    }
}
