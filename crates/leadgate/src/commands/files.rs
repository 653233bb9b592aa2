//! Reads and writes files that are named by arguments.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use leadgate_domain::read_toml;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

use super::UsageError;
use crate::error_wording::plain_message;
use crate::secret;

/// Reads a text file. `expected` describes the file in errors.
pub(crate) fn text(file: &Path, expected: &str) -> Result<String, UsageError> {
    fs::read_to_string(file).map_err(|error| unreadable(file, expected, &error))
}

/// Reads a document in TOML, or in JSON if the name of the file ends with `.json`. `kind` is its name in errors.
pub(crate) fn document<T: DeserializeOwned>(file: &Path, kind: &str, expected: &str) -> anyhow::Result<T> {
    let text = text(file, expected)?;
    let parsed = match file.extension().is_some_and(|extension| extension == "json") {
        true => serde_json::from_str(&text).map_err(|error| error.to_string()),
        false => read_toml(&text).map_err(|error| message_with_line(&text, &error)),
    };
    let invalid = |problem: String| {
        let problem = plain_message(&problem);
        UsageError::invalid_arguments(format!("invalid {kind} in {}: {problem}", file.display()))
    };
    Ok(parsed.map_err(invalid)?)
}

/// The message with the number of the line. The line itself is not printed, because the file may be a wrong
/// one.
fn message_with_line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
    format!("{}{}", line.unwrap_or_default(), error.message())
}

pub(crate) fn bytes(file: &Path, expected: &str) -> Result<Vec<u8>, UsageError> {
    fs::read(file).map_err(|error| unreadable(file, expected, &error))
}

pub(crate) fn open(file: &Path, expected: &str) -> Result<File, UsageError> {
    let opened = File::open(file).and_then(|opened| match opened.metadata()?.is_dir() {
        true => Err(ErrorKind::IsADirectory.into()),
        false => Ok(opened),
    });
    opened.map_err(|error| unreadable(file, expected, &error))
}

/// Fails if the file exists.
pub(crate) fn require_new(file: &Path) -> Result<(), UsageError> {
    match file.exists() {
        true => Err(UsageError::invalid_arguments(format!(
            "{} already exists; choose a new file name",
            file.display()
        ))),
        false => Ok(()),
    }
}

/// A file that has its name only when it is complete. Only its owner can read it.
pub(crate) struct NewFile<'p> {
    path: &'p Path,
    folder: &'p Path,
    temporary: NamedTempFile,
}

impl<'p> NewFile<'p> {
    /// # Errors
    /// If the file exists, or its folder cannot be written.
    pub(crate) fn create(path: &'p Path) -> anyhow::Result<Self> {
        require_new(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { path, folder, temporary: NamedTempFile::new_in(folder)? })
    }

    pub(crate) fn as_file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// If the file exists by now, or a write fails.
    pub(crate) fn persist(self) -> anyhow::Result<()> {
        self.temporary.as_file().sync_all()?;
        self.temporary.persist_noclobber(self.path)?;
        Ok(secret::sync_folder(self.folder)?)
    }
}

pub(crate) fn unreadable(file: &Path, expected: &str, error: &io::Error) -> UsageError {
    let cause = match error.kind() {
        ErrorKind::NotFound => "the file does not exist".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    UsageError::invalid_arguments(format!("cannot read {}: {cause}; expected {expected}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_the_cause_and_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        for (file, cause) in [
            (folder.path().join("missing"), "the file does not exist"),
            (folder.path().to_owned(), "it is a folder"),
            (binary, "it is not UTF-8 text"),
        ] {
            let error = text(&file, "a mapping (TOML)").unwrap_err().to_string();
            let expected = format!("cannot read {}: {cause}; expected a mapping (TOML)", file.display());
            assert_eq!(error, expected);
        }
        assert!(open(folder.path(), "a backup").is_err() && require_new(folder.path()).is_err());
    }
}
