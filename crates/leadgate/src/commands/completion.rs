//! The command `leadgate completion`.

use clap_complete::{Shell, generate};
use serde_json::json;

use super::Output;

pub(crate) fn run(shell: Shell, mut command_line: clap::Command, output: &Output) {
    let name = command_line.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell, &mut command_line, name, &mut script);
    let script = String::from_utf8_lossy(&script);
    output.print(&json!({ "shell": shell.to_string(), "script": script }), |line| line(script.trim_end()));
}
