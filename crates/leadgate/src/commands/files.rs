//! Files that arguments name.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::UsageError;

/// The text of a file; `what` says in an error what the file should have been.
pub(crate) fn text(file: &Path, what: &str) -> Result<String, UsageError> {
    fs::read_to_string(file).map_err(|error| unreadable(file, what, &error))
}

pub(crate) fn bytes(file: &Path, what: &str) -> Result<Vec<u8>, UsageError> {
    fs::read(file).map_err(|error| unreadable(file, what, &error))
}

pub(crate) fn open(file: &Path, what: &str) -> Result<File, UsageError> {
    let opened = File::open(file).and_then(|opened| match opened.metadata()?.is_dir() {
        true => Err(ErrorKind::IsADirectory.into()),
        false => Ok(opened),
    });
    opened.map_err(|error| unreadable(file, what, &error))
}

/// A file that a command writes must not exist.
pub(crate) fn is_new(file: &Path) -> Result<(), UsageError> {
    match file.exists() {
        true => {
            Err(UsageError::invalid_arguments(format!("{} exists already; name a new file", file.display())))
        }
        false => Ok(()),
    }
}

pub(crate) fn unreadable(file: &Path, what: &str, error: &io::Error) -> UsageError {
    let why = match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
        _ => error.to_string(),
    };
    UsageError::invalid_arguments(format!("{} cannot be read: {why}; expected {what}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_and_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        for (file, why) in [
            (folder.path().join("missing"), "there is no such file"),
            (folder.path().to_owned(), "it is a folder"),
            (binary, "it is not text in UTF-8"),
        ] {
            let error = text(&file, "a mapping (TOML)").unwrap_err().to_string();
            assert!(error.starts_with(&file.display().to_string()), "{error}");
            assert!(error.ends_with(&format!("cannot be read: {why}; expected a mapping (TOML)")), "{error}");
        }
        assert!(open(folder.path(), "a backup").is_err() && is_new(folder.path()).is_err());
    }
}
