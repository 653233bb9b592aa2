//! Backups of a SQLite store.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::StoreError;
use crate::store::{SqliteStore, Store};

impl Store {
    /// Writes a consistent copy of a SQLite store to a new file, concurrently with other work. The file must
    /// not exist. The copy is synced to the disk when this returns.
    pub async fn backup_to(&self, file: &Path) -> Result<(), StoreError> {
        let address = self.embedded()?.address.clone();
        let unusable =
            |error: std::io::Error| StoreError::Config(format!("the copy cannot be written: {error}"));
        let name = file.to_str().filter(|name| !name.contains('\0')).map(|name| name.replace('\'', "''"));
        let name = name.ok_or_else(|| StoreError::Config("the copy's name is not text".to_owned()))?;
        // SQLite writes into an empty file, but would make it readable for others.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(unusable)?;
        // On a connection of its own: it takes as long as it takes, readers may not run it, and the writer
        // writes on.
        let copy = move || {
            let mut session = address.connect()?;
            session
                .batch(&format!("VACUUM INTO '{name}'"))
                .map_err(|error| session.classify_failure(error.into()))
        };
        tokio::task::spawn_blocking(copy).await.map_err(|_| StoreError::Panicked)??;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        for path in [file, folder] {
            File::open(path).and_then(|file| file.sync_all()).map_err(unusable)?;
        }
        Ok(())
    }

    /// The problems that SQLite's integrity check reports. Empty for an intact file.
    pub async fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        let address = self.embedded()?.address.clone();
        // As long as a copy, and on a connection of its own for the same reasons.
        let check = move || {
            let mut session = address.connect()?;
            session.integrity_check().map_err(|error| session.classify_failure(error.into()))
        };
        let found = tokio::task::spawn_blocking(check).await.map_err(|_| StoreError::Panicked)??;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    fn embedded(&self) -> Result<&SqliteStore, StoreError> {
        match self {
            Self::Sqlite(store) => Ok(store),
            Self::Postgres(_) => {
                Err(StoreError::Unsupported("PostgreSQL has its own tools for this: pg_dump"))
            }
        }
    }
}
