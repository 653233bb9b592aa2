//! One running server per data folder.

use std::fs::{File, TryLockError};

use anyhow::{Context as _, bail};

use crate::config::Config;

/// Held while `serve` or `restore` works on a data folder; the system lets go of it when the process ends.
pub(crate) struct DataFolderLock(
    #[expect(dead_code, reason = "the lock lives as long as the open file")] File,
);

/// Takes the data folder, or says who has it.
pub(crate) fn take(config: &Config) -> anyhow::Result<DataFolderLock> {
    let path = config.data.join("lock");
    let file = File::create(&path).with_context(|| format!("the lock file {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(DataFolderLock(file)),
        Err(TryLockError::WouldBlock) => {
            bail!("another leadgate is running on the data folder {}", config.data.display())
        }
        Err(TryLockError::Error(error)) => Err(error).context("the data folder cannot be locked"),
    }
}
