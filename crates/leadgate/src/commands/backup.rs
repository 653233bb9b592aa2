//! `leadgate backup` and `leadgate restore`: one file with the data of the embedded shape.
//!
//! The queue is copied before the store. A submission that is in both copies is recognized as a redelivery.
//! In the reverse order, a lead that is committed and acknowledged between the two copies would be missing in
//! both.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use super::{Output, UsageError, files, require_installation};
use crate::config::Config;
use crate::{data_folder_lock, ports, secret};

/// The description of a backup file in errors.
const BACKUP: &str = "a file that `leadgate backup` wrote";

const QUEUE: &str = "queue.db";
const STORE: &str = "store.db";

/// Writes queue, store and secret into one tar file. The server may be running.
pub(crate) async fn backup(config: &Config, file: &Path, output: &Output) -> anyhow::Result<()> {
    ensure!(
        config.is_embedded(),
        UsageError::invalid_arguments(
            "`leadgate backup` supports the embedded shape only; use the tools of PostgreSQL and RabbitMQ"
        )
    );
    require_installation(config)?;
    ensure!(
        config.data.join(secret::FILE).exists(),
        UsageError::invalid_arguments(format!(
            "the data folder {} has no file `{}`, so a backup would be incomplete: copy the secret into this file",
            config.data.display(),
            secret::FILE
        ))
    );
    files::require_new(file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let copies = tempfile::tempdir_in(folder)?;
    ports::queue_backup(config, &copies.path().join(QUEUE)).await.context("copying the queue")?;
    ports::store(config)?.backup_to(&copies.path().join(STORE)).await.context("copying the store")?;
    fs::copy(config.data.join(secret::FILE), copies.path().join(secret::FILE))?;

    let temporary = tempfile::NamedTempFile::new_in(folder)?;
    let mut archive = tar::Builder::new(temporary.as_file());
    for name in [QUEUE, STORE, secret::FILE] {
        archive.append_path_with_name(copies.path().join(name), name)?;
    }
    archive.finish()?;
    drop(archive);
    temporary.as_file().sync_all()?;
    let bytes = temporary.as_file().metadata()?.len();
    temporary.persist_noclobber(file)?;
    secret::sync_folder(folder)?;
    output.print(&json!({ "file": file, "bytes": bytes }), |line| {
        line(&format!(
            "{bytes} bytes written to {}; it contains the secret, so keep it safe",
            file.display()
        ));
    });
    Ok(())
}

/// Restores a backup into an empty data folder.
pub(crate) async fn restore(config: &Config, file: &Path, output: &Output) -> anyhow::Result<()> {
    ensure!(
        config.is_embedded(),
        UsageError::invalid_arguments(
            "`leadgate restore` supports the embedded shape only; use the tools of PostgreSQL and RabbitMQ"
        )
    );
    let archive = files::open(file, BACKUP)?;
    fs::create_dir_all(&config.data)?;
    let _lock = data_folder_lock::take(config)?;
    for name in [QUEUE, STORE, secret::FILE] {
        let target = config.data.join(name);
        ensure!(
            !target.exists(),
            UsageError::invalid_arguments(format!(
                "{} already exists: restore into an empty folder (--data)",
                target.display()
            ))
        );
    }
    let staged = tempfile::tempdir_in(&config.data)?;
    unpack(archive, staged.path(), file)?;
    // The secret is moved last: a folder without it is not an installation.
    for name in [QUEUE, STORE, secret::FILE] {
        fs::rename(staged.path().join(name), config.data.join(name))?;
    }
    secret::sync_folder(&config.data)?;
    let store = ports::store(config)?;
    if let Err(error) = store.check().await.and(store.match_key().await) {
        bail!("the restored store cannot be opened: {error}");
    }
    store.renew_epoch().await.context("recording the restore in the store")?;
    output.print(&json!({ "restored": config.data }), |line| {
        line(&format!("restored into {}", config.data.display()));
    });
    Ok(())
}

/// Unpacks the three files of the archive. Errors of the archive reader are not printed, because they quote
/// the file.
fn unpack(archive: File, folder: &Path, file: &Path) -> anyhow::Result<()> {
    let invalid = || {
        UsageError::invalid_arguments(format!(
            "{} is not a complete backup; expected {BACKUP}",
            file.display()
        ))
    };
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(|_| invalid())? {
        let mut entry = entry.map_err(|_| invalid())?;
        let name = entry.path().map_err(|_| invalid())?.to_string_lossy().into_owned();
        ensure!([QUEUE, STORE, secret::FILE].contains(&name.as_str()), invalid());
        ensure!(!folder.join(&name).exists(), invalid());
        let size = entry.size();
        let mut target = create_private(&folder.join(name))?;
        ensure!(io::copy(&mut entry, &mut target)? == size, invalid());
        target.sync_all()?;
    }
    ensure!([QUEUE, STORE, secret::FILE].iter().all(|name| folder.join(name).exists()), invalid());
    Ok(())
}

/// Creates a file that only its owner can read.
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}
