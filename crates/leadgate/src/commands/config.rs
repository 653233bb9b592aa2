//! The command `leadgate config`.

use clap::Subcommand;

use super::Output;
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the active configuration, without secrets
    Show,
}

pub(crate) fn run(command: &ConfigCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    let ConfigCommand::Show = command;
    let shown = config.redacted();
    let text = toml::to_string(&shown)?;
    output.print(&shown, |line| line(text.trim_end()));
    Ok(())
}
