//! A lock that allows one running server per data folder.

use std::fs::{File, TryLockError};

use anyhow::{Context as _, bail};

use crate::config::Config;

/// Held while `serve` or `restore` uses a data folder. The system releases it when the process ends.
pub(crate) struct DataFolderLock(
    #[expect(dead_code, reason = "the lock lives as long as the open file")] File,
);

/// Locks the data folder. Fails if another process has locked it.
pub(crate) fn take(config: &Config) -> anyhow::Result<DataFolderLock> {
    let path = config.data.join("lock");
    let file = File::create(&path).with_context(|| format!("the lock file {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(DataFolderLock(file)),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another leadgate process uses the data folder {}: stop it, or choose another folder with --data",
                config.data.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data folder"),
    }
}
