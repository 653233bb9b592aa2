//! Reads values from arguments, files or standard input. Other users of the machine can see arguments in the
//! process list, and shells store them in their history.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::{UsageError, files};

/// Replaces `-` by the lines of standard input and `@FILE` by the lines of a file.
#[derive(Default)]
pub(super) struct ValueReader {
    stdin_was_read: bool,
}

impl ValueReader {
    pub(super) fn read(&mut self, arguments: &[String]) -> anyhow::Result<Vec<String>> {
        let mut values = Vec::new();
        for argument in arguments {
            let text = match argument.strip_prefix('@') {
                Some(file) => files::text(Path::new(file), "a text file with one value per line")?,
                None if argument == "-" => self.stdin()?,
                None => argument.clone(),
            };
            values.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        }
        Ok(values)
    }

    fn stdin(&mut self) -> anyhow::Result<String> {
        ensure!(
            !self.stdin_was_read,
            UsageError::invalid_arguments("`-` (standard input) is given twice; use it once per command")
        );
        self.stdin_was_read = true;
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading values from standard input")?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_by_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("phones.txt");
        std::fs::write(&file, "+1 415 555 0100\n\n  +1 415 555 0101 \r\n").unwrap();
        let arguments = ["+1 415 555 0102".to_owned(), format!("@{}", file.display())];
        let values = ValueReader::default().read(&arguments).unwrap();
        assert_eq!(values, ["+1 415 555 0102", "+1 415 555 0100", "+1 415 555 0101"]);
        let missing = ValueReader::default().read(&["@/no/such/file".to_owned()]).unwrap_err();
        assert!(missing.to_string().contains("/no/such/file"), "{missing}");
        assert!(ValueReader { stdin_was_read: true }.read(&["-".to_owned()]).is_err());
    }
}
