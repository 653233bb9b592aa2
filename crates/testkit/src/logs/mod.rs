//! The log folder of a test run: what every process of the product wrote, and what must not be in it.

mod process;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use process::TestProcess;

/// The variable that names the log folder.
pub const ENVIRONMENT: &str = "LEADGATE_TEST_LOGS";

/// The file in the log folder that lists, line by line, what no log may contain.
pub const PERSONAL_DATA: &str = "personal-data.txt";

/// Shorter things would be found in any log.
const SHORTEST: usize = 4;

/// The log folder of this test run, made if it is not there: what [`ENVIRONMENT`] says, else `target/test-logs`.
///
/// # Errors
/// When it cannot be made.
pub fn folder() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os(ENVIRONMENT).map_or_else(default_folder, PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn default_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    target.join("test-logs")
}

/// Notes personal data and secrets that a test used. After the tests, `deploy/test` looks for them in every log.
///
/// # Errors
/// When the list cannot be written.
pub fn expect_absent(personal: &[String]) -> anyhow::Result<()> {
    let lines = personal.iter().flat_map(|text| text.lines()).map(str::trim);
    let text: String = lines.filter(|line| line.len() >= SHORTEST).map(|line| format!("{line}\n")).collect();
    let file = folder()?.join(PERSONAL_DATA);
    // One write, so that tests that run at the same time do not write into each other's lines.
    std::fs::File::options().create(true).append(true).open(file)?.write_all(text.as_bytes())?;
    Ok(())
}
