//! `leadgate backup` and `leadgate restore`: the embedded shape in one file.
//!
//! The queue is copied first, then the store: what is in both is absorbed by the inbox. The other way round, a lead
//! that was committed and acknowledged between the two copies would be in neither.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use super::{Output, UsageError, files, require_installation};
use crate::config::Config;
use crate::{data_folder_lock, ports, secret};

/// What `restore` takes.
const BACKUP: &str = "a file that `leadgate backup` wrote";

const QUEUE: &str = "queue.db";
const STORE: &str = "store.db";

/// Writes queue, store and secret into one tar file, beside a running server.
pub(crate) async fn backup(config: &Config, file: &Path, output: &Output) -> anyhow::Result<()> {
    ensure!(
        config.is_embedded(),
        UsageError::invalid_arguments(
            "backup is for the embedded shape; use the tools of PostgreSQL and RabbitMQ"
        )
    );
    require_installation(config)?;
    ensure!(
        config.data.join(secret::FILE).exists(),
        UsageError::invalid_arguments(format!(
            "the secret is not kept in {}: a backup of it would be incomplete",
            config.data.display()
        ))
    );
    files::is_new(file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let copies = tempfile::tempdir_in(folder)?;
    ports::queue_backup(config, &copies.path().join(QUEUE)).await.context("copying the queue")?;
    ports::store(config)?.backup_to(&copies.path().join(STORE)).await.context("copying the store")?;
    fs::copy(config.data.join(secret::FILE), copies.path().join(secret::FILE))?;

    let whole = tempfile::NamedTempFile::new_in(folder)?;
    let mut archive = tar::Builder::new(whole.as_file());
    for name in [QUEUE, STORE, secret::FILE] {
        archive.append_path_with_name(copies.path().join(name), name)?;
    }
    archive.finish()?;
    drop(archive);
    whole.as_file().sync_all()?;
    let bytes = whole.as_file().metadata()?.len();
    whole.persist_noclobber(file)?;
    secret::sync_folder(folder)?;
    output.print(&json!({ "file": file, "bytes": bytes }), |line| {
        line(&format!("{bytes} bytes in {}; keep it as safe as the secret it contains", file.display()));
    });
    Ok(())
}

/// Puts a backup in place of an empty data folder.
pub(crate) async fn restore(config: &Config, file: &Path, output: &Output) -> anyhow::Result<()> {
    ensure!(
        config.is_embedded(),
        UsageError::invalid_arguments(
            "restore is for the embedded shape; use the tools of PostgreSQL and RabbitMQ"
        )
    );
    let archive = files::open(file, BACKUP)?;
    fs::create_dir_all(&config.data)?;
    let _lock = data_folder_lock::take(config)?;
    for name in [QUEUE, STORE, secret::FILE] {
        let place = config.data.join(name);
        ensure!(
            !place.exists(),
            UsageError::invalid_arguments(format!(
                "{} exists: restore into an empty folder (--data)",
                place.display()
            ))
        );
    }
    let staged = tempfile::tempdir_in(&config.data)?;
    unpack(archive, staged.path(), file)?;
    // The secret last: without it the folder does not pass for an installation.
    for name in [QUEUE, STORE, secret::FILE] {
        fs::rename(staged.path().join(name), config.data.join(name))?;
    }
    secret::sync_folder(&config.data)?;
    let store = ports::store(config)?;
    if let Err(error) = store.check().await.and(store.match_key().await) {
        bail!("the restored store does not open: {error}");
    }
    store.renew_epoch().await.context("noting that the store was restored")?;
    output.print(&json!({ "restored": config.data }), |line| {
        line(&format!("restored into {}", config.data.display()));
    });
    Ok(())
}

/// Takes the three files out of the archive. An error of the archive's reader is not shown: it quotes the file.
fn unpack(archive: File, folder: &Path, file: &Path) -> anyhow::Result<()> {
    let no_backup = || {
        UsageError::invalid_arguments(format!("{} is not a whole backup; expected {BACKUP}", file.display()))
    };
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(|_| no_backup())? {
        let mut entry = entry.map_err(|_| no_backup())?;
        let name = entry.path().map_err(|_| no_backup())?.to_string_lossy().into_owned();
        ensure!([QUEUE, STORE, secret::FILE].contains(&name.as_str()), no_backup());
        ensure!(!folder.join(&name).exists(), no_backup());
        let size = entry.size();
        let mut place = private(&folder.join(name))?;
        ensure!(io::copy(&mut entry, &mut place)? == size, no_backup());
        place.sync_all()?;
    }
    ensure!([QUEUE, STORE, secret::FILE].iter().all(|name| folder.join(name).exists()), no_backup());
    Ok(())
}

/// A file that only its owner reads.
fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}
