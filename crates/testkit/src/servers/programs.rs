//! Finds the programs of the servers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The environment variable with a folder of unpacked packages of another Debian release. Their servers are
/// used in place of the installed ones. `deploy/newer-servers` creates such a folder.
const FOLDER: &str = "LEADGATE_TEST_SERVERS";

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// A path of a Debian package, in the folder if one is configured.
fn packaged(path: &str) -> PathBuf {
    folder().unwrap_or_else(|| PathBuf::from("/")).join(path)
}

/// The folder with the programs of the newest PostgreSQL: `/usr/lib/postgresql/*/bin`, or the folder of
/// `initdb` in `PATH`.
pub(crate) fn postgres_bin() -> anyhow::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(packaged("usr/lib/postgresql"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin): &(u32, PathBuf)| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    if let Some((_, bin)) = versions.pop() {
        return Ok(bin);
    }
    let initdb = in_path("initdb").context("PostgreSQL is not installed: initdb is not in PATH")?;
    initdb.parent().map(Path::to_path_buf).context("initdb has no folder")
}

/// The RabbitMQ program `name`. Debian's wrapper in `/usr/sbin` is not used, because it requires the user and
/// folders of the system.
pub(crate) fn rabbitmq(name: &str) -> anyhow::Result<PathBuf> {
    let packaged = packaged("usr/lib/rabbitmq/bin").join(name);
    if packaged.is_file() {
        return Ok(packaged);
    }
    in_path(name).with_context(|| format!("RabbitMQ is not installed: {name} is not in PATH"))
}

/// The Erlang port mapper, with which nodes find each other.
pub(crate) fn epmd() -> anyhow::Result<PathBuf> {
    let packaged = packaged("usr/lib/erlang/bin/epmd");
    if packaged.is_file() {
        return Ok(packaged);
    }
    in_path("epmd").context("Erlang is not installed: epmd is not in PATH")
}

/// The `PATH` with which RabbitMQ's scripts find the Erlang of the folder; `None` without a folder.
pub(crate) fn path_to_erlang() -> anyhow::Result<Option<OsString>> {
    let Some(folder) = folder() else { return Ok(None) };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [folder.join("usr/lib/erlang/bin")].into_iter().chain(std::env::split_paths(&path));
    Ok(Some(std::env::join_paths(folders)?))
}

/// The Redis server, or Valkey if the distribution has no Redis.
pub(crate) fn redis() -> anyhow::Result<PathBuf> {
    if folder().is_some() {
        let valkey = packaged("usr/bin/valkey-server");
        anyhow::ensure!(valkey.is_file(), "usr/bin/valkey-server is not in the folder of {FOLDER}");
        return Ok(valkey);
    }
    in_path("redis-server")
        .or_else(|| in_path("valkey-server"))
        .context("Redis is not installed: redis-server is not in PATH")
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let system_folders = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system_folders)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
