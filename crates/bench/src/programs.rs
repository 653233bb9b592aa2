//! The programs that are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use serde_json::Value;

/// The environment variables of an installation.
pub(crate) type Environment = [(String, String)];

/// A folder with `leadgate`, `leadgate-gateway` and `leadgate-worker` of one revision.
#[derive(Clone, Debug)]
pub(crate) struct ProgramFolder {
    /// The name of the revision in the results.
    pub(crate) revision: String,
    folder: PathBuf,
}

impl ProgramFolder {
    /// # Errors
    /// When a program is missing.
    pub(crate) fn new(revision: &str, folder: &Path) -> anyhow::Result<Self> {
        for program in ["leadgate", "leadgate-gateway", "leadgate-worker"] {
            let file = folder.join(program);
            ensure!(file.is_file(), "{} is missing: build it, or name a folder with it", file.display());
        }
        Ok(Self { revision: revision.to_owned(), folder: folder.to_path_buf() })
    }

    pub(crate) fn command(&self, program: &str, arguments: &[&str], environment: &Environment) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.args(arguments).envs(environment.iter().cloned());
        command
    }

    /// Runs `leadgate --json` and returns its output.
    ///
    /// # Errors
    /// When it fails. The error contains its output.
    pub(crate) async fn cli(&self, arguments: &[&str], environment: &Environment) -> anyhow::Result<Value> {
        let mut command = tokio::process::Command::from(self.command("leadgate", &["--json"], environment));
        let output = command.args(arguments).kill_on_drop(true).output().await?;
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "leadgate {}: {stdout} {stderr}", arguments.join(" "));
        Ok(serde_json::from_str(stdout.trim())?)
    }
}
