//! Reads and writes files that are named by arguments.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use tempfile::NamedTempFile;

use super::UsageError;
use crate::secret;

/// Reads a text file. `expected` describes the file in errors.
pub(crate) fn text(file: &Path, expected: &str) -> Result<String, UsageError> {
    fs::read_to_string(file).map_err(|error| unreadable(file, expected, &error))
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
