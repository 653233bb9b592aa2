//! The log folder of a test run: the output of all processes of the product, and a list of values that it
//! must not contain.

mod process;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use process::TestProcess;

/// The environment variable with the path of the log folder.
pub const ENVIRONMENT: &str = "LEADGATE_TEST_LOGS";

/// The file in the log folder with the values that no log may contain, one per line.
pub const PERSONAL_DATA: &str = "personal-data.txt";

/// Shorter values would be in any log by chance. In bytes.
const MIN_LENGTH: usize = 4;

/// The log folder of this test run: the value of [`ENVIRONMENT`], or `target/test-logs`. It is created if
/// necessary.
///
/// # Errors
/// When it cannot be created.
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

/// Records personal data and secrets of a test. After the tests, `deploy/test` searches all logs for them.
///
/// # Errors
/// When the list cannot be written.
pub fn expect_absent(personal: &[String]) -> anyhow::Result<()> {
    let lines = personal.iter().flat_map(|text| text.lines()).map(str::trim);
    let text: String =
        lines.filter(|line| line.len() >= MIN_LENGTH).map(|line| format!("{line}\n")).collect();
    let file = folder()?.join(PERSONAL_DATA);
    // One write, so that the lines of concurrent tests are not mixed.
    std::fs::File::options().create(true).append(true).open(file)?.write_all(text.as_bytes())?;
    Ok(())
}
